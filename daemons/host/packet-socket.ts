// Ethernet frames of one protocol on one interface (packet(7)), which needs CAP_NET_RAW: for what must pass without an address of its own,
// and for what says whose an address is. Every call returns at once.

import { readFileSync } from 'node:fs';
import type { Mac } from '../core/mac.ts';
import { macToBytes } from '../core/mac.ts';
import { bindTo, ffi, libc, openSocket, setOption } from './libc.ts';

const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_MULTICAST = 0;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const MSG_DONTWAIT = 0x40;
const SOCKADDR_LL_BYTES = 20;
/** The largest frame that anybody of ours sends is a hundredth of it. */
const FRAME_MAX_BYTES = 2048;

/** One instruction of a classic BPF program: code, jt, jf, k (linux/filter.h). */
export type FilterInstruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

export interface PacketSocketOptions {
  readonly interface: string;
  readonly etherType: number;
  /** `frame`: with its Ethernet header, both ways. `payload`: without; the kernel writes it. */
  readonly content: 'frame' | 'payload';
  /** A group whose frames the card shall let through. */
  readonly group?: Mac;
  /** Which frames are let in; all, when left out. */
  readonly filter?: readonly FilterInstruction[];
}

export interface PacketSocket {
  /** For ppoll. */
  readonly fd: number;
  /** The interface's number when the socket was opened: another one by that name needs another socket. */
  readonly index: number;
  readonly mac: Mac;
  /** The next frame, or undefined when none waits. The bytes are the caller's until the next call. */
  receive(): Uint8Array | undefined;
  /** Sends a frame, or a payload to `to`. False when the link is down or its queue is full: a frame that is lost. */
  send(bytes: Uint8Array, to?: Mac): boolean;
  close(): void;
}

/** struct sockaddr_ll; the protocol alone is in the network's order. */
function linkAddress(etherType: number, index: number, to?: Mac): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_LL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, etherType);
  view.setInt32(4, index, true);
  if (to !== undefined) {
    bytes[11] = 6;
    bytes.set(macToBytes(to), 12);
  }
  return bytes;
}

/** struct packet_mreq. */
function membership(index: number, group: Mac): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, index, true);
  view.setUint16(4, PACKET_MR_MULTICAST, true);
  view.setUint16(6, 6, true);
  bytes.set(macToBytes(group), 8);
  return bytes;
}

/** struct sock_fprog points at the program, which the kernel copies. */
function attach(fd: number, filter: readonly FilterInstruction[]): void {
  const program = new Uint8Array(8 * filter.length);
  const view = new DataView(program.buffer);
  for (const [at, [code, ifTrue, ifFalse, k]] of filter.entries()) {
    view.setUint16(8 * at, code, true);
    view.setUint8(8 * at + 2, ifTrue);
    view.setUint8(8 * at + 3, ifFalse);
    view.setUint32(8 * at + 4, k, true);
  }
  const head = new DataView(new ArrayBuffer(16));
  head.setUint16(0, filter.length, true);
  head.setBigUint64(8, ffi().getRawPointer(program), true);
  setOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(head.buffer));
}

/** Opens the socket. Throws with the reason: no such interface, no capability. */
export function openPacketSocket({ interface: name, etherType, content, group, filter }: PacketSocketOptions): PacketSocket {
  const index = libc().if_nametoindex(name);
  if (index === 0) throw new Error(`interface ${name} is not there`);
  const mac = readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim() as Mac;
  // Protocol 0: nothing comes before it is bound, or frames of all interfaces would.
  const fd = openSocket(AF_PACKET, content === 'frame' ? SOCK_RAW : SOCK_DGRAM, 0);
  if (filter !== undefined) attach(fd, filter);
  if (group !== undefined) setOption(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership(index, group));
  bindTo(fd, linkAddress(etherType, index));
  const buffer = new Uint8Array(FRAME_MAX_BYTES);
  const plain = linkAddress(etherType, index);
  const targets = new Map<Mac, Uint8Array>();
  const targetOf = (to: Mac): Uint8Array => {
    const known = targets.get(to) ?? linkAddress(etherType, index, to);
    targets.set(to, known);
    return known;
  };
  const receive = (): number => Number(libc().recv(fd, buffer, BigInt(FRAME_MAX_BYTES), MSG_DONTWAIT));
  return {
    fd, index, mac,
    receive() {
      const first = receive();
      // An error that waits (the link went down) stands before the frames: told once, it is over.
      const length = first >= 0 ? first : receive();
      return length < 0 ? undefined : buffer.subarray(0, length);
    },
    send(bytes, to) {
      const target = to === undefined ? plain : targetOf(to);
      return libc().sendto(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT, target, target.length) >= 0n;
    },
    close: () => void libc().close(fd),
  };
}
