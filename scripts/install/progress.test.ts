import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Progress } from './progress.ts';

let written = '';
let nowMs = 0;
const wasTty = process.stderr.isTTY;

beforeEach(() => {
  written = '';
  nowMs = 10_000;
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.stderr.isTTY = wasTty;
});

describe('progress', () => {
  test('in a log is two lines a stage, and no bar', () => {
    process.stderr.isTTY = false;
    const progress = new Progress(2);
    progress.begin('origin');
    for (let share = 0; share <= 1; share += 0.1) progress.update(share);
    nowMs += 1234;
    progress.end();
    progress.begin('registry');
    progress.end();
    expect(written).toBe('[1/2] origin …\n[1/2] origin: done in 1.2 s\n[2/2] registry …\n[2/2] registry: done in 0.0 s\n');
  });

  test('on a terminal is one line that redraws itself, at most twice a second, and at the end', () => {
    process.stderr.isTTY = true;
    const progress = new Progress(7);
    progress.begin('origin');
    progress.update(0.5);
    progress.update(0.6);
    nowMs += 501;
    progress.update(0.7);
    progress.update(1);
    progress.end();
    expect(written.split('\r')).toEqual([
      '[1/7] origin …',
      `[1/7] origin [${'#'.repeat(15)}${'.'.repeat(15)}] 50 %`,
      `[1/7] origin [${'#'.repeat(21)}${'.'.repeat(9)}] 70 %`,
      `[1/7] origin [${'#'.repeat(30)}] 100 %`,
      '[1/7] origin: done in 0.5 s\u001b[K\n',
    ]);
  });

  test('nothing of it goes to standard output, where a result may be read by a program', () => {
    const out = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    process.stderr.isTTY = true;
    const progress = new Progress(1);
    progress.begin('x');
    progress.update(1);
    progress.end();
    expect(out).not.toHaveBeenCalled();
  });
});
