import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TestLan, upTo } from './membership-lan.test-kit.ts';
import { ACK_TIMEOUT_MAX_MS, ACK_TIMEOUT_MS, DEAD_FOR_ALL_MS, INDIRECT_TIMEOUT_MS, PAUSE_FORGIVEN_MS, SUSPECTED_BY_ALL_MS } from './membership-limits.ts';

/** The machine that runs this may be busy with other things. */
const PATIENCE_MS = 600_000;
/** A cluster of any size knows itself so long after its nodes were switched on within a second, and after a partition has healed. */
const CONVERGED_MS = 10_000;

function cluster(nodes: number, seed: number, loss = 0.01): TestLan {
  const lan = new TestLan({ numbers: upTo(nodes), seed, loss });
  lan.run(CONVERGED_MS);
  expect(lan.views()).toHaveLength(1);
  lan.told = [];
  return lan;
}

/** Kills a node and holds every other to the bounds. */
function expectDeathSeen(lan: TestLan, victim: number): void {
  lan.powerOff(victim);
  lan.run(SUSPECTED_BY_ALL_MS);
  expect(lan.statusesOf(victim)).toEqual(['suspect']);
  lan.run(PAUSE_FORGIVEN_MS - SUSPECTED_BY_ALL_MS);
  expect(lan.statusesOf(victim)).toEqual(['suspect']);
  lan.run(DEAD_FOR_ALL_MS - PAUSE_FORGIVEN_MS);
  expect(lan.statusesOf(victim)).toEqual(['dead']);
}

describe('a death', { timeout: PATIENCE_MS }, () => {
  test.each([[2, 10], [3, 20], [10, 10], [100, 2]])('of one of %d nodes is suspected and certain at each other within the bounds, where a hundredth is lost', (nodes, seeds) => {
    for (let seed = 1; seed <= seeds; seed++) {
      const lan = cluster(nodes, seed);
      lan.run(seed * 53);
      expectDeathSeen(lan, 1 + (seed % nodes));
    }
  });

  test('of one of 1,000', () => {
    const numbers = upTo(1000);
    const lan = new TestLan({ numbers, seed: 1, loss: 0.01, acquainted: true });
    lan.run(2000);
    lan.traffic(2000);
    expectDeathSeen(lan, 500);
    const { sent, mostSent } = lan.traffic(DEAD_FOR_ALL_MS);
    expect(sent).toBeLessThan(22);
    expect(mostSent).toBeLessThan(40);
    expect(lan.events('membership.dead')).toHaveLength(999);
  });

  test('of half a rack: those that die with all their observers are found a little later', () => {
    const lan = cluster(64, 3);
    for (const node of upTo(32)) lan.powerOff(node);
    lan.run(3 * SUSPECTED_BY_ALL_MS);
    for (const node of upTo(32)) expect(lan.statusesOf(node)).toEqual(['suspect']);
    lan.run(DEAD_FOR_ALL_MS);
    for (const node of upTo(32)) expect(lan.statusesOf(node)).toEqual(['dead']);
    expect(lan.events('membership.dead').filter(({ effect }) => effect.kind === 'log' && Number(effect.fields['node']) > 32)).toEqual([]);
  });
});

