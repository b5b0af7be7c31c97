// Reads what `nft -j` prints. Pure, and lenient to what newer releases add; what is not JSON of the expected form is undefined, and
// the shell tries again: acting on half a picture would take addresses away.

import { chainShape, GATE_TABLE } from './gate-ruleset.ts';
import { OUTSIDE_COUNTERS } from './outside-input.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the packet filter has dropped of what came from outside, in packets, since it was loaded. */
export interface OutsideDropped {
  /** To this node itself. */
  readonly input: number;
  /** To be forwarded: no answer to anybody, and to no forwarded port. */
  readonly forward: number;
}

/** The list of what `nft -j` printed. */
function itemsOf(text: string): readonly JsonObject[] | undefined {
  let items: unknown;
  try {
    items = (JSON.parse(text) as JsonObject | null)?.['nftables'];
  } catch {
    return undefined;
  }
  return Array.isArray(items) && items.every(isObject) ? items : undefined;
}

/** The counters out of `nft -j list counters`; undefined when they are not there. */
export function readOutsideDropped(text: string): OutsideDropped | undefined {
  const counters = (itemsOf(text) ?? []).map((item) => item['counter']).filter(isObject).filter(({ table }) => table === GATE_TABLE);
  const packets = (name: string): unknown => counters.find((counter) => counter['name'] === name)?.['packets'];
  const [input, forward] = [packets(OUTSIDE_COUNTERS.input), packets(OUTSIDE_COUNTERS.forward)];
  return typeof input === 'number' && typeof forward === 'number' ? { input, forward } : undefined;
}

/** The shape of our two tables (see `Ruleset.shape`) out of `nft -j list ruleset`; empty when neither is there. */
export function readRulesetShape(text: string): string | undefined {
  const items = itemsOf(text);
  if (items === undefined) return undefined;
  const ours = (kind: string): JsonObject[] => items.map((item) => item[kind]).filter(isObject).filter((one) => (one['table'] ?? one['name']) === GATE_TABLE);
  const rules = ours('rule');
  const chains = ours('chain').map(({ family, name }) => chainShape(String(family), String(name), rules.filter((rule) => rule['family'] === family && rule['chain'] === name).length));
  // A table that was emptied is not one that is not there.
  return chains.length > 0 ? chains.sort().join('; ') : ours('table').length > 0 ? 'empty' : '';
}
