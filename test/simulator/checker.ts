// What must hold whatever happens: invariants with names, looked at whenever something is seen, and at regular times.

import type { Absences } from './absences.ts';
import type { MembershipBounds, TableSizes } from './adapter.ts';
import type { GatewayTruth } from './gateway-truth.ts';
import type { Observation } from './observation.ts';
import type { Rack } from './rack.ts';

export interface Violation {
  readonly invariant: string;
  readonly atMs: number;
  readonly what: string;
}

/** What a checker judges by. */
export interface Judged {
  readonly rack: Rack;
  readonly bounds: MembershipBounds;
  /** What each running node's membership says; missing where it has said nothing yet. */
  readonly views: ReadonlyMap<number, Observation & { kind: 'view' }>;
  /** As of the view that is just observed, for those who observe it. */
  readonly absences: Absences;
  /** Since when nothing at all is wrong: no fault goes on, nobody is being switched on or off; Infinity: something is. */
  calmSinceMs(): number;
  /** What membership may suffer from: everything but registry and power-on. */
  readonly harm: Harm;
  readonly gateway: GatewayTruth;
  /** What each running node's membership holds. */
  readonly sizes: ReadonlyMap<number, () => TableSizes>;
  /** How many datagrams each node has sent by now; a broadcast is one. */
  sentBy(node: number): number;
}

/** How often something went wrong, or ceased to. */
export interface Harm {
  readonly count: number;
  /** Before the last time: since when nothing had been wrong; Infinity: something was. */
  readonly calmBeforeMs: number;
}

/** What looks at one run. Whatever it returns breaks the invariant. */
export interface Checker {
  observe?(atMs: number, seen: Observation): string | undefined;
  /** A kernel's gate for the moving addresses was opened for a while. */
  gate?(atMs: number, node: number): string | undefined;
  /** Each `SAMPLE_MS`. */
  sample?(atMs: number): string | undefined;
}

export interface Invariant {
  readonly name: string;
  check(judged: Judged): Checker;
}

/** How often what holds for a while is looked at. */
export const SAMPLE_MS = 250;
