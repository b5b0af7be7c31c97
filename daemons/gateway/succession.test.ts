import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import { decodeGatewayBeat, EPOCH_MAX, gatewayBeatKey } from '../wire/gateway-beat.ts';
import { BEAT_MS } from './beat-timing.ts';
import { KEY, NETWORKS, TIMING, World, type WorldOptions } from './succession.test-kit.ts';
import { ANNOUNCE_AGAIN_MS, ANNOUNCE_AT_MS } from './announcements.ts';
import { FAILED_REST_MS, PREEMPT_AFTER_MS, START_LISTEN_MS, Succession } from './succession.ts';

/** When the first holder has settled. */
const SETTLED = 1500;
/** A little more than the silence that is a death: the last beat may have gone out just before, its way and the timer take their time. */
const DEATH_MS = TIMING.deadAfterMs + 1;

function settled(options?: WorldOptions): World {
  const world = new World(options);
  world.run(SETTLED);
  expect(world.takeovers).toMatchObject([{ node: world.machine(1).status().holder, epoch: 1, reason: 'vacant' }]);
  world.takeovers.length = 0;
  return world;
}
const took = (world: World): string[] => world.takeovers.map(({ node, epoch, reason }) => `${node} e${epoch} ${reason}`);
const rolesOf = (world: World): string => [1, 2, 3].map((node) => world.machine(node).status().role).join(' ');

describe('who begins', () => {
  test('the primary, the next one is the backup, and everybody agrees', () => {
    const world = settled();
    expect(rolesOf(world)).toBe('holder backup standby');
    expect([1, 2, 3].map((node) => { const { holder, backup } = world.machine(node).status(); return [holder, backup]; })).toEqual([[1, 2], [1, 2], [1, 2]]);
    expect(world.answering()).toEqual([1]);
  });

  test('the order is that of the list, not of the numbers', () => {
    const world = new World({ candidates: [3, 1, 2] });
    world.run(SETTLED);
    expect([took(world), rolesOf(world)]).toEqual([['3 e1 vacant'], 'backup standby holder']);
  });

  test('one that knows of the last epoch there is: it takes the addresses in that one', () => {
    const machine = new Succession({ self: 1, candidates: [1], networks: NETWORKS, cluster: '00000000000000c1', incarnation: '00000000000000a1', keys: [KEY], epoch: EPOCH_MAX, beatMs: BEAT_MS, preemption: false });
    machine.step(0 as Instant, { kind: 'uplink', usable: true });
    const epochs: number[] = [];
    for (let ms = 0; ms < 2 * START_LISTEN_MS; ms += BEAT_MS) for (const input of ['tick', 'drained'] as const) {
      for (const effect of machine.step(ms as Instant, { kind: input })) if (effect.kind === 'send-beat' && machine.status().role === 'holder') epochs.push(decodeGatewayBeat([KEY], effect.bytes)!.epoch);
    }
    expect(new Set(epochs)).toEqual(new Set([EPOCH_MAX]));
  });

  test('one that is alone', () => {
    const world = new World({ candidates: [2] });
    world.run(SETTLED);
    expect([took(world), world.answering()]).toEqual([['2 e1 vacant'], [2]]);
  });
});

describe('the cluster\'s key', () => {
  const [FIRST, NEXT] = [KEY, gatewayBeatKey(new Uint8Array(32).fill(0x5c))];
  const rings = [[FIRST, NEXT], [NEXT, FIRST], [NEXT]];

  test('changes in three steps, one node after the other, and nobody takes over', () => {
    const world = settled();
    let atMs = SETTLED;
    for (const keys of rings) {
      for (const node of [3, 1, 2]) {
        world.tell(node, { kind: 'keys', keys });
        world.run(atMs += 10 * TIMING.deadAfterMs);
      }
    }
    expect([took(world), rolesOf(world), world.answering()]).toEqual([[], 'holder backup standby', [1]]);
  });

  test('known to one side alone, it makes two gateways: the steps are not for show', () => {
    const world = settled();
    for (const node of [2, 3]) world.tell(node, { kind: 'keys', keys: [NEXT] });
    world.run(SETTLED + 10 * TIMING.deadAfterMs);
    expect(took(world)).toEqual(['2 e2 silence']);
  });
});

