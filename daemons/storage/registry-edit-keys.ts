// The cluster's key and its change while all nodes run. It takes three edits, with every node having followed each before the next is made: the
// new key is told; then it is spoken under; then the former one goes. In between every node accepts whatever any other may speak under. The
// registry itself says how far it has come, so that whoever goes on needs to know nothing else.

import type { Result } from '../core/problem.ts';
import type { ClusterKeys } from './cluster-keys.ts';
import { settled } from './registry-edit.ts';
import type { Registry } from './registry.ts';

/** `tell`: a new key is accepted. `use`: it is spoken under. `forget`: the former one is accepted no longer. */
export const KEY_STEPS = ['tell', 'use', 'forget'] as const;
export type KeyStep = (typeof KEY_STEPS)[number];

/** Which step is next; `tell` where none is under way. */
export function nextKeyStep({ nextClusterKey, formerClusterKey }: ClusterKeys): KeyStep {
  if (formerClusterKey !== undefined) return 'forget';
  return nextClusterKey === undefined ? 'tell' : 'use';
}

/**
 * Makes one step. Where the registry stands elsewhere, for somebody has gone on meanwhile, it stays as it is: each step is made once.
 * @param freshKey 64 hexadecimal digits, for `tell`
 */
export function takeKeyStep(registry: Registry, step: KeyStep, freshKey: string): Result<Registry> {
  const { secret } = registry;
  if (nextKeyStep(secret) !== step) return { ok: true, value: registry };
  const { clusterKey, nextClusterKey, formerClusterKey: _, ...rest } = secret;
  switch (step) {
    case 'tell':
      return settled({ ...registry, secret: { ...rest, clusterKey, nextClusterKey: freshKey } });
    case 'use':
      return settled({ ...registry, secret: { ...rest, clusterKey: nextClusterKey!, formerClusterKey: clusterKey } });
    case 'forget':
      return settled({ ...registry, secret: { ...rest, clusterKey, ...(nextClusterKey === undefined ? {} : { nextClusterKey }) } });
  }
}
