// What goes wrong in a run, drawn from its seed. First all is calm, and one blade boots, perhaps after a death that nothing disturbs; then faults come, the more the longer the run and
// the larger the rack; for the last part nothing new happens, so that everything must have settled by the end.

import { FAULT_KINDS, type Fault, type FaultKind } from './fault.ts';
import { DELAY_MAX_MS, DRIFT_MAX_PPM } from './limits.ts';
import { drawGateway } from './gateway-setting.ts';
import type { GatewaySetting } from './adapter.ts';
import { Random } from './random.ts';

/** When the first blade is switched on, while nothing is wrong yet. */
const CALM_BOOT_AT_MS = 9000;
/** In so many runs a node dies before, and is left alone with it until the others must have buried it. */
const CALM_DEATH = 0.4;
const CALM_DEATH_AT_MS = [8000, 8500] as const;
const FAULTS_FROM_MS = 15_000;
/** Long enough for views to settle after the last fault, and for a blade's first three DISCOVERs. */
export const QUIET_AT_END_MS = 18_000;
/** Below this there would be no time for faults. */
export const SHORTEST_MS = 40_000;

const FAULTS_PER_MINUTE = 16;
/** So many nodes bring one fault more per minute. */
const NODES_PER_FAULT = 10;
/** This share of the nodes is off at the beginning, at least one; they are switched on during the run. */
const OFF_SHARE = 0.1;
const MORE_THAN_ONE_HIT = 0.25;
/** After so many faults a blade is switched off and on again, so that its ROM asks while others do not know of the fault yet, or just do. */
const BOOT_AFTER_FAULT = 0.5;
const BOOT_AFTER_MAX_MS = 6000;
const SWITCHED_OFF_MS = 300;

/** How often each kind is drawn, in relation to the others. */
const WEIGHTS: Readonly<Record<FaultKind, number>> = {
  'power-on': 3, crash: 1, reboot: 4, restart: 3, pause: 3, starve: 2, cut: 3, mute: 1, deafen: 1, lose: 3, duplicate: 1, reorder: 1, delay: 1, drift: 1, jump: 1, drain: 2,
  split: 2, unplug: 2, 'no-uplink': 2, freeze: 2, switch: 1,
};

/** A run without faults would be the same without its seed. */
export interface Schedule {
  readonly off: readonly number[];
  readonly faults: readonly Fault[];
  readonly gateway?: GatewaySetting;
}

/** Amounts by unit and kind, from little to far too much. */
function amountOf(kind: FaultKind, random: Random): number {
  switch (kind) {
    case 'lose':
      return random.pick([5, 20, 50, 80]);
    case 'duplicate':
    case 'reorder':
      return random.pick([10, 50]);
    case 'delay':
      return random.pick([20, DELAY_MAX_MS]);
    case 'drift':
      return random.whole(-DRIFT_MAX_PPM, DRIFT_MAX_PPM);
    case 'jump':
      return random.pick([300, 1500, 4000, 3_600_000]);
    default:
      return 0;
  }
}

function drawNodes(random: Random, nodes: number): readonly number[] {
  const count = random.chance(MORE_THAN_ONE_HIT) ? random.whole(1, Math.max(1, Math.floor(nodes / 2))) : 1;
  return random.sample(Array.from({ length: nodes }, (_, i) => i + 1), count);
}

/** These mean something to candidates only. */
const OF_GATEWAY: ReadonlySet<FaultKind> = new Set(['unplug', 'no-uplink', 'freeze', 'switch']);

function drawFault(random: Random, nodes: number, endsMs: number, candidates: readonly number[]): Fault {
  const kinds = Object.entries(WEIGHTS) as [FaultKind, number][];
  let left = random.fraction() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
  const [kind] = kinds.find(([, weight]) => (left -= weight) < 0)!;
  const rule = FAULT_KINDS[kind];
  const atMs = random.whole(FAULTS_FROM_MS, endsMs - 1);
  // Short ones are as likely as long ones, whatever their measure.
  const forMs = rule.lasting ? Math.min(endsMs - atMs, random.pick([random.whole(50, 900), random.whole(900, 4000), random.whole(4000, 20_000)])) : 0;
  const hit = rule.nodes === true || (rule.nodes === 'may' && random.chance(0.5));
  return { atMs, kind, nodes: !hit ? [] : OF_GATEWAY.has(kind) ? [random.pick(candidates)] : drawNodes(random, nodes), amount: amountOf(kind, random), forMs };
}

/** The schedule of a seed. `untilMs`: at least `SHORTEST_MS`. */
export function drawSchedule(seed: number, nodes: number, untilMs: number): Schedule {
  const random = new Random(seed);
  const numbers = Array.from({ length: nodes }, (_, i) => i + 1);
  const off = random.sample(numbers, Math.min(nodes - 1, Math.max(1, Math.floor(nodes * OFF_SHARE))));
  const gateway = drawGateway(random, nodes);
  const endsMs = untilMs - QUIET_AT_END_MS;
  const count = Math.max(1, Math.round((FAULTS_PER_MINUTE + nodes / NODES_PER_FAULT) * (endsMs - FAULTS_FROM_MS) / 60_000));
  const [earliest, latest] = CALM_DEATH_AT_MS;
  const death: readonly Fault[] = random.chance(CALM_DEATH) ? [{ atMs: random.whole(earliest, latest), kind: 'crash', nodes: [random.pick(numbers.filter((number) => !off.includes(number)))], amount: 0, forMs: 0 }] : [];
  const calm: Fault = { atMs: CALM_BOOT_AT_MS, kind: 'power-on', nodes: off.slice(0, 1), amount: 0, forMs: 0 };
  const faults = Array.from({ length: count }, () => drawFault(random, nodes, endsMs, gateway.candidates)).flatMap((fault) => {
    const atMs = fault.atMs + random.whole(0, BOOT_AFTER_MAX_MS);
    if (!random.chance(BOOT_AFTER_FAULT) || atMs + SWITCHED_OFF_MS > endsMs) return [fault];
    return [fault, { atMs, kind: 'reboot' as const, nodes: [random.pick(numbers)], amount: 0, forMs: SWITCHED_OFF_MS }];
  });
  return { off, gateway, faults: [...death, calm, ...faults.sort((a, b) => a.atMs - b.atMs)] };
}
