// Reads what `ip -j` and `nft -j` print. Pure, and lenient to what newer releases add; what is not JSON of the expected form is undefined, and
// the shell tries again: acting on half a picture would take addresses away.

import { type Ipv4, parseIpv4 } from '../core/ipv4.ts';
import { chainShape, GATE_TABLE } from './gate-ruleset.ts';
import type { DefaultRoute, HostAddress } from './host-state.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The objects of a JSON array; undefined when it is none. `ip` prints nothing at all where there is nothing. */
function objectsIn(text: string): readonly JsonObject[] | undefined {
  if (text.trim() === '') return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(isObject) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Every IPv4 address of `ip -j -4 address show`, with its interface. */
export function readAddresses(text: string): readonly HostAddress[] | undefined {
  return objectsIn(text)?.flatMap(({ ifname, addr_info: info }) => {
    if (typeof ifname !== 'string' || !Array.isArray(info)) return [];
    return info.flatMap((entry: unknown): HostAddress[] => {
      if (!isObject(entry) || entry['family'] !== 'inet' || typeof entry['local'] !== 'string' || typeof entry['prefixlen'] !== 'number') return [];
      const address = parseIpv4(entry['local']);
      return address === undefined ? [] : [{ interface: ifname, address, prefix: entry['prefixlen'] }];
    });
  });
}

/** The default route without a metric of `ip -j -4 route show table main`; `none` when there is none. */
export function readDefaultRoute(text: string): DefaultRoute | 'none' | undefined {
  const routes = objectsIn(text);
  const route = routes?.find(({ dst, metric = 0 }) => dst === 'default' && metric === 0);
  if (route === undefined) return routes && 'none';
  const via = typeof route['gateway'] === 'string' ? parseIpv4(route['gateway']) : undefined;
  // A default route of another form (on a link, of several next hops) is one that is to be replaced: no next hop is 0.0.0.0.
  return { via: via ?? ('0.0.0.0' as Ipv4), interface: typeof route['dev'] === 'string' ? route['dev'] : '' };
}

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
