import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { KeyRing } from './agent/key-ring.ts';
import type { NodeConfig } from './agent/node-config.ts';
import { ROSTER } from './dhcp/test-roster.ts';
import { followConfig, followKeys } from './follow-config.ts';
import type { Logger } from './host/log.ts';
import { LOOK_MS, type WatchedFile } from './host/watched-file.ts';

const [OLD, NEW] = ['0f'.repeat(32), 'a1'.repeat(32)];
const config = (rosterGeneration: number): NodeConfig => ({ number: 1, roster: ROSTER, interface: 'eth0', rosterGeneration, bootNonce: 'ab'.repeat(16) });

let folder: string;
let logged: string[];
let watched: WatchedFile[];
beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'mm-follow-'));
  [logged, watched] = [[], []];
});
afterEach(() => {
  for (const one of watched) one.stop();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const log = Object.fromEntries(['info', 'warn', 'error'].map((level) => [level, (_fields: unknown, event: string) => void logged.push(event)])) as unknown as Logger;
const at = (name: string): string => join(folder, name);
/** As the storage agent does it. */
const put = (name: string, text: string): void => {
  writeFileSync(at(`${name}.new`), text);
  renameSync(at(`${name}.new`), at(name));
};

class Follower {
  config = config(1);
  keys: KeyRing | undefined = [new Uint8Array(32).fill(0x0f)];
  readonly did: string[] = [];
  follow(next: NodeConfig): void {
    this.config = next;
    this.did.push(`generation ${next.rosterGeneration} with ${this.keys!.length} keys`);
  }
  useKeys(next: KeyRing): void {
    this.keys = next;
    this.did.push(`${next.length} keys`);
  }
}

function following(follower: Follower): void {
  const keys = followKeys(at('keys'), follower, log);
  watched.push(keys);
  followConfig(at('node.json'), follower, log, () => keys.look());
}

test('who speaks of a generation has its keys: both files replaced at once, whichever is looked at first', () => {
  const follower = new Follower();
  following(follower);
  // Between the two looks of one second: that at the keys is over, that at the configuration is to come.
  watched[0]!.stop();
  put('keys', `${OLD}\n${NEW}\n`);
  put('node.json', JSON.stringify(config(2)));
  vi.advanceTimersByTime(LOOK_MS);
  expect(follower.did).toEqual(['2 keys', 'generation 2 with 2 keys']);
  expect(logged).toEqual(['keys.followed', 'config.followed']);
});

test('keys that are used already, or are none, change nothing; the latter is told once', () => {
  const follower = new Follower();
  following(follower);
  put('keys', `${OLD}\n`);
  vi.advanceTimersByTime(LOOK_MS);
  put('keys', 'none');
  vi.advanceTimersByTime(5 * LOOK_MS);
  expect([follower.did, logged]).toEqual([[], ['keys.refused']]);
  put('keys', `${NEW}\n${OLD}\n`);
  vi.advanceTimersByTime(LOOK_MS);
  expect(follower.did).toEqual(['2 keys']);
});