describe('a node that lives', { timeout: PATIENCE_MS }, () => {
  test.each([[3, 300], [10, 180]])('of %d is not buried in %d s in which a tenth is lost, although suspicions come and go', (nodes, seconds) => {
    const lan = cluster(nodes, 7);
    lan.loss = 0.1;
    lan.run(seconds * 1000);
    expect(lan.events('membership.dead')).toEqual([]);
    expect(lan.events('membership.suspected').length).toBeGreaterThan(0);
    lan.loss = 0;
    lan.run(CONVERGED_MS);
    expect(lan.views()).toHaveLength(1);
    for (const node of upTo(nodes)) expect(lan.statusesOf(node)).toEqual(['alive']);
  });

  test.each([2, 3, 10])('of %d and stands still for less than the bound is not buried, and buries nobody', (nodes) => {
    for (let seed = 1; seed <= 10; seed++) {
      const lan = cluster(nodes, seed);
      lan.run(seed * 47);
      lan.pause(1, PAUSE_FORGIVEN_MS - 1);
      lan.run(3 * PAUSE_FORGIVEN_MS);
      expect(lan.events('membership.dead')).toEqual([]);
      for (const node of upTo(nodes)) expect(lan.statusesOf(node)).toEqual(['alive']);
    }
  });

  test('and stands still for longer is buried, comes back with a later incarnation, and has buried nobody', () => {
    const lan = cluster(10, 5);
    const before = lan.machine(2).members().find(({ node }) => node === 4)!.incarnation;
    lan.pause(4, 20_000);
    lan.run(DEAD_FOR_ALL_MS);
    expect(lan.statusesOf(4)).toEqual(['dead']);
    lan.run(20_000 - DEAD_FOR_ALL_MS + 1000);
    expect(lan.statusesOf(4)).toEqual(['alive']);
    expect(lan.machine(2).members().find(({ node }) => node === 4)!.incarnation).toBeGreaterThan(before);
    expect(lan.events('membership.dead').filter(({ node }) => node === 4)).toEqual([]);
    expect(lan.events('membership.stalled').map(({ node }) => node)).toEqual([4]);
  });

  /** Of each `everyMs` these nodes are run for 60 ms, not all at the same time. */
  function starve(lan: TestLan, nodes: readonly number[], everyMs: number, forMs: number): void {
    const step = everyMs / nodes.length;
    for (let at = 0; at < forMs; at += everyMs) {
      for (const node of nodes) {
        lan.pause(node, everyMs - 60);
        lan.run(step);
      }
    }
  }

  test('a starved one, run for 60 ms in each 600, is not suspected any more when it is known how long its answers take, is not buried, and suspects nobody', () => {
    const lan = cluster(6, 11);
    starve(lan, [1], 600, 20_000);
    const suspected = lan.events('membership.suspected').map(({ effect }) => effect.kind === 'log' && effect.fields['node']);
    expect(suspected.filter((node) => node !== 1)).toEqual([]);
    lan.told = [];
    starve(lan, [1], 600, 60_000);
    expect([lan.events('membership.suspected'), lan.events('membership.dead')]).toEqual([[], []]);
  });

  test.each([[[1], 1500], [[1, 2], 1200], [[1, 2, 3], 900]] as const)('starved ones, %j of 3, run for 60 ms in each %d, are not buried', (nodes, everyMs) => {
    for (let seed = 1; seed <= 5; seed++) {
      const lan = cluster(3, seed);
      starve(lan, nodes, everyMs, 60_000);
      expect(lan.events('membership.dead')).toEqual([]);
    }
  });

  test('a starved one that dies is dead for all, by as much later as its answers took', () => {
    const lan = cluster(6, 11);
    starve(lan, [1], 600, 60_000);
    lan.powerOff(1);
    lan.run(DEAD_FOR_ALL_MS + (ACK_TIMEOUT_MAX_MS / ACK_TIMEOUT_MS - 1) * (ACK_TIMEOUT_MS + INDIRECT_TIMEOUT_MS));
    for (const node of [2, 3, 4, 5, 6]) expect(lan.machine(node).statusOf(1)).toBe('dead');
  });

  test('and is started anew under a clock that is wrong is known by its new start within a second', () => {
    const lan = cluster(10, 6);
    const start = (): string => lan.machine(2).members().find(({ node }) => node === 4)!.start;
    const before = start();
    lan.powerOff(4);
    lan.run(300);
    lan.powerOn(4);
    lan.run(1000);
    expect(start()).not.toBe(before);
    expect(lan.statusesOf(4)).toEqual(['alive']);
    lan.run(CONVERGED_MS);
    expect(lan.views()).toHaveLength(1);
    expect(lan.events('membership.dead')).toEqual([]);
  });
});

