import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1 } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Instant } from '../core/machine.ts';
import type { Roster } from '../core/roster.ts';
import { clusterId, decodeBeacon, encodeBeacon } from '../wire/beacon.ts';
import type { Beacon } from '../wire/beacon.ts';
import { BEACON_INTERVAL_MS, BeaconTable, DEAD_AFTER_MS } from './beacon-table.ts';
import type { BeaconEffect } from './beacon-table.ts';

const KEY = encodeLatin1('key');
const at = (ms: number): Instant => ms as Instant;
const NONE = '0.0.0.0' as Ipv4;
const roster = (...numbers: number[]): Roster => ({
  clusterName: 'rack', container: 'main', domain: 'test', netmask: '255.255.255.0' as Ipv4, metaMasterAddress: NONE, san: { address: NONE, port: 3260, target: '' }, kernelParameters: '',
  nodes: numbers.map((number) => ({ number, name: `node${number}`, macs: [], address: NONE, loader: 'rom' as const })),
});
const table = (self = 1, incarnation = '00000000000000aa') => new BeaconTable({ roster: roster(1, 2, 3), generation: 5, self, key: KEY, incarnation });
const bytes = (fields: Partial<Beacon> = {}) => encodeBeacon(KEY, { cluster: clusterId('rack'), node: 2, incarnation: '00000000000000b1', sequence: 1, rosterGeneration: 5, serving: true, ...fields });
const hear = (machine: BeaconTable, ms: number, fields: Partial<Beacon> = {}) => machine.step(at(ms), { kind: 'datagram', bytes: bytes(fields) });
const kinds = (effects: readonly BeaconEffect[]) => effects.map((effect) => (effect.kind === 'log' ? effect.event : effect.kind));
const only = <K extends BeaconEffect['kind']>(effects: readonly BeaconEffect[], kind: K) => effects.filter((effect): effect is Extract<BeaconEffect, { kind: K }> => effect.kind === kind);

