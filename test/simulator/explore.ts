// Runs of many seeds: what was explored, and of the first that failed everything that is needed to understand it.

import type { Protocols } from './adapter.ts';
import type { Invariant, Violation } from './checker.ts';
import { DHCP_INVARIANTS } from './dhcp-checkers.ts';
import { type Fault, type FaultKind, formatFault } from './fault.ts';
import { formatGateway } from './gateway-setting.ts';
import { drawSchedule, type Schedule } from './fault-schedule.ts';
import { GATEWAY_INVARIANTS } from './gateway-checkers.ts';
import { MEMBERSHIP_INVARIANTS } from './membership-checkers.ts';
import { PROTOCOLS } from './protocols.ts';
import { shrink } from './shrink.ts';
import { type Outcome, simulate } from './simulation.ts';
import { Transcript } from './transcript.ts';
import { formatNumbers } from './number-list.ts';

export const INVARIANTS: readonly Invariant[] = [...MEMBERSHIP_INVARIANTS, ...DHCP_INVARIANTS, ...GATEWAY_INVARIANTS];
/** Of a failure's transcript, what happened in so many seconds before it. */
const TRANSCRIPT_BEFORE_MS = 15_000;

/** What a run is drawn from. */
export interface Size {
  readonly nodes: number;
  readonly untilMs: number;
}

export interface Exploration {
  seeds: number;
  events: number;
  boots: number;
  simulatedMs: number;
  readonly packets: Record<keyof Outcome['packets'], number>;
  readonly faults: Map<FaultKind, number>;
}

export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
  readonly schedule: Schedule;
  readonly shrunken: readonly Fault[];
  readonly tries: number;
  /** Of the shrunken run, the lines before the violation. */
  readonly transcript: readonly string[];
}

export const newExploration = (): Exploration => ({ seeds: 0, events: 0, boots: 0, simulatedMs: 0, packets: { sent: 0, arrived: 0, lost: 0, blocked: 0, duplicated: 0, overflown: 0 }, faults: new Map() });

/** The run of one seed. */
export function runSeed(seed: number, { nodes, untilMs }: Size, schedule = drawSchedule(seed, nodes, untilMs), protocols: Protocols = PROTOCOLS, watch?: Transcript): Outcome {
  return simulate({ seed, nodes, untilMs, ...schedule, protocols, invariants: INVARIANTS, ...(watch && { watch: (atMs, seen) => watch.note(atMs, seen) }) });
}

function count(into: Exploration, { faults }: Schedule, outcome: Outcome): void {
  into.seeds += 1;
  into.events += outcome.events;
  into.boots += outcome.boots;
  into.simulatedMs += outcome.simulatedMs;
  for (const [name, packets] of Object.entries(outcome.packets) as [keyof Outcome['packets'], number][]) into.packets[name] += packets;
  for (const { kind } of faults) into.faults.set(kind, (into.faults.get(kind) ?? 0) + 1);
}

/** Counts what another has explored. */
export function addExploration(into: Exploration, more: Exploration): void {
  for (const name of ['seeds', 'events', 'boots', 'simulatedMs'] as const) into[name] += more[name];
  for (const [name, packets] of Object.entries(more.packets) as [keyof Outcome['packets'], number][]) into.packets[name] += packets;
  for (const [kind, number] of more.faults) into.faults.set(kind, (into.faults.get(kind) ?? 0) + number);
}

/** Runs a seed and counts it; where it fails, its schedule is shrunken. */
export function exploreSeed(seed: number, size: Size, into: Exploration, protocols: Protocols = PROTOCOLS): Failure | undefined {
  const schedule = drawSchedule(seed, size.nodes, size.untilMs);
  const outcome = runSeed(seed, size, schedule, protocols);
  count(into, schedule, outcome);
  const { violation } = outcome;
  if (violation === undefined) return undefined;
  // Nothing behind the violation has anything to do with it.
  const before = schedule.faults.filter(({ atMs }) => atMs <= violation.atMs);
  const again = (faults: readonly Fault[], watch?: Transcript): Outcome => runSeed(seed, size, { ...schedule, faults }, protocols, watch);
  const { faults, tries } = shrink(before, (candidate) => again(candidate).violation?.invariant === violation.invariant);
  const watch = new Transcript();
  const shrunken = again(faults, watch).violation ?? violation;
  const transcript = watch.lines().filter((line) => Number(line.slice(0, 8)) * 1000 >= shrunken.atMs - TRANSCRIPT_BEFORE_MS);
  return { seed, violation: shrunken, schedule, shrunken: faults, tries, transcript };
}

/** How a failed seed is run again. */
export const reproduction = (seed: number, { nodes, untilMs }: Size): string => `npm run simulate -- --seed ${seed} --nodes ${nodes} --minutes ${untilMs / 60_000}`;

/** A failure as text; the schedule is in a scenario's words. */
export function formatFailure(failure: Failure, size: Size): string {
  const { seed, violation, schedule, shrunken, tries, transcript } = failure;
  return [
    `FAILED: ${violation.invariant}`,
    `  at ${(violation.atMs / 1000).toFixed(3)} s: ${violation.what}`,
    `  seed ${seed}; again: ${reproduction(seed, size)}`,
    `  the schedule, ${shrunken.length} of ${schedule.faults.length} faults after ${tries} runs to shrink it:`,
    '', `seed ${seed}`, `nodes ${size.nodes}`, ...(schedule.gateway === undefined ? [] : [formatGateway(schedule.gateway)]), `off ${formatNumbers(schedule.off)}`, `until ${size.untilMs / 1000}s`, ...shrunken.map(formatFault),
    '', '  the transcript before it:', '', ...transcript,
  ].join('\n');
}

const grouped = (count: number): string => Math.round(count).toString().replaceAll(/\B(?=(\d{3})+$)/g, ' ');

/** What was explored, as text. `tookMs`: on the clock of the machine that ran it. */
export function formatExploration({ seeds, events, boots, simulatedMs, packets, faults }: Exploration, size: Size, tookMs: number): string {
  const kinds = [...faults].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, number]) => `${kind} ${number}`).join(', ');
  const perSecond = (count: number): string => grouped(count / Math.max(tookMs / 1000, 0.001));
  return [
    `${grouped(seeds)} seeds of ${size.nodes} nodes, ${(simulatedMs / 3_600_000).toFixed(2)} simulated hours, in ${(tookMs / 1000).toFixed(1)} s: ${perSecond(simulatedMs / 1000)} simulated seconds a second`,
    `events: ${grouped(events)}, ${perSecond(events)} a second`,
    `packets: ${Object.entries(packets).map(([name, number]) => `${grouped(number)} ${name}`).join(', ')}; ${perSecond(packets.arrived)} a second`,
    `boots: ${grouped(boots)}`,
    `faults: ${kinds}`,
    `invariants: ${INVARIANTS.map(({ name }) => name).join('; ')}`,
  ].join('\n');
}
