// The few calls of the C library that Node has no door to, by node:ffi. Loaded when first needed: a machine without it runs on.

import { createRequire } from 'node:module';
import type { WrappedFunctionsFromDefinitions } from 'node:ffi';

const CALLS = {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  setsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'u32'], return: 'i32' },
  sendto: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'], return: 'i64' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
  ppoll: { arguments: ['buffer', 'u64', 'buffer', 'u64'], return: 'i32' },
  sched_setscheduler: { arguments: ['i32', 'i32', 'buffer'], return: 'i32' },
  close: { arguments: ['i32'], return: 'i32' },
  if_nametoindex: { arguments: ['string'], return: 'u32' },
  if_indextoname: { arguments: ['u32', 'buffer'], return: 'u64' },
} as const;

export type Libc = WrappedFunctionsFromDefinitions<typeof CALLS> & {
  /** The error number of the call just made; the engine may change it, so it is for a message and not for a decision. */
  errno(): number;
};

let loaded: Libc | undefined;

/** node:ffi itself. Throws where it is missing or forbidden. */
export function ffi(): typeof import('node:ffi') {
  return createRequire(import.meta.url)('node:ffi') as typeof import('node:ffi');
}

/** The C library of this process. Throws where node:ffi is missing or forbidden. */
export function libc(): Libc {
  if (loaded === undefined) {
    const { lib, functions } = ffi().dlopen(null, CALLS);
    const errnoLocation = lib.getFunction('__errno_location', { arguments: [], return: 'pointer' });
    loaded = { ...functions, errno: () => ffi().getInt32(errnoLocation(), 0) };
  }
  return loaded;
}

/** Sends one datagram to a socket address in the kernel's layout. Throws with the call's name and error number. */
export function sendTo(fd: number, bytes: Uint8Array, address: Uint8Array, flags = 0): void {
  if (libc().sendto(fd, bytes, BigInt(bytes.length), flags, address, address.length) < 0n) throw new Error(`sendto failed, errno ${libc().errno()}`);
}

/** Opens a socket, closed on exec. Throws with the error number: 1 (EPERM) means that a capability is missing. */
export function openSocket(family: number, type: number, protocol: number): number {
  const SOCK_CLOEXEC = 0o2000000;
  const fd = libc().socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw new Error(`socket(${family}, ${type}, ${protocol}) failed, errno ${libc().errno()}`);
  return fd;
}

/** Binds a socket to an address in the kernel's layout. Throws with the error number, and the socket is closed then. */
export function bindTo(fd: number, address: Uint8Array): void {
  if (libc().bind(fd, address, address.length) === 0) return;
  const errno = libc().errno();
  libc().close(fd);
  throw new Error(`bind failed, errno ${errno}`);
}

/** Sets a socket's option. Throws with the error number, and the socket is closed then. */
export function setOption(fd: number, level: number, option: number, value: Uint8Array): void {
  if (libc().setsockopt(fd, level, option, value, value.length) === 0) return;
  const errno = libc().errno();
  libc().close(fd);
  throw new Error(`setsockopt(${level}, ${option}) failed, errno ${errno}`);
}