describe('death', () => {
  test.each([['power', 'powerOff'], ['kill -9 of the process', 'kill']] as const)('%s: the backup takes over in time, and the next becomes backup', (_name, how) => {
    const world = settled();
    world[how](1);
    world.run(SETTLED + DEATH_MS + TIMING.beatMs);
    expect([took(world), world.answering(), rolesOf(world).slice(7)]).toEqual([['2 e2 silence'], [2], 'holder backup']);
    expect(world.takeovers[0]!.atMs - SETTLED).toBeLessThanOrEqual(DEATH_MS);
    expect(world.takeovers[0]!.atMs - SETTLED).toBeGreaterThan(TIMING.deadAfterMs - TIMING.beatMs - 1);
    // Never both: the kernel of the killed one is silent before the other speaks.
    expect(world.stretches.filter(({ nodes }) => nodes.length > 1)).toEqual([]);
  });

  test('silence on one network only is none', () => {
    const world = settled();
    world.split([1], [2, 3], ['boot']);
    world.run(SETTLED + 10_000);
    expect([took(world), world.machine(2).status().peers.find(({ node }) => node === 1)?.silentOn]).toEqual([[], ['boot']]);
  });

  test('silence on the one network, then on the other', () => {
    const world = settled();
    world.split([1], [2, 3], ['boot']);
    world.at(SETTLED + 500, () => world.split([1], [2, 3], ['storage']));
    world.run(SETTLED + 500 + DEATH_MS + TIMING.beatMs);
    expect(took(world)).toEqual(['2 e2 silence']);
    const { lastBeats, suspectedAt, decidedAt } = world.machine(2).status().takeovers[0]!;
    expect(lastBeats.map(({ network, at }) => [network, Math.round(Math.abs(SETTLED + 500 - at!) / 100)])).toEqual([['boot', 5], ['storage', 0]]);
    expect(suspectedAt).toBeLessThan(decidedAt);
  });

  test('holder and backup at once: the third waits one place longer at most', () => {
    const world = settled();
    world.powerOff(1);
    world.powerOff(2);
    world.run(SETTLED + DEATH_MS + 2 * TIMING.beatMs);
    expect(took(world)).toEqual(['3 e2 silence']);
    expect(world.takeovers[0]!.atMs - SETTLED).toBeLessThanOrEqual(DEATH_MS + TIMING.staggerMs);
  });

  test('one after the other', () => {
    const world = settled();
    world.powerOff(1);
    world.at(SETTLED + 1000, () => world.powerOff(2));
    world.run(SETTLED + 2000);
    expect(took(world)).toEqual(['2 e2 silence', '3 e3 silence']);
  });

  test('the dead one comes back as a candidate, and takes nothing back', () => {
    const world = settled();
    world.powerOff(1);
    world.at(SETTLED + 500, () => world.powerOn(1));
    world.run(SETTLED + 30_000);
    expect([took(world), rolesOf(world)]).toEqual([['2 e2 silence'], 'backup holder standby']);
  });

  test('a process that is restarted before its death was noticed: the backup need not wait for the silence', () => {
    const world = settled();
    world.kill(1);
    world.at(SETTLED + 20, () => world.powerOn(1));
    world.run(SETTLED + 1000);
    expect(took(world)).toEqual(['2 e2 released']);
    expect(world.takeovers[0]!.atMs).toBeLessThan(SETTLED + 22);
  });
});

