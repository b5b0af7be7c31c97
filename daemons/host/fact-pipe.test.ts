import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FactPipe, openFactPipe, WAITING_MAX } from './fact-pipe.ts';

let folder = '';
let path = '';
let pipe: FactPipe | undefined;
let troubles: { reason: string; dropped: number }[] = [];
const open = (): FactPipe => (pipe = openFactPipe(path, (reason, dropped) => troubles.push({ reason, dropped })));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-pipe-'));
  path = join(folder, 'facts');
  troubles = [];
});
afterEach(() => {
  pipe?.stop();
  rmSync(folder, { recursive: true });
});

/** Everything that is in the FIFO, read by somebody who holds it open. */
function drain(fd: number): string {
  const buffer = Buffer.alloc(1 << 20);
  let text = '';
  for (;;) {
    try {
      const got = readSync(fd, buffer);
      text += buffer.toString('utf8', 0, got);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return text;
      throw error;
    }
  }
}

describe('the pipe to the recorder', () => {
  test('lines arrive whole and in order', () => {
    execFileSync('mkfifo', [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const facts = open();
    facts.put('one');
    facts.put('zwölf');
    expect(drain(fd)).toBe('one\nzwölf\n');
    expect(troubles).toEqual([]);
    closeSync(fd);
  });

  test('a reader that stands still holds nobody up: what fits waits, the oldest go, and that is said', async () => {
    execFileSync('mkfifo', [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const facts = open();
    // Twice what a pipe and the queue hold: the pipe's 64 KiB are some 3300 of these.
    const count = 2 * WAITING_MAX + 3300;
    for (let i = 0; i < count; i++) facts.put(`${i} ${'x'.repeat(13)}`);
    expect(troubles).toEqual([{ reason: expect.stringContaining('EAGAIN') as string, dropped: 0 }]);
    let text = '';
    while (!text.includes(`\n${count - 1} `)) {
      text += drain(fd);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const numbers = text.trim().split('\n').map((one) => Number(one.split(' ')[0]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(numbers[0]).toBe(0);
    const dropped = count - numbers.length;
    expect(dropped).toBeGreaterThan(0);
    expect(troubles.at(-1)).toEqual({ reason: 'the recorder stood still for too long', dropped });
    closeSync(fd);
  });

  test('no FIFO yet, then one without a reader, then a reader: nothing is lost', async () => {
    const facts = open();
    facts.put('early');
    expect(troubles).toEqual([{ reason: expect.stringContaining('ENOENT') as string, dropped: 0 }]);
    execFileSync('mkfifo', [path]);
    const reader = spawn('head', ['-n', '2', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    reader.stdout.on('data', (piece) => (said += String(piece)));
    facts.put('later');
    await new Promise((resolve) => reader.once('close', resolve));
    expect(said).toBe('early\nlater\n');
  });

  test('a plain file is never written to', () => {
    writeFileSync(path, 'mine');
    open().put('line');
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(troubles).toEqual([{ reason: `${path}: is no FIFO`, dropped: 0 }]);
  });
});
