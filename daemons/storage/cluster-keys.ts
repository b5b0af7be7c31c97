// The keys of the cluster as a node has them. How they change: registry-edit-keys.ts.

import type { RegistrySecret } from './registry-model.ts';

/** The parts of the registry's secret that are keys of the cluster. */
export type ClusterKeys = Pick<RegistrySecret, 'clusterKey' | 'nextClusterKey' | 'formerClusterKey'>;

/** Every key that a node accepts, the one that it speaks under first: 1 to 3. */
export function clusterKeys({ clusterKey, nextClusterKey, formerClusterKey }: ClusterKeys): readonly string[] {
  return [clusterKey, nextClusterKey, formerClusterKey].filter((key) => key !== undefined);
}

/** The file that a node reads them from: a line each. */
export const clusterKeyText = (keys: ClusterKeys): string => clusterKeys(keys).map((key) => `${key}\n`).join('');