describe('partition and merge', { timeout: PATIENCE_MS }, () => {
  test.each([[2, 1, 1], [3, 1, 3], [10, 4, 4], [60, 30, 2]])('of %d nodes, %d of them on the one side: each side buries the other, then all are one view', (nodes, small, seeds) => {
    for (let seed = 1; seed <= seeds; seed++) {
      const lan = cluster(nodes, seed);
      lan.partition((node) => Number(node <= small));
      lan.run(3 * DEAD_FOR_ALL_MS);
      for (const node of lan.running()) {
        const same = upTo(nodes).filter((other) => (other <= small) === (node <= small));
        expect(upTo(nodes).filter((other) => lan.machine(node).statusOf(other) === 'alive')).toEqual(same);
      }
      lan.told = [];
      lan.partition(() => 0);
      lan.run(CONVERGED_MS);
      expect(lan.views()).toHaveLength(1);
      for (const node of upTo(nodes)) expect(lan.statusesOf(node)).toEqual(['alive']);
      expect(lan.events('membership.dead')).toEqual([]);
    }
  });

  test('property: whatever died, stood still, was cut off and lost, those that are left agree on who lives', () => {
    const event = fc.record({ what: fc.constantFrom('off', 'on', 'pause', 'cut', 'heal', 'loss'), node: fc.integer({ min: 1, max: 6 }), waitMs: fc.integer({ min: 1, max: 6000 }) });
    fc.assert(
      fc.property(fc.nat(), fc.array(event, { maxLength: 12 }), (seed, events) => {
        const lan = new TestLan({ numbers: upTo(6), seed });
        lan.run(1500);
        for (const { what, node, waitMs } of events) {
          if (what === 'off' && lan.running().length > 1) lan.powerOff(node);
          else if (what === 'on' && !lan.running().includes(node)) lan.powerOn(node);
          else if (what === 'pause') lan.pause(node, waitMs);
          else if (what === 'cut') lan.partition((other) => other % node);
          else if (what === 'heal') lan.partition(() => 0);
          else if (what === 'loss') lan.loss = node / 10;
          lan.run(waitMs);
        }
        lan.loss = 0;
        lan.partition(() => 0);
        lan.run(3 * CONVERGED_MS);
        expect(lan.views()).toHaveLength(1);
        const running = lan.running();
        for (const node of running) {
          const alive = upTo(6).filter((other) => lan.machine(node).statusOf(other) === 'alive');
          expect(alive).toEqual([...running].sort((a, b) => a - b));
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the roster', { timeout: PATIENCE_MS }, () => {
  test('a node that is added is known by all, and one that is removed is forgotten', () => {
    const lan = new TestLan({ numbers: upTo(6), seed: 2, on: upTo(5) });
    lan.run(CONVERGED_MS);
    lan.useRoster(upTo(7), 2);
    lan.powerOn(7);
    lan.run(1000);
    expect(lan.statusesOf(7)).toEqual(['alive']);
    lan.powerOff(2);
    lan.useRoster([1, 3, 4, 5, 6, 7], 3);
    lan.run(CONVERGED_MS);
    expect(lan.statusesOf(2)).toEqual([undefined]);
    expect(lan.views()).toHaveLength(1);
    expect(lan.machine(1).generations().map(({ node, generation }) => [node, generation])).toEqual([[1, 3], [3, 3], [4, 3], [5, 3], [7, 3]]);
    expect(lan.events('membership.dead')).toEqual([]);
  });

  test('facts reach everybody, in time with the number of nodes, and urgent ones at once', () => {
    const lan = cluster(100, 4, 0);
    const load = (): unknown => lan.machine(90).members().find(({ node }) => node === 5)!.description!.facts.get('load');
    lan.input(5, { kind: 'facts', facts: new Map([['load', '1']]), urgent: false });
    lan.run(10);
    lan.input(5, { kind: 'facts', facts: new Map([['load', '2']]), urgent: false });
    lan.run(4000);
    expect(load()).toBe('1');
    lan.run(1100);
    expect(load()).toBe('2');
    lan.input(5, { kind: 'facts', facts: new Map([['load', '3']]), urgent: true });
    lan.run(10);
    expect(load()).toBe('3');
  });
});

describe('traffic', { timeout: PATIENCE_MS }, () => {
  test.each([3, 10, 100])('at %d nodes is what four observers cost, in datagrams and bytes', (nodes) => {
    const lan = new TestLan({ numbers: upTo(nodes), seed: 9, measure: true });
    lan.run(6 * CONVERGED_MS);
    lan.traffic(1);
    lan.run(CONVERGED_MS);
    const { sent, mostSent, sentBytes, broadcasts } = lan.traffic(CONVERGED_MS);
    // Four pings and four answers each half second, a comparison each two seconds, one to answer.
    const watched = Math.min(4, nodes - 1);
    expect(sent).toBeLessThan(4 * watched + 1);
    // Where two rings name the same observer the next one stands in: a node may watch six.
    expect(mostSent).toBeLessThan(2 * (watched + 6) + 1);
    expect(sentBytes).toBeLessThan(2000);
    expect(broadcasts).toBe(0);
  });
});