describe('beacon table', () => {
  test('alone: sends once a second, from the first step on, and is alive', () => {
    const machine = table();
    expect(machine.deadline()).toBeUndefined();
    expect(kinds(machine.step(at(0), { kind: 'tick' }))).toEqual(['send-beacon', 'live']);
    expect([machine.live(), machine.deadline()]).toEqual([[1], 1000]);
    expect(machine.step(at(999), { kind: 'tick' })).toEqual([]);
    const [sent] = only(machine.step(at(1000), { kind: 'tick' }), 'send-beacon');
    expect(decodeBeacon(KEY, sent!.bytes)).toEqual({ cluster: clusterId('rack'), node: 1, incarnation: '00000000000000aa', sequence: 2, rosterGeneration: 5, serving: false });
  });

  test('does not make up for beacons it could not send', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    expect(only(machine.step(at(60_000), { kind: 'tick' }), 'send-beacon')).toHaveLength(1);
    expect(machine.deadline()).toBe(61_000);
  });

  test('a node that was itself stopped does not take the others for dead', () => {
    const machine = table();
    hear(machine, 0);
    machine.step(at(30_000), { kind: 'tick' });
    expect(machine.live()).toEqual([1, 2]);
    for (let ms = 31_000; ms <= 34_000; ms += 1000) machine.step(at(ms), { kind: 'tick' });
    expect(machine.live()).toEqual([1]);
  });

  test('a change of serving is said at once', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    const effects = machine.step(at(10), { kind: 'serving', serving: true });
    expect(decodeBeacon(KEY, only(effects, 'send-beacon')[0]!.bytes)!.serving).toBe(true);
    expect(only(effects, 'live')).toEqual([{ kind: 'live', nodes: [1], serving: [1] }]);
    expect(machine.step(at(20), { kind: 'serving', serving: true })).toEqual([]);
  });

  test('a peer lives with its first beacon and dies of three missed ones, with its deadline announced', () => {
    const machine = table();
    expect(only(hear(machine, 500), 'live')).toEqual([{ kind: 'live', nodes: [1, 2], serving: [2] }]);
    for (let ms = 1500; ms < 500 + DEAD_AFTER_MS; ms += 1000) expect(only(machine.step(at(ms), { kind: 'tick' }), 'live')).toEqual([]);
    expect(machine.deadline()).toBe(500 + DEAD_AFTER_MS);
    const effects = machine.step(at(500 + DEAD_AFTER_MS), { kind: 'tick' });
    expect([kinds(effects), machine.live()]).toEqual([['beacon.silent', 'live'], [1]]);
    expect(machine.peers()).toMatchObject([{ node: 2, alive: false }]);
  });

  test('a peer that is not serving lives all the same', () => {
    expect(only(hear(table(), 0, { serving: false }), 'live')).toEqual([{ kind: 'live', nodes: [1, 2], serving: [] }]);
  });

  test.each<[string, Partial<Beacon>]>([
    ['the same beacon again', { sequence: 7 }],
    ['an older sequence', { sequence: 6 }],
  ])('%s does not keep a node alive', (_name, fields) => {
    const machine = table();
    hear(machine, 0, { sequence: 7 });
    for (const ms of [1500, 3000]) hear(machine, ms, fields);
    machine.step(at(DEAD_AFTER_MS), { kind: 'tick' });
    expect(machine.live()).toEqual([1]);
  });

  test('a restarted node begins to count anew, and its former incarnation does not come back', () => {
    const machine = table();
    hear(machine, 0, { sequence: 900 });
    hear(machine, 100, { incarnation: '00000000000000b2', sequence: 1 });
    expect(machine.peers()).toMatchObject([{ heardAt: 100, incarnation: '00000000000000b2' }]);
    hear(machine, 200, { sequence: 901 });
    expect(machine.peers()).toMatchObject([{ heardAt: 100, incarnation: '00000000000000b2' }]);
  });

  test('a node that was started anew is told, although the set is the same', () => {
    const machine = table();
    hear(machine, 0, { sequence: 900 });
    expect(only(hear(machine, 100, { incarnation: '00000000000000b2', sequence: 1 }), 'live')).toEqual([{ kind: 'live', nodes: [1, 2], serving: [2] }]);
    expect(machine.peers()).toMatchObject([{ incarnation: '00000000000000b2' }]);
  });

  test('its own broadcast is no news; another machine under its number is', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    expect(hear(machine, 1, { node: 1, incarnation: '00000000000000aa' })).toEqual([]);
    expect(kinds(hear(machine, 2, { node: 1, incarnation: '00000000000000cc' }))).toEqual(['beacon.twin']);
    expect(hear(machine, 3, { node: 1, incarnation: '00000000000000cc' })).toEqual([]);
  });

  test('strangers: another cluster is ignored, a number outside the roster and a wrong key are logged once a minute', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    expect(hear(machine, 1, { cluster: clusterId('other') })).toEqual([]);
    expect([kinds(hear(machine, 2, { node: 9 })), hear(machine, 3, { node: 10 })]).toEqual([['beacon.not-in-roster'], []]);
    const forged = { kind: 'datagram', bytes: bytes().with(40, 0).with(41, 0) } as const;
    expect([kinds(machine.step(at(4), forged)), machine.step(at(5), forged)]).toEqual([['beacon.refused'], []]);
    expect(machine.live()).toEqual([1]);
  });

  test('a later registry is announced once for each generation', () => {
    const machine = table();
    expect(only(hear(machine, 0, { rosterGeneration: 6 }), 'newer-roster')).toEqual([{ kind: 'newer-roster', generation: 6, node: 2 }]);
    expect(only(hear(machine, 1, { node: 3, rosterGeneration: 6 }), 'newer-roster')).toEqual([]);
    expect(only(hear(machine, 2, { sequence: 2, rosterGeneration: 7 }), 'newer-roster')).toHaveLength(1);
    expect(only(hear(machine, 3, { sequence: 3, rosterGeneration: 6 }), 'newer-roster')).toEqual([]);
  });

  test('also by a node that this roster does not know yet; not by another cluster, nor under another key', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    expect(only(hear(machine, 1, { node: 9, rosterGeneration: 6 }), 'newer-roster')).toEqual([{ kind: 'newer-roster', generation: 6, node: 9 }]);
    expect(machine.live()).toEqual([1]);
    expect(only(hear(machine, 2, { cluster: clusterId('other'), rosterGeneration: 7 }), 'newer-roster')).toEqual([]);
    const forged = encodeBeacon(encodeLatin1('other'), { ...decodeBeacon(KEY, bytes())!, rosterGeneration: 7 });
    expect(only(machine.step(at(3), { kind: 'datagram', bytes: forged }), 'newer-roster')).toEqual([]);
  });

  test('a roster that was read again: the next beacon says so at once, and what was announced is news no more', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    const [sent] = only(machine.step(at(10), { kind: 'roster', roster: roster(1, 2, 3), generation: 6 }), 'send-beacon');
    expect(decodeBeacon(KEY, sent!.bytes)).toMatchObject({ rosterGeneration: 6 });
    expect(only(hear(machine, 20, { rosterGeneration: 6 }), 'newer-roster')).toEqual([]);
    expect(only(hear(machine, 30, { node: 3, rosterGeneration: 7 }), 'newer-roster')).toHaveLength(1);
  });

  test('tells for how long each node has been behind; one that follows begins to count anew, one that died does not count', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    hear(machine, 0);
    hear(machine, 100, { node: 3, rosterGeneration: 7 });
    expect(machine.generations()).toEqual([{ node: 1, generation: 5, behindSince: 100 }, { node: 2, generation: 5, behindSince: 100 }, { node: 3, generation: 7, behindSince: undefined }]);
    hear(machine, 200, { sequence: 2, rosterGeneration: 6 });
    machine.step(at(300), { kind: 'roster', roster: roster(1, 2, 3), generation: 7 });
    expect(machine.generations()).toEqual([{ node: 1, generation: 7, behindSince: undefined }, { node: 2, generation: 6, behindSince: 200 }, { node: 3, generation: 7, behindSince: undefined }]);
    hear(machine, 400, { sequence: 3, rosterGeneration: 6 });
    expect(machine.generations()[1]).toEqual({ node: 2, generation: 6, behindSince: 200 });
    for (let ms = 1300; ms <= 400 + DEAD_AFTER_MS; ms += 1000) machine.step(at(ms), { kind: 'tick' });
    machine.step(at(400 + DEAD_AFTER_MS), { kind: 'tick' });
    expect(machine.generations()).toEqual([{ node: 1, generation: 7, behindSince: undefined }]);
  });

  test('who is not the node any more says so once, and is silent until it is again', () => {
    const machine = table();
    machine.step(at(0), { kind: 'tick' });
    machine.step(at(10), { kind: 'serving', serving: true });
    const left = machine.step(at(20), { kind: 'member', member: false });
    expect(only(left, 'send-beacon').map(({ bytes: sent }) => decodeBeacon(KEY, sent)!.serving)).toEqual([false]);
    expect(only(left, 'live')).toEqual([{ kind: 'live', nodes: [1], serving: [] }]);
    for (let ms = 1000; ms < 20_000; ms += 1000) expect(only(machine.step(at(ms), { kind: 'tick' }), 'send-beacon')).toEqual([]);
    expect(machine.step(at(20_000), { kind: 'member', member: false })).toEqual([]);
    const back = machine.step(at(20_500), { kind: 'member', member: true });
    expect(only(back, 'send-beacon').map(({ bytes: sent }) => decodeBeacon(KEY, sent)!.serving)).toEqual([true]);
    expect(only(machine.step(at(21_500), { kind: 'tick' }), 'send-beacon')).toHaveLength(1);
  });

  test('who is not the node from its start on never speaks, and hears the others', () => {
    const machine = table();
    expect(only(machine.step(at(0), { kind: 'member', member: false }), 'send-beacon')).toEqual([]);
    hear(machine, 100);
    for (let ms = 1000; ms < 3000; ms += 1000) expect(only(machine.step(at(ms), { kind: 'tick' }), 'send-beacon')).toEqual([]);
    expect(machine.live()).toEqual([1, 2]);
    machine.step(at(100 + DEAD_AFTER_MS), { kind: 'tick' });
    expect(machine.live()).toEqual([1]);
  });

  test('a node that leaves the roster leaves the set', () => {
    const machine = table();
    hear(machine, 0);
    expect(only(machine.step(at(1), { kind: 'roster', roster: roster(1, 3), generation: 6 }), 'live')).toEqual([{ kind: 'live', nodes: [1], serving: [] }]);
    expect(machine.peers()).toEqual([]);
  });

  test('property: three tables on a lossy network agree on who is alive once it is whole again', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 20 }), fc.option(fc.constantFrom(1, 2, 3)), (losses, dead) => {
        const machines = [1, 2, 3].map((self) => ({ self, machine: table(self, `000000000000000${self}`) }));
        let ms = 0;
        const second = (heard: readonly boolean[]): void => {
          ms += BEACON_INTERVAL_MS;
          const running = machines.filter(({ self }) => self !== dead || ms <= 25_000);
          for (const { machine } of running) {
            const queue = [...machine.step(at(ms), { kind: 'tick' })];
            for (let effect = queue.shift(); effect; effect = queue.shift()) {
              if (effect.kind !== 'send-beacon') continue;
              const { bytes } = effect;
              running.forEach((other) => heard[other.self - 1] && queue.push(...other.machine.step(at(ms), { kind: 'datagram', bytes })));
            }
          }
        };
        for (const loss of losses) second(loss);
        ms = 25_000;
        for (let i = 0; i < 5; i++) second([true, true, true]);
        const expected = [1, 2, 3].filter((self) => self !== dead);
        for (const { self, machine } of machines) if (self !== dead) expect(machine.live()).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});