describe('split and heal', () => {
  test('each side has a holder; the later epoch goes on, the other is quiet within a beat, and the ARP of the winner is repeated', () => {
    const world = settled();
    world.split([1], [2, 3]);
    const healed = SETTLED + 5000;
    world.at(healed, () => world.heal());
    world.run(healed + 20_000);
    expect([took(world), rolesOf(world), world.answering()]).toEqual([['2 e2 silence'], 'backup holder standby', [2]]);
    const doubles = world.stretches.filter(({ nodes, toMs }) => nodes.length > 1 && toMs > healed);
    expect(Math.max(...doubles.map(({ toMs }) => toMs)) - healed).toBeLessThan(TIMING.beatMs + 1);
    const announced = world.effects.filter(({ node, atMs, effect }) => node === 2 && atMs >= healed && effect.kind === 'announce').map(({ atMs }) => atMs - healed);
    expect(announced.length).toBeGreaterThanOrEqual(ANNOUNCE_AT_MS.length);
    expect(announced[0]).toBeLessThan(2 * TIMING.beatMs);
  });

  test('who could be heard and did not hear is told by the announcements that never end, one each five seconds', () => {
    const world = settled();
    world.run(SETTLED + 60_000);
    const announced = world.effects.filter(({ node, atMs, effect }) => node === 1 && atMs >= SETTLED + 10_000 && effect.kind === 'announce').map(({ atMs }) => atMs);
    expect(announced.length).toBe(50_000 / ANNOUNCE_AGAIN_MS);
    for (const [at, ms] of announced.slice(1).entries()) expect(Math.abs(ms - announced[at]! - ANNOUNCE_AGAIN_MS)).toBeLessThan(TIMING.beatMs);
  });

  test('both sides took over: the higher rank of one epoch wins', () => {
    const world = settled();
    world.powerOff(1);
    world.split([2], [3]);
    world.at(SETTLED + 3000, () => world.heal());
    world.run(SETTLED + 6000);
    expect([took(world).sort(), world.answering()]).toEqual([['2 e2 silence', '3 e2 silence'], [2]]);
  });

  test('who hears but is not heard is taken over from, and knows it', () => {
    const world = settled();
    for (const network of NETWORKS) for (const to of [2, 3]) world.cut(network, 1, to);
    world.run(SETTLED + 2000);
    expect([took(world), world.answering()]).toEqual([['2 e2 silence'], [2]]);
  });
});

describe('a stalled backup judges nobody by its own sleep', () => {
  test.each([50, 200, 2000])('%i ms, again and again, with the beats waiting in the socket', (ms) => {
    const world = settled();
    for (let at = SETTLED; at < SETTLED + 40 * ms; at += 1.3 * ms) {
      world.at(at, () => world.stall(2, ms));
      world.at(at + ms / 3, () => world.stall(3, ms));
    }
    world.run(SETTLED + 45 * ms);
    expect([took(world), world.answering()]).toEqual([[], [1]]);
  });

  test('not even when nothing is in the socket: the whole machine was suspended', () => {
    const world = settled();
    world.stall(2, 5000);
    world.split([1], [2]);
    world.at(SETTLED + 5000, () => world.heal());
    world.run(SETTLED + 8000);
    expect(took(world)).toEqual([]);
  });

  test('not even when its timers run and its sockets are not read: they are before it judges', () => {
    const world = settled({ candidates: [1, 2] });
    world.neglectSockets(2);
    world.run(SETTLED + 5000);
    expect([took(world), world.answering()]).toEqual([[], [1]]);
    world.powerOff(1);
    world.run(SETTLED + 5000 + 2 * DEATH_MS);
    expect(took(world)).toEqual(['2 e2 silence']);
  });

  test('a death during the stall is seen after it', () => {
    const world = settled({ candidates: [1, 2] });
    world.stall(2, 2000);
    world.at(SETTLED + 1990, () => world.powerOff(1));
    world.run(SETTLED + 2500);
    expect(took(world)).toEqual(['2 e2 silence']);
    expect(world.takeovers[0]!.atMs).toBeLessThan(SETTLED + 2000 + DEATH_MS + TIMING.beatMs);
  });
});

