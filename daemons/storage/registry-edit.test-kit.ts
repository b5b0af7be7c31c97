// For tests of edits: a registry with room for more, and what a refusal says.

import type { Mac } from '../core/mac.ts';
import type { Result } from '../core/problem.ts';
import type { Registry } from './registry.ts';
import type { AddRequest } from './registry-edit-nodes.ts';
import { sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';

/** A moment of 2026. */
export const NOW = 1_795_000_000_000;

/** The nth of many MAC addresses; 1 and 2 are the sample nodes'. */
export const macOf = (n: number): Mac => `52:54:00:00:00:${n.toString(16).padStart(2, '0')}` as Mac;

/** Nothing of it can be changed: an edit that wrote into its input would throw. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(Object.freeze(value))) frozen(inner);
  return value;
}

/** The sample's two nodes, as the installer would have numbered and addressed them, in a container of so many extents. */
export function roomyRegistry(extentCount = 100): Registry {
  const registry = sampleRegistry();
  const hostKey = { privateKey: 'PRIVATE\n', publicKey: 'PUBLIC' };
  return frozen({
    ...registry, extentCount, roster: { ...registry.roster, clusterName: 'node' },
    install: { ...registry.install, 'first-node-IP-netboot-netstorage': '10.0.0.1' }, secret: { ...registry.secret, sshHostKeys: { 1: hostKey, 2: hostKey } },
  });
}

/** A request to add a node that has the nth MAC address; UUIDs are counted from `uuid`. */
export function addRequest(n: number, more: Partial<AddRequest> = {}, uuid = 1000 + 10 * n): AddRequest {
  return { macs: [macOf(n)], hostKey: { privateKey: `PRIVATE-${n}\n`, publicKey: `PUBLIC-${n}` }, uuids: { store: sampleUuid(uuid), state: sampleUuid(uuid + 1), swap: sampleUuid(uuid + 2) }, writers: 6, ...more };
}

/** The codes and places of a refusal, e.g. `MM-EDIT-MAC at macs[1]`; `fine` for what was accepted. */
export const refusalOf = (result: Result<unknown>): string => (result.ok ? 'fine' : result.problems.map(({ code, where }) => `${code} at ${where}`).join(', '));
