import { describe, expect, test } from 'vitest';
import { decodeTftp, type TftpPacket } from '../wire/tftp-packet.ts';
import { after, type Instant } from '../core/machine.ts';
import { agreeOnTerms } from './tftp-options.ts';
import { RETRANSMISSIONS_MAX, TftpTransfer, type TransferEffect, type TransferInput } from './tftp-transfer.ts';

/** What a transfer sent, one word a packet: `oack`, `d3`, `d3*` for the last (short) block, `error4`, `end:complete`. */
function transcript(effects: readonly TransferEffect[], blockBytes: number): string {
  return effects
    .map((effect) => {
      if (effect.kind === 'end') return `end:${effect.outcome}`;
      const packet = decodeTftp(effect.bytes)!;
      if (packet.kind === 'data') return `d${packet.block}${packet.data.length < blockBytes ? '*' : ''}`;
      return packet.kind === 'error' ? `error${packet.code}` : 'oack';
    })
    .join(' ');
}

const ack = (block: number): TransferInput => ({ kind: 'packet', packet: { kind: 'ack', block } });

/** Plays `script` (`start`, `ack N`, `timer`, `error N`) against a file of `sizeBytes`; the answers in order. */
function play(sizeBytes: number, asked: [string, string][], script: string[]): string[] {
  const terms = agreeOnTerms(asked, sizeBytes);
  const transfer = new TftpTransfer(new Uint8Array(sizeBytes), terms);
  let now = 0 as Instant;
  return script.map((line) => {
    const [word, number] = line.split(' ');
    if (word === 'timer') now = transfer.deadline() ?? after(now, 60_000);
    const input: TransferInput =
      word === 'start' ? { kind: 'start' }
      : word === 'timer' ? { kind: 'timer' }
      : word === 'ack' ? ack(Number(number))
      : { kind: 'packet', packet: { kind: 'error', code: Number(number), message: '' } };
    return transcript(transfer.step(now, input), terms.blockBytes);
  });
}

describe('one block at a time', () => {
  test('a file of two and a half blocks', () => {
    expect(play(1280, [], ['start', 'ack 1', 'ack 2', 'ack 3'])).toEqual(['d1', 'd2', 'd3*', 'end:complete']);
  });
  test('a file of whole blocks ends with an empty one', () => {
    expect(play(1024, [], ['start', 'ack 1', 'ack 2', 'ack 3'])).toEqual(['d1', 'd2', 'd3*', 'end:complete']);
  });
  test('an empty file is one empty block', () => {
    expect(play(0, [], ['start', 'ack 1'])).toEqual(['d1*', 'end:complete']);
  });
  test('options are acknowledged first; data follow ACK 0 and nothing else', () => {
    expect(play(600, [['tsize', '0']], ['start', 'ack 1', 'ack 0', 'ack 0', 'ack 1'])).toEqual(['oack', '', 'd1', '', 'd2*']);
  });
  test('sorcerer\'s apprentice: a duplicate, an old and a future ACK send nothing', () => {
    expect(play(5000, [], ['start', 'ack 1', 'ack 1', 'ack 0', 'ack 5', 'ack 65535', 'ack 2'])).toEqual(['d1', 'd2', '', '', '', '', 'd3']);
  });
});

describe('windows (RFC 7440)', () => {
  const asked: [string, string][] = [['windowsize', '4']];
  test('four blocks an ACK', () => {
    expect(play(512 * 6, asked, ['start', 'ack 0', 'ack 4', 'ack 7'])).toEqual(['oack', 'd1 d2 d3 d4', 'd5 d6 d7*', 'end:complete']);
  });
  test('an ACK in mid-window goes on from there', () => {
    expect(play(512 * 20, asked, ['start', 'ack 0', 'ack 2', 'ack 2', 'ack 6'])).toEqual(['oack', 'd1 d2 d3 d4', 'd3 d4 d5 d6', '', 'd7 d8 d9 d10']);
  });
  test('a window that was lost whole is sent again by the timer', () => {
    expect(play(512 * 20, asked, ['start', 'ack 0', 'timer', 'ack 4'])).toEqual(['oack', 'd1 d2 d3 d4', 'd1 d2 d3 d4', 'd5 d6 d7 d8']);
  });
});

test('after block 65535 comes block 0', () => {
  const terms = agreeOnTerms([['blksize', '8'], ['windowsize', '64']], 0);
  const bytes = new Uint8Array(8 * 65540);
  const transfer = new TftpTransfer(bytes, terms);
  const now = 0 as Instant;
  transfer.step(now, { kind: 'start' });
  let effects = transfer.step(now, ack(0));
  let blocks = 0;
  let last: TftpPacket | undefined;
  while (effects.some((effect) => effect.kind === 'send')) {
    blocks += effects.length;
    const final = effects.at(-1)!;
    last = final.kind === 'send' ? decodeTftp(final.bytes) : undefined;
    effects = transfer.step(now, ack(blocks % 65536));
  }
  expect(effects).toEqual([{ kind: 'end', outcome: 'complete', detail: '' }]);
  expect(blocks).toBe(65541);
  expect(last).toEqual({ kind: 'data', block: 5, data: new Uint8Array(0) });
});

describe('silence', () => {
  test('retransmissions back off, and there is an end to them', () => {
    const transfer = new TftpTransfer(new Uint8Array(10), agreeOnTerms([], 10));
    let now = 0 as Instant;
    transfer.step(now, { kind: 'start' });
    const pauses: number[] = [];
    let effects: readonly TransferEffect[] = [];
    while (transfer.deadline() !== undefined) {
      const due = transfer.deadline()!;
      expect(transfer.step(after(due, -1), { kind: 'timer' })).toEqual([]);
      pauses.push(due - now);
      now = due;
      effects = transfer.step(now, { kind: 'timer' });
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 8000, 8000, 8000]);
    expect(pauses.length).toBe(RETRANSMISSIONS_MAX + 1);
    expect(effects).toMatchObject([{ kind: 'end', outcome: 'silent' }]);
  });
  test('progress starts the count afresh', () => {
    expect(play(5000, [], ['start', ...Array<string>(RETRANSMISSIONS_MAX).fill('timer'), 'ack 1', 'timer']).slice(-2)).toEqual(['d2', 'd2']);
  });
  test('a time-out of its own is not shortened', () => {
    const transfer = new TftpTransfer(new Uint8Array(10), agreeOnTerms([['timeout', '20']], 10));
    transfer.step(0 as Instant, { kind: 'start' });
    expect(transfer.deadline()).toBe(20_000);
  });
});

test('EDK2 learns the size and aborts with ERROR 8', () => {
  expect(play(5000, [['tsize', '0']], ['start', 'error 8'])).toEqual(['oack', 'end:refused']);
});

test('a client that sends data to a read transfer is told off, and that is the end', () => {
  const transfer = new TftpTransfer(new Uint8Array(10), agreeOnTerms([], 10));
  transfer.step(0 as Instant, { kind: 'start' });
  const effects = transfer.step(0 as Instant, { kind: 'packet', packet: { kind: 'data', block: 1, data: new Uint8Array(0) } });
  expect(transcript(effects, 512)).toBe('error4 end:refused');
  expect(transfer.deadline()).toBeUndefined();
});
