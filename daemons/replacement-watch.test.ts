import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SILENT_MS } from './agent/replacement.ts';
import type { Mac } from './core/mac.ts';
import { ROSTER } from './dhcp/test-roster.ts';
import { now } from './host/clock.ts';
import { createLog } from './host/log.ts';
import { type WatchedFacts, watchReplacement } from './replacement-watch.ts';

const MAC = '52:54:00:99:00:01' as Mac;
const LATE_MS = 60_000;
const OPENED = { node: 2, policy: 'auto' as const, sinceUnixMs: 1, untilUnixMs: Number.MAX_SAFE_INTEGER };
let folder = '';
let booting: number[] = [];
let member = true;

/** Node 2 is opened, and a blade asks all the time. */
function facts(): WatchedFacts | undefined {
  if (!member) return undefined;
  return { roster: { ...ROSTER, replacement: [OPENED] }, generation: 1, newestGeneration: 1, alive: [1, 3], serving: [1], booting: booting.map((node) => ({ node, at: now() })), strangers: [{ mac: MAC, lastAt: now() }] };
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
  [booting, member] = [[], true];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});
const watch = (...names: string[]): string => {
  const path = join(folder, ...names);
  watchReplacement({ self: 1, path, log: createLog('test', 'error'), facts });
  return path;
};

test('root is asked by a file once a node has been silent for long enough, neither running nor booting', () => {
  const path = watch('replace');
  booting = [2];
  vi.advanceTimersByTime(SILENT_MS + LATE_MS);
  expect(existsSync(path)).toBe(false);
  booting = [];
  vi.advanceTimersByTime(SILENT_MS - LATE_MS);
  expect(existsSync(path)).toBe(false);
  vi.advanceTimersByTime(2 * LATE_MS);
  expect(readFileSync(path, 'utf8')).toBe(`2 ${MAC}\n`);
  rmSync(path);
  vi.advanceTimersByTime(LATE_MS);
  expect(existsSync(path), 'once').toBe(false);
});

test('a machine that is not the node any more asks for nothing', () => {
  member = false;
  const path = watch('replace');
  vi.advanceTimersByTime(2 * SILENT_MS);
  expect(existsSync(path)).toBe(false);
});

test('a file that cannot be written ends nothing', () => {
  const path = watch('none', 'replace');
  vi.advanceTimersByTime(2 * SILENT_MS);
  expect(existsSync(path)).toBe(false);
});
