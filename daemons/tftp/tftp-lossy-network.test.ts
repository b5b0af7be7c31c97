// A server and many clients on a network that loses, repeats and reorders. A failure names its seed.

import { expect, test } from 'vitest';
import { equalBytes } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Instant } from '../core/machine.ts';
import { decodeTftp, encodeTftp, type TftpOptions } from '../wire/tftp-packet.ts';
import { TftpServer, type TftpClient, type TftpEffect } from './tftp-server.ts';

const SEEDS = 60;
const STEPS_MAX = 200_000;
/** More packets under way than this are a flood that feeds itself. */
const IN_FLIGHT_MAX = 5000;
const CLIENT_PATIENCE_MS = 700;

interface Faults {
  readonly loss: number;
  readonly repeat: number;
  readonly delayMaxMs: number;
}

/** Mulberry32: enough chance for a test, and the same for the same seed. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A receiver after RFC 1350 and 7440: acknowledges each window, each gap once, and repeats itself when all is quiet. */
class Receiver {
  readonly got: number[] = [];
  server: number | undefined;
  done = false;
  receivedBlocks = 0;
  #blockBytes = 512;
  #window = 1;
  #last = 0;
  #inWindow = 0;
  #started = false;
  readonly request: Uint8Array;

  constructor(file: string, options: TftpOptions) {
    this.request = encodeTftp({ kind: 'read', file, mode: 'octet', options });
  }

  onPacket(from: number, bytes: Uint8Array): Uint8Array[] {
    const packet = decodeTftp(bytes)!;
    if (this.server !== undefined && from !== this.server) return packet.kind === 'error' ? [] : [encodeTftp({ kind: 'error', code: 5, message: '' })];
    this.server = from;
    if (packet.kind === 'option-ack' && !this.#started) {
      const granted = new Map(packet.options);
      this.#blockBytes = Number(granted.get('blksize') ?? 512);
      this.#window = Number(granted.get('windowsize') ?? 1);
      return [this.#ack()];
    }
    if (packet.kind !== 'data') return [];
    this.receivedBlocks++;
    this.#started = true;
    if (packet.block !== (this.#last + 1) % 65536) return this.done || this.#window === 1 ? [this.#ack()] : [];
    this.#last = packet.block;
    this.#inWindow++;
    this.got.push(...packet.data);
    this.done = packet.data.length < this.#blockBytes;
    return this.done || this.#inWindow === this.#window ? [this.#ack()] : [];
  }

  onQuiet(): Uint8Array {
    return this.server === undefined ? this.request : this.#ack();
  }

  #ack(): Uint8Array {
    this.#inWindow = 0;
    return encodeTftp({ kind: 'ack', block: this.#last });
  }
}

interface InFlight {
  readonly at: number;
  readonly run: () => void;
}

/** Runs the server with these receivers until all are done; false when it takes too long. */
function simulate(seed: number, files: ReadonlyMap<string, Uint8Array>, receivers: readonly Receiver[], faults: Faults): boolean {
  const random = chance(seed);
  const server = new TftpServer(files);
  const queue: InFlight[] = [];
  const quietAt = receivers.map(() => 0);
  let now = 0 as Instant;

  const deliver = (run: () => void): void => {
    const copies = random() < faults.loss ? 0 : random() < faults.repeat ? 2 : 1;
    for (let i = 0; i < copies; i++) queue.push({ at: now + 1 + random() * faults.delayMaxMs, run });
  };
  const perform = (effects: readonly TftpEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      const index = effect.client.port;
      deliver(() => {
        quietAt[index] = now + CLIENT_PATIENCE_MS;
        for (const answer of receivers[index]!.onPacket(effect.transfer, effect.bytes)) toServer(index, effect.transfer, answer);
      });
    }
  };
  const toServer = (index: number, transfer: number | undefined, bytes: Uint8Array): void => {
    const client: TftpClient = { address: `10.0.0.${index}` as Ipv4, port: index };
    deliver(() => perform(server.step(now, transfer === undefined ? { kind: 'request', client, bytes } : { kind: 'datagram', transfer, client, bytes })));
  };

  for (let step = 0; step < STEPS_MAX; step++) {
    if (receivers.every((receiver) => receiver.done)) return true;
    if (queue.length > IN_FLIGHT_MAX) return false;
    receivers.forEach((receiver, index) => {
      if (receiver.done || now < quietAt[index]!) return;
      quietAt[index] = now + CLIENT_PATIENCE_MS;
      toServer(index, receiver.server, receiver.onQuiet());
    });
    queue.sort((a, b) => a.at - b.at);
    const pending = receivers.map((receiver, index) => (receiver.done ? Infinity : quietAt[index]!));
    const next = Math.min(queue[0]?.at ?? Infinity, server.deadline() ?? Infinity, ...pending);
    now = Math.max(now, next) as Instant;
    if (queue[0] !== undefined && queue[0].at <= now) queue.shift()!.run();
    else perform(server.step(now, { kind: 'timer' }));
  }
  return false;
}

function fileOf(random: () => number): Uint8Array {
  return Uint8Array.from({ length: Math.floor(random() * 20_000) }, () => Math.floor(random() * 256));
}

test(`every transfer completes byte for byte, over ${SEEDS} seeds`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = chance(seed);
    const files = new Map(Array.from({ length: 6 }, (_none, i) => [`f${i}`, fileOf(random)] as const));
    const receivers = Array.from(files.keys(), (name) => {
      const options: [string, string][] = [];
      if (random() < 0.7) options.push(['blksize', String(Math.floor(8 + random() * 1500))]);
      if (random() < 0.5) options.push(['windowsize', String(Math.floor(1 + random() * 64))]);
      if (random() < 0.5) options.push(['tsize', '0']);
      return new Receiver(name, options);
    });
    const faults: Faults = { loss: random() * 0.15, repeat: random() * 0.2, delayMaxMs: random() * 50 };
    const finished = simulate(seed, files, receivers, faults);
    expect(finished, `seed ${seed}: did not finish`).toBe(true);
    receivers.forEach((receiver, i) => {
      expect(equalBytes(Uint8Array.from(receiver.got), files.get(`f${i}`)!), `seed ${seed}: file f${i} differs`).toBe(true);
    });
  }
});

test('on a network that repeats every packet, no data block is sent more than once (each arrives twice)', () => {
  const file = new Uint8Array(512 * 50 + 1);
  const receiver = new Receiver('f', []);
  expect(simulate(7, new Map([['f', file]]), [receiver], { loss: 0, repeat: 1, delayMaxMs: 0 })).toBe(true);
  expect(receiver.receivedBlocks).toBeLessThanOrEqual(2 * 51);
});