describe('a stalled holder', () => {
  test('shorter than the gate: nothing happens', () => {
    const world = settled();
    world.stall(1, TIMING.gateMs - TIMING.beatMs - 1);
    world.run(SETTLED + 1000);
    expect([took(world), world.stretches.filter(({ nodes, fromMs }) => fromMs >= SETTLED && nodes.length !== 1)]).toEqual([[], []]);
  });

  test('longer than the gate, shorter than a death: silent meanwhile, and the holder again', () => {
    const world = settled();
    world.stall(1, TIMING.deadAfterMs - TIMING.beatMs - 2);
    world.run(SETTLED + 1000);
    expect([took(world), world.answering()]).toEqual([[], [1]]);
  });

  test('frozen: its kernel is silent before another takes over, and when it wakes it is no holder', () => {
    const world = settled();
    world.stall(1, 3000);
    world.run(SETTLED + 5000);
    expect([took(world), world.answering(), world.machine(1).status().role]).toEqual([['2 e2 silence'], [2], 'backup']);
    expect(world.stretches.filter(({ nodes }) => nodes.length > 1)).toEqual([]);
    // It reads its sockets before it opens its gate again, although its own beat was long overdue.
    expect(world.effects.filter(({ node, atMs, effect }) => node === 1 && atMs > SETTLED + 100 && (effect.kind === 'renew-gate' || effect.kind === 'announce'))).toEqual([]);
  });

  test('longer than a death while nobody could take over: it steps down all the same, and the next one need not wait', () => {
    const world = settled({ candidates: [1, 2] });
    world.stall(1, 100);
    world.stall(2, 90);
    world.run(SETTLED + 500);
    expect([took(world), world.answering()]).toEqual([['2 e2 released'], [2]]);
  });

  test('the only one that stands goes on after any stall', () => {
    const world = settled({ candidates: [1] });
    world.stall(1, 3000);
    world.run(SETTLED + 3100);
    expect([took(world), world.answering()]).toEqual([[], [1]]);
  });
});

describe('uplink', () => {
  test('the holder that loses it hands over at once', () => {
    const world = settled();
    world.at(SETTLED, () => world.tell(1, { kind: 'uplink', usable: false }));
    world.run(SETTLED + 10);
    expect([took(world), world.answering()]).toEqual([['2 e2 released'], [2]]);
  });

  test('a candidate without one does not stand', () => {
    const world = settled();
    world.tell(2, { kind: 'uplink', usable: false });
    world.at(SETTLED + 100, () => world.powerOff(1));
    world.run(SETTLED + 1000);
    expect(took(world)).toEqual(['3 e2 silence']);
  });

  test.each([[[3, 2, 1]], [[1, 2, 3]], [[2, 1, 3]]])('where nobody has one (%j) somebody holds all the same, and hands over to the first that gets it back', (order) => {
    const world = settled();
    for (const node of order) world.tell(node, { kind: 'uplink', usable: false });
    world.at(SETTLED + 1000, () => expect(world.answering()).toHaveLength(1));
    world.at(SETTLED + 1000, () => world.tell(3, { kind: 'uplink', usable: true }));
    world.run(SETTLED + 2000);
    expect([took(world).at(-1)?.replace(/e./, ''), world.answering()]).toEqual(['3  released', [3]]);
  });
});

describe('by command', () => {
  test('switch at the holder: to its backup, without waiting for any silence', () => {
    const world = settled();
    world.at(SETTLED, () => world.tell(1, { kind: 'switch' }));
    world.run(SETTLED + 5);
    expect([took(world), world.answering()]).toEqual([['2 e2 released'], [2]]);
    world.run(SETTLED + 5000);
    expect(rolesOf(world)).toBe('backup holder standby');
  });

  test('switch to the third', () => {
    const world = settled();
    world.at(SETTLED, () => world.tell(1, { kind: 'switch', to: 3 }));
    world.run(SETTLED + 5);
    expect(took(world)).toEqual(['3 e2 released']);
  });

  test('switch at the one that shall have them', () => {
    const world = settled();
    world.at(SETTLED, () => world.tell(3, { kind: 'switch' }));
    world.run(SETTLED + 10);
    expect(took(world)).toEqual(['3 e2 released']);
  });

  test('a successor that dies at that moment: the former holder stands in when nobody else does', () => {
    const world = settled({ candidates: [1, 2] });
    world.at(SETTLED, () => {
      world.powerOff(2);
      world.tell(1, { kind: 'switch', to: 2 });
    });
    world.run(SETTLED + 1000);
    expect([took(world), world.answering()]).toEqual([['1 e2 released'], [1]]);
    expect(world.takeovers[0]!.atMs - SETTLED).toBeLessThan(2 * TIMING.deadAfterMs);
  });

  test('drain: the node hands over, stands no more, and stands again when it is told', () => {
    const world = settled();
    world.at(SETTLED, () => world.tell(1, { kind: 'drain-node', drained: true }));
    world.at(SETTLED + 1000, () => world.powerOff(2));
    world.at(SETTLED + 2000, () => world.powerOff(3));
    world.at(SETTLED + 4000, () => expect(world.answering()).toEqual([]));
    world.at(SETTLED + 4000, () => world.tell(1, { kind: 'drain-node', drained: false }));
    world.run(SETTLED + 5000);
    expect(took(world)).toEqual(['2 e2 released', '3 e3 silence', '1 e4 silence']);
  });

  test.each([
    ['to itself', 1, 1, 'this node is the gateway already'],
    ['to a stranger', 1, 9, 'node 9 does not stand as a candidate'],
    ['to another, at one that is not the gateway', 2, 3, 'only the gateway can hand over to node 3'],
  ])('switch is refused %s', (_name, at, to, reason) => {
    const world = settled();
    world.tell(at, { kind: 'switch', to });
    world.run(SETTLED + 500);
    expect([world.effects.flatMap(({ effect }) => (effect.kind === 'refused' ? [effect.reason] : [])), took(world)]).toEqual([[reason], []]);
  });
});

