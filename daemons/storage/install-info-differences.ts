// Whether an INSTALL.info says what the registry says. The registry is the truth; a file that differs is an older one, one of another
// cluster, or one that somebody edited in the belief that it counts.

import type { Problem } from '../core/problem.ts';
import { canonicalJson } from './canonical-json.ts';
import { type InstallInfo, installInfoOf } from './install-info.ts';
import type { Registry } from './registry.ts';

/** Every value by its path, e.g. `[node 3] address`. */
function valuesOf({ cluster, san, answers, origins, nodes }: InstallInfo): ReadonlyMap<string, string> {
  const parts: readonly (readonly [string, object])[] = [
    ['[cluster]', cluster], ['[san]', san], ['[answers]', answers],
    ...origins.map(({ volume, ...origin }) => [`[origin ${volume}]`, origin] as const), ...nodes.map(({ number, ...node }) => [`[node ${number}]`, node] as const),
  ];
  return new Map(parts.flatMap(([heading, part]) => Object.entries(part).map(([key, value]) => [`${heading} ${key}`, canonicalJson(value)] as const)));
}

/** What differs: MM-RESTORE-DIFFERS for every value that one of them has otherwise, or alone. */
export function infoDifferences(given: InstallInfo, registry: Registry, file: string): readonly Problem[] {
  const inFile = valuesOf(given);
  const inRegistry = valuesOf(installInfoOf(registry));
  return [...new Set([...inRegistry.keys(), ...inFile.keys()])].filter((path) => inFile.get(path) !== inRegistry.get(path)).map((path) => ({
    code: 'MM-RESTORE-DIFFERS', where: `${file}: ${path}`, rule: `${inRegistry.get(path) ?? 'nothing'}, as the registry says`,
    // An answer that the registry does not know may be a login that was added for an installation.
    seen: inRegistry.has(path) ? (inFile.get(path) ?? 'nothing') : 'a value that is not shown',
    remedy: 'Take the INSTALL.info of a node that booted lately, or leave -f out; --force goes by the registry all the same.',
  }));
}
