// What the labels alone tell of a lost registry, as the beginning of a copy, and what they cannot tell.

import type { SectorRange } from './container-partitions.ts';
import { SECTOR_BYTES } from './block.ts';
import type { FoundFront } from './label-scan.ts';
import type { Superblock } from './registry-layout.ts';
import { REGISTRY_FORMAT, REGISTRY_VERSION } from './registry-model.ts';

/** What no label knows: where each of these comes from instead. */
export const NOT_IN_LABELS: readonly (readonly [what: string, source: string])[] = [
  ['secrets: cluster key, SSH host keys, root\'s password', 'nowhere else; new ones are made with --new-secrets, and all nodes are booted again'],
  ['the SAN\'s CHAP login, where it wants one', '/etc/metamaster/san-login.json of any node, given with --san-login; or the files that the answers named'],
  ['names, addresses and further MAC addresses of the nodes; netmask, domain, meta-master address, the SAN\'s address', '/etc/install/INSTALL.info or /etc/metamaster/node.json of any node, or the answers of the installation'],
  ['where origins and the shared volume lie, and how long every volume is', '`metamaster install --dry-run` with the same answers lays them out alike; a node that runs shows its tables with `dmsetup table`'],
  ['size, SHA-256 and kernel release of the origin\'s image', 'metamaster/root.json on the disc of the installation'],
  ['the administrators\' SSH keys', 'the answers of the installation'],
];

/** The part of a copy that labels, owner records and superblock tell. It is no registry: what is missing is missing. */
export function draftOfLabels(superblock: Superblock, fronts: readonly FoundFront[], extentBytes: number, container: SectorRange): Record<string, unknown> {
  const ours = fronts.flatMap(({ extent, label, owner }) => (label !== undefined && label.clusterUuid === superblock.clusterUuid && label.container === superblock.container ? [{ extent, label, owner }] : []));
  const numbers = [...new Set(ours.map(({ label }) => label.node))].sort((a, b) => a - b);
  // A hardware id is SMBIOS UUID, a slash, and the MAC address that booted.
  const macsOf = (node: number): string[] => [...new Set(ours.flatMap(({ label, owner }) => (label.node === node && owner !== undefined ? [owner.hardwareId.split('/').at(-1)!] : [])))];
  return {
    format: REGISTRY_FORMAT, version: REGISTRY_VERSION, clusterUuid: superblock.clusterUuid,
    roster: { container: superblock.container, nodes: numbers.map((number) => ({ number, macs: macsOf(number) })) },
    origins: [...new Set([...ours.flatMap(({ label }) => (label.kind === 'store' ? [label.originUuid] : [])), ...fronts.flatMap(({ bootOf }) => bootOf ?? [])])].map((uuid) => ({ uuid })),
    extentBytes, extentCount: Math.floor((container.sectors * SECTOR_BYTES) / extentBytes),
    volumes: [
      // JSON leaves out what is undefined.
      ...ours.map(({ extent, label: { kind, volumeUuid, node, chunkSectors, checkpoint } }) => ({
        kind, uuid: volumeUuid, node, chunkSectors: kind === 'store' ? chunkSectors : undefined, extents: [{ start: extent }],
        name: checkpoint?.name, retired: checkpoint && 'checkpoint', madeAtUnixMs: checkpoint?.madeAtUnixMs,
      })),
      ...fronts.flatMap(({ extent, bootOf }) => (bootOf === undefined ? [] : [{ kind: 'boot', extents: [{ start: extent }] }])),
    ],
  };
}
