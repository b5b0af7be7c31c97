// sd_notify(3) without libsystemd: one datagram to the Unix socket that systemd names in NOTIFY_SOCKET.

import { libc, openSocket, sendTo } from './libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** A manager that does not read must not stop the service. */
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** sun_path of struct sockaddr_un (unix(7)). */
const PATH_MAX_BYTES = 108;

/** struct sockaddr_un: a path with its zero, or `@name` for the abstract namespace, where the length counts instead. */
export function unixAddress(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  const abstract = path.startsWith('@');
  if (!abstract && !path.startsWith('/')) throw new Error(`NOTIFY_SOCKET: a path or @name is needed, seen ${path}`);
  if (bytes.length >= PATH_MAX_BYTES) throw new Error(`NOTIFY_SOCKET: shorter than ${PATH_MAX_BYTES} bytes is needed, seen ${bytes.length}`);
  const address = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
  address.set(new Uint8Array(Uint16Array.of(AF_UNIX).buffer), 0);
  address.set(bytes, 2);
  if (abstract) address[2] = 0;
  return address;
}

/** Tells the service manager, e.g. `READY=1`. Does nothing when no manager asked for it; throws when it cannot be told. */
export function sdNotify(state: string, socketPath = process.env['NOTIFY_SOCKET']): void {
  if (socketPath === undefined || socketPath === '') return;
  const address = unixAddress(socketPath);
  const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0);
  try {
    sendTo(fd, new TextEncoder().encode(state), address, MSG_DONTWAIT_NOSIGNAL);
  } finally {
    libc().close(fd);
  }
}

/** How often to send `WATCHDOG=1`: half of what systemd allows (sd_watchdog_enabled(3)); undefined when it asks for none. */
export function watchdogIntervalMs(environment: NodeJS.ProcessEnv = process.env, pid = process.pid): number | undefined {
  const microseconds = Number(environment['WATCHDOG_USEC'] ?? 0);
  const forUs = environment['WATCHDOG_PID'] === undefined || Number(environment['WATCHDOG_PID']) === pid;
  return forUs && Number.isSafeInteger(microseconds) && microseconds > 0 ? microseconds / 2000 : undefined;
}
