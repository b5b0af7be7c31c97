// The TFTP server: requests come in at one port, each transfer has a port of its own (RFC 1350 section 4), and there are
// only so many of them. Read only; a name is a key of the file table, so nothing outside it can be named.

import { equalBytes } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Instant, Machine } from '../core/machine.ts';
import { decodeTftp, encodeTftp, TFTP_ERROR, type TftpRequest } from '../wire/tftp-packet.ts';
import { toNetascii } from './netascii.ts';
import { agreeOnTerms } from './tftp-options.ts';
import { TftpTransfer, type TransferEffect, type TransferOutcome } from './tftp-transfer.ts';

/** Each transfer holds a socket and up to WINDOW_MAX_BYTES in flight; a rack that boots at once is well below this. */
export const TRANSFERS_MAX = 256;
/**
 * A ROM has one transfer, EDK2 at times two. What goes beyond was left behind by a blade that started over without a word,
 * so its oldest makes room; nobody takes the others' places.
 */
export const TRANSFERS_PER_CLIENT_MAX = 8;
/** A converted copy is made for netascii, which only small text files are asked in. */
const NETASCII_MAX_BYTES = 1024 * 1024;
/** The same request again so soon after the first is a copy of it that the network made, not a ROM that starts over. */
const DUPLICATE_REQUEST_MS = 1000;

/** Where a client sends from. */
export interface TftpClient {
  readonly address: Ipv4;
  readonly port: number;
}

/** The files by name. A map is one; a source that renders a file for the client's address is another. */
export interface TftpFiles {
  get(name: string, clientAddress: Ipv4): Uint8Array | undefined;
}

export type TftpInput =
  | { readonly kind: 'request'; readonly client: TftpClient; readonly bytes: Uint8Array }
  | { readonly kind: 'datagram'; readonly transfer: number; readonly client: TftpClient; readonly bytes: Uint8Array }
  /** A socket could not be opened, or broke. */
  | { readonly kind: 'socket-failed'; readonly transfer: number; readonly reason: string }
  | { readonly kind: 'timer' };

export type TftpEffect =
  /** Open a socket on a fresh port for this transfer; its `send` effects follow. */
  | { readonly kind: 'open'; readonly transfer: number; readonly client: TftpClient; readonly file: string; readonly sizeBytes: number }
  | { readonly kind: 'send'; readonly transfer: number; readonly client: TftpClient; readonly bytes: Uint8Array }
  /** Close the transfer's socket. */
  | {
      readonly kind: 'close';
      readonly transfer: number;
      readonly client: TftpClient;
      readonly file: string;
      readonly outcome: TransferOutcome | 'socket-failed';
      readonly detail: string;
      readonly doneBytes: number;
    }
  /** Send an ERROR from the request port. */
  | { readonly kind: 'refuse'; readonly client: TftpClient; readonly bytes: Uint8Array; readonly reason: string };

interface Running {
  readonly client: TftpClient;
  readonly file: string;
  readonly request: Uint8Array;
  readonly startedAt: Instant;
  readonly machine: TftpTransfer;
}

/** The name as the file table has it: EDK2 and iPXE write a leading slash, others `./`. */
export function fileNameOf(asked: string): string {
  return asked.replace(/^(\.?\/)+/, '');
}

const sameClient = (a: TftpClient, b: TftpClient): boolean => a.address === b.address && a.port === b.port;

export class TftpServer implements Machine<TftpInput, TftpEffect> {
  readonly #files: TftpFiles;
  readonly #running = new Map<number, Running>();
  #nextTransfer = 1;

  constructor(files: TftpFiles) {
    this.#files = files;
  }

  /** How many transfers are under way. */
  get transfers(): number {
    return this.#running.size;
  }

  deadline(): Instant | undefined {
    let first: Instant | undefined;
    for (const { machine } of this.#running.values()) {
      const due = machine.deadline();
      if (due !== undefined && (first === undefined || due < first)) first = due;
    }
    return first;
  }

