// Reads what `nft -j` prints. Pure, and lenient to what newer releases add; what is not JSON of the expected form is undefined, and
// the shell tries again: acting on half a picture would take addresses away.

import { chainShape, GATE_TABLE } from './gate-ruleset.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The shape of our two tables (see `Ruleset.shape`) out of `nft -j list ruleset`; empty when neither is there. */
export function readRulesetShape(text: string): string | undefined {
  let items: unknown;
  try {
    items = (JSON.parse(text) as JsonObject | null)?.['nftables'];
  } catch {
    return undefined;
  }
  if (!Array.isArray(items) || !items.every(isObject)) return undefined;
  const ours = (kind: string): JsonObject[] => items.map((item: JsonObject) => item[kind]).filter(isObject).filter((one) => (one['table'] ?? one['name']) === GATE_TABLE);
  const rules = ours('rule');
  const chains = ours('chain').map(({ family, name }) => chainShape(String(family), String(name), rules.filter((rule) => rule['family'] === family && rule['chain'] === name).length));
  // A table that was emptied is not one that is not there.
  return chains.length > 0 ? chains.sort().join('; ') : ours('table').length > 0 ? 'empty' : '';
}
