import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { thisMachine } from './command-host.ts';

const RECORD = { hardwareId: 'board/52:54:00:00:00:02', bootNonce: 'ab'.repeat(16) };
let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'mm-machine-')); });
afterEach(() => rmSync(folder, { recursive: true }));
const write = (name: string, value: object): void => writeFileSync(join(folder, name), JSON.stringify(value));

test('a node: its number, and its SAN\'s disk by the session of its storage agent, never by the boot\'s', () => {
  write('boot.json', { ...RECORD, node: 2, container: 'debian', disk: '/dev/sda' });
  expect(thisMachine(folder)).toEqual({ ...RECORD, node: 2, container: 'debian' });
  write('san.json', { disk: '/dev/sdb' });
  expect(thisMachine(folder)).toEqual({ ...RECORD, node: 2, container: 'debian', disk: '/dev/sdb' });
});

test('the live system of the disc finds no disk by itself', () => {
  write('live.json', { ...RECORD, container: 'debian', mode: 'restore' });
  expect(thisMachine(folder)).toEqual({ ...RECORD, live: true });
});

test('any other machine is what no machine was before it: this boot of its kernel', () => {
  const { hardwareId, bootNonce, ...rest } = thisMachine(folder);
  expect([hardwareId, bootNonce, rest]).toEqual([expect.stringMatching(/^boot\/[0-9a-f-]{36}$/), expect.stringMatching(/^[0-9a-f]{32}$/), {}]);
});
