// Makes lines of what netconsole sends: per sender, for a plain line may be cut between two datagrams and an extended message into
// several. Datagrams may be lost, repeated and reordered; what is not whole after a while is given up, and memory is bounded.

import type { Ipv4 } from '../core/ipv4.ts';
import { decodeLossy, decodeNetconsole, extendedText, MESSAGE_MAX_BYTES, type NetconsoleDatagram } from '../wire/netconsole.ts';
import { harmless, LINE_MAX_CHARS } from './boot-fact.ts';

/** Senders whose unfinished lines are kept; the one heard of longest ago makes room. */
export const SENDERS_MAX = 256;
/** A plain line that does not end is shown in pieces of this. */
const PLAIN_MAX_BYTES = 4096;
const NEWLINE = 0x0a;

type Extended = Extract<NetconsoleDatagram, { readonly kind: 'extended' }>;

interface Sender {
  plain: Uint8Array;
  /** The message whose fragments are being gathered: one at a time, for the kernel sends them one after the other. */
  message: { readonly sequence: number; readonly bytes: Uint8Array; readonly have: boolean[] } | undefined;
}

const joined = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
};

export class KernelLines {
  readonly #senders = new Map<Ipv4, Sender>();

  /** The lines that this datagram completes, harmless and cut; empty ones are left out. */
  take(from: Ipv4, datagram: Uint8Array): readonly string[] {
    const sender = this.#sender(from);
    const read = decodeNetconsole(datagram);
    const lines = read.kind === 'plain' ? this.#plain(sender, read.bytes) : this.#extended(sender, read);
    return lines.map((line) => harmless(line, LINE_MAX_CHARS).trimEnd()).filter((line) => line !== '');
  }

  #sender(from: Ipv4): Sender {
    const sender = this.#senders.get(from) ?? { plain: new Uint8Array(), message: undefined };
    this.#senders.delete(from);
    this.#senders.set(from, sender);
    const oldest = this.#senders.keys().next();
    if (this.#senders.size > SENDERS_MAX && !oldest.done) this.#senders.delete(oldest.value);
    return sender;
  }

  #plain(sender: Sender, bytes: Uint8Array): string[] {
    const all = joined(sender.plain, bytes);
    const lines: string[] = [];
    let start = 0;
    for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, start)) {
      lines.push(decodeLossy(all.subarray(start, at)));
      start = at + 1;
    }
    for (; all.length - start > PLAIN_MAX_BYTES; start += PLAIN_MAX_BYTES) lines.push(decodeLossy(all.subarray(start, start + PLAIN_MAX_BYTES)));
    sender.plain = all.slice(start);
    return lines;
  }

  #extended(sender: Sender, { sequence, offset, total, bytes }: Extended): string[] {
    if (offset === 0 && bytes.length === total) return extendedText(bytes).split('\n');
    if (sender.message?.sequence !== sequence || sender.message.bytes.length !== total) {
      sender.message = { sequence, bytes: new Uint8Array(Math.min(total, MESSAGE_MAX_BYTES)), have: [] };
    }
    const { message } = sender;
    message.bytes.set(bytes, offset);
    for (let at = offset; at < offset + bytes.length; at++) message.have[at] = true;
    for (let at = 0; at < total; at++) if (message.have[at] !== true) return [];
    sender.message = undefined;
    return extendedText(message.bytes).split('\n');
  }
}