describe('preemption', () => {
  test.each([[false, []], [true, ['1 e3 released']]])('%s', (preemption, expected) => {
    const world = settled({ preemption });
    world.powerOff(1);
    world.run(SETTLED + 500);
    world.takeovers.length = 0;
    world.powerOn(1);
    world.run(SETTLED + 500 + 1000 + PREEMPT_AFTER_MS - 100);
    expect(took(world)).toEqual([]);
    world.run(SETTLED + 3 * PREEMPT_AFTER_MS);
    expect(took(world)).toEqual(expected);
  });
});

describe('what is told to the shell', () => {
  test('a takeover: the claim, the gate, the host, the ARP, and only then the registry', () => {
    const world = settled();
    world.effects.length = 0;
    world.powerOff(1);
    world.run(SETTLED + DEATH_MS);
    const decided = world.takeovers[0]!.atMs;
    const kinds = world.effects.filter(({ node, atMs }) => node === 2 && atMs === decided).map(({ effect }) => (effect.kind === 'log' ? effect.event : effect.kind));
    // Its own turn to speak may come at the same moment.
    expect(kinds.slice(kinds.indexOf('drain'))).toEqual([
      'drain', 'renew-gate', 'send-beat', 'host', 'announce', 'save-epoch', 'timeline', 'gateway.takeover',
    ]);
  });

  test('a release: the addresses are down before the word goes out', () => {
    const world = settled();
    world.effects.length = 0;
    world.tell(1, { kind: 'switch' });
    expect(world.effects.map(({ effect }) => effect.kind)).toEqual(['log', 'host', 'send-beat']);
  });

  test('a holder whose addresses do not come up gives them back and rests', () => {
    const world = settled();
    world.at(SETTLED, () => world.tell(1, { kind: 'host-failed', reason: 'interface eth1 is not there' }));
    world.at(SETTLED + 500, () => world.powerOff(2));
    world.at(SETTLED + 1000, () => world.powerOff(3));
    world.run(SETTLED + FAILED_REST_MS - 100);
    expect([took(world), world.answering()]).toEqual([['2 e2 released', '3 e3 silence'], []]);
    world.run(SETTLED + FAILED_REST_MS + 500);
    expect(took(world).slice(2)).toEqual(['1 e4 silence']);
  });

  test('stages enter the record once, in whatever order', () => {
    const world = settled();
    for (const [stage, at] of [['arp', 3], ['address', 2], ['arp', 9], ['forwarded', 12]] as const) world.tell(1, { kind: 'performed', stage, at: at as never });
    expect(world.machine(1).status().takeovers[0]!.stages).toEqual({ address: 2, arp: 3, forwarded: 12 });
  });

  test('who is taken off the list lets go, and is silent', () => {
    const world = settled();
    for (const node of [1, 2, 3]) world.tell(node, { kind: 'candidates', candidates: [2, 3] });
    world.run(SETTLED + 1000);
    expect(world.answering()).toEqual([2]);
    expect(world.effects.filter(({ node, atMs, effect }) => node === 1 && atMs > SETTLED + 200 && effect.kind === 'send-beat')).toEqual([]);
  });
});
