import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { Roster } from '../core/roster.ts';
import { DEFAULT_TIME_SERVERS, isTimeServer, TIME_KEEPERS_MAX, timeKeepers, timeSettings, timeSources } from './time-service.ts';

const rosterWith = (count: number): Roster => ({
  clusterName: 'node', container: 'foo', domain: 'example.com', netmask: '255.255.0.0' as Ipv4, metaMasterAddress: '10.7.255.253' as Ipv4, kernelParameters: '',
  san: { address: '10.7.255.252' as Ipv4, port: 3260, target: 'iqn.2001-04.com.example:rack' },
  nodes: Array.from({ length: count }, (_, i) => ({ number: i + 1, name: `node${i + 1}`, macs: ['52:54:00:00:00:01' as Mac], address: `10.7.${Math.floor(i / 250)}.${(i % 250) + 1}` as Ipv4, loader: 'rom' })),
});
const serversOf = (text: string): readonly string[] => [...text.matchAll(/^server (\S+) iburst$/gm)].map(([, server]) => server!);
const OUTSIDE = { 'public-IP': '203.0.113.9', 'public-DNS': '203.0.113.53' };

test('golden texts', () => {
  expect(timeSettings(rosterWith(3))).toBe(`# Rendered from the registry at each boot: changes made here are lost.
# The cluster's own network may ask, and nobody else.
allow 10.7.0.0/16
# Without the outside the nodes agree on the clock of one of them; when that is gone, on another's.
local stratum 10 orphan
`);
  expect(timeSources(rosterWith(3), { 'ntp-servers': ['ntp.example.com', '203.0.113.7'] }, 2)).toBe(`# Rendered from the registry whenever it changes: changes made here are lost.
server 10.7.0.1 iburst
server 10.7.0.3 iburst
server ntp.example.com iburst
server 203.0.113.7 iburst
`);
});

test.each<[string, Record<string, string | readonly string[]>, readonly string[]]>([
  ['Debian\'s, where there is a way out', OUTSIDE, DEFAULT_TIME_SERVERS], ['none, where names cannot be looked up', { 'public-IP': '203.0.113.9' }, []], ['none, where nothing leads out', {}, []],
  ['none, when none are wanted', { ...OUTSIDE, 'ntp-servers': [] }, []], ['those that are named, also without a way out: they may be inside', { 'ntp-servers': ['10.7.9.9'] }, ['10.7.9.9']],
])('outside servers: %s', (_what, install, expected) => expect(serversOf(timeSources(rosterWith(1), install, 1))).toEqual(expected));

describe('who asks whom', () => {
  test.each([1, 2, 16, 17, 33, 100, 1000])('of %i nodes the same few keep the time, each knows all others of them, and every node some', (count) => {
    const roster = rosterWith(count);
    const keepers = timeKeepers(roster);
    expect(keepers).toHaveLength(Math.min(count, TIME_KEEPERS_MAX));
    expect(new Set(keepers).size).toBe(keepers.length);
    for (const number of [1, 2, Math.ceil(count / 2), count].filter((one) => one <= count)) {
      const asked = serversOf(timeSources(roster, OUTSIDE, number));
      const others = keepers.filter((keeper) => keeper !== number).map((keeper) => roster.nodes[keeper - 1]!.address as string);
      expect(asked).toEqual([...others, ...(keepers.includes(number) ? DEFAULT_TIME_SERVERS : [])]);
    }
  });

  test('keepers are spread: no 16 machines side by side are all of them', () => {
    const keepers = timeKeepers(rosterWith(1000));
    expect(keepers.slice(1).every((number, at) => number - keepers[at]! > 50)).toBe(true);
  });
});

test.each([['ntp.example.com', true], ['203.0.113.7', true], ['a b', false], ['', false], ['-x', false], ['203.0.113.300', false], ['server x\nallow all', false]])('%j as a time server: %s', (text, expected) => expect(isTimeServer(text)).toBe(expected));

/** `METAMASTER_CHRONYD` names one where none is installed. */
const CHRONYD = process.env['METAMASTER_CHRONYD'] ?? 'chronyd';
const noChronyd = spawnSync(CHRONYD, ['--version']).status !== 0;

test.skipIf(noChronyd)('chronyd takes every line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chrony-'));
  try {
    const file = join(folder, 'chrony.conf');
    const sources = timeSources(rosterWith(3), OUTSIDE, 2);
    writeFileSync(file, `${timeSettings(rosterWith(3))}${sources}`);
    // -p prints what it read, and reads nothing else.
    const { status, stdout, stderr } = spawnSync(CHRONYD, ['-p', '-f', file], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.split('\n').filter((line) => line.startsWith('server'))).toEqual(sources.split('\n').filter((line) => line.startsWith('server')));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