  step(now: Instant, input: TftpInput): readonly TftpEffect[] {
    switch (input.kind) {
      case 'request':
        return this.#onRequest(now, input.client, input.bytes);
      case 'datagram':
        return this.#onDatagram(now, input.transfer, input.client, input.bytes);
      case 'socket-failed': {
        const running = this.#running.get(input.transfer);
        return running === undefined ? [] : [this.#close(input.transfer, running, 'socket-failed', input.reason)];
      }
      case 'timer':
        return Array.from(this.#running).flatMap(([id, running]) => this.#translate(id, running, running.machine.step(now, { kind: 'timer' })));
    }
  }

  #onRequest(now: Instant, client: TftpClient, bytes: Uint8Array): readonly TftpEffect[] {
    const packet = decodeTftp(bytes);
    // Only a request opens a conversation; to answer anything else with an ERROR would let two servers talk for ever.
    if (packet?.kind === 'write') return [refusal(client, TFTP_ERROR.accessViolation, 'this server is read only')];
    if (packet?.kind !== 'read') return [];
    const ended: TftpEffect[] = [];
    for (const [id, running] of this.#running) {
      if (!sameClient(running.client, client)) continue;
      // A request that is repeated before the answer arrived: the transfer's own timer repeats the answer.
      const young = running.machine.doneBytes === 0 || now - running.startedAt < DUPLICATE_REQUEST_MS;
      if (young && equalBytes(running.request, bytes)) return [];
      ended.push(this.#close(id, running, 'replaced', 'a new request from the same port'));
    }
    return [...ended, ...this.#open(now, client, packet, bytes)];
  }

  #open(now: Instant, client: TftpClient, request: TftpRequest, requestBytes: Uint8Array): readonly TftpEffect[] {
    if (request.mode !== 'octet' && request.mode !== 'netascii') {
      return [refusal(client, TFTP_ERROR.illegalOperation, `mode ${request.mode}: octet and netascii are known`)];
    }
    const file = fileNameOf(request.file);
    const bytes = this.#files.get(file, client.address);
    if (bytes === undefined) return [refusal(client, TFTP_ERROR.notFound, `no file ${file}`)];
    if (request.mode === 'netascii' && bytes.length > NETASCII_MAX_BYTES) {
      return [refusal(client, TFTP_ERROR.illegalOperation, `${file} is too large for netascii: ask in octet mode`)];
    }
    const ofClient = Array.from(this.#running).filter(([, running]) => running.client.address === client.address);
    const [oldest] = ofClient.length < TRANSFERS_PER_CLIENT_MAX ? [] : ofClient;
    const closed = oldest === undefined ? [] : [this.#close(...oldest, 'replaced', `more than ${TRANSFERS_PER_CLIENT_MAX} transfers to one client`)];
    if (this.#running.size >= TRANSFERS_MAX) return [refusal(client, TFTP_ERROR.undefined, `all ${TRANSFERS_MAX} transfers are taken: ask another node`)];

    const content = request.mode === 'netascii' ? toNetascii(bytes) : bytes;
    const id = this.#nextTransfer++;
    const machine = new TftpTransfer(content, agreeOnTerms(request.options, content.length));
    const running: Running = { client, file, request: Uint8Array.from(requestBytes), startedAt: now, machine };
    this.#running.set(id, running);
    const opened: TftpEffect = { kind: 'open', transfer: id, client, file, sizeBytes: content.length };
    return [...closed, opened, ...this.#translate(id, running, running.machine.step(now, { kind: 'start' }))];
  }

  #onDatagram(now: Instant, id: number, client: TftpClient, bytes: Uint8Array): readonly TftpEffect[] {
    const running = this.#running.get(id);
    if (running === undefined) return [];
    const packet = decodeTftp(bytes);
    if (!sameClient(running.client, client)) {
      // RFC 1350 section 4: a stranger at this port is told so, and the transfer goes on undisturbed. Not if it sent an
      // ERROR itself: that would be answered for ever.
      if (packet === undefined || packet.kind === 'error') return [];
      return [{ kind: 'send', transfer: id, client, bytes: encodeTftp({ kind: 'error', code: TFTP_ERROR.unknownTransfer, message: 'not your transfer' }) }];
    }
    return packet === undefined ? [] : this.#translate(id, running, running.machine.step(now, { kind: 'packet', packet }));
  }

  #translate(id: number, running: Running, effects: readonly TransferEffect[]): TftpEffect[] {
    return effects.map((effect) =>
      effect.kind === 'send' ? { ...effect, transfer: id, client: running.client } : this.#close(id, running, effect.outcome, effect.detail),
    );
  }

  #close(transfer: number, { client, file, machine }: Running, outcome: TransferOutcome | 'socket-failed', detail: string): TftpEffect {
    this.#running.delete(transfer);
    return { kind: 'close', transfer, client, file, outcome, detail, doneBytes: machine.doneBytes };
  }
}

function refusal(client: TftpClient, code: number, reason: string): TftpEffect {
  return { kind: 'refuse', client, reason, bytes: encodeTftp({ kind: 'error', code, message: reason }) };
}
