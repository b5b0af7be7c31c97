// `metamaster node list`: what the registry says of the nodes and their machines, and what this node's daemon has heard of them. Pure.

import type { Status } from '../../daemons/agent/status.ts';
import type { BarredMachine, OpenReplacement, RosterNode } from '../../daemons/core/roster.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { duration, printable, table } from '../status-command.ts';
import { type Stranger, strangersNow } from './strangers.ts';

/** One node. `alive` and `serving` are null where no daemon could be asked. */
export interface ListedNode extends Omit<RosterNode, 'drained'> {
  readonly drained: boolean;
  readonly alive: boolean | null;
  readonly serving: boolean | null;
}

/** What the verb tells. */
export interface NodeList {
  readonly cluster: string;
  readonly generation: number;
  readonly nodes: readonly ListedNode[];
  readonly barred: readonly BarredMachine[];
  readonly replacements: readonly OpenReplacement[];
  readonly quarantined: readonly Required<Pick<VolumeRecord, 'name' | 'kind' | 'uuid' | 'node' | 'sizeBytes'>>[];
  /** Null where no daemon could be asked. */
  readonly strangers: readonly Stranger[] | null;
}

function listed(node: RosterNode, status: Status | undefined): ListedNode {
  const heard = (numbers: readonly number[] | undefined): boolean | null => numbers?.includes(node.number) ?? null;
  return { ...node, drained: node.drained === true, alive: heard(status?.alive), serving: heard(status?.live) };
}

/** Puts it together. `status`: what the daemon said; undefined where none answers. */
export function nodeList({ registry, header }: Pick<ContainerFound, 'registry' | 'header'>, status: Status | undefined): NodeList {
  const { roster, volumes } = registry;
  return {
    cluster: roster.clusterName,
    generation: header.generation,
    nodes: roster.nodes.map((node) => listed(node, status)),
    barred: roster.barred ?? [],
    replacements: roster.replacement ?? [],
    quarantined: volumes.flatMap(({ name, kind, uuid, node, sizeBytes, retired }) => (retired === 'quarantined' ? [{ name, kind, uuid, node: node!, sizeBytes }] : [])),
    strangers: status === undefined ? null : strangersNow(status, roster),
  };
}

/** The time of a registry entry; clocks of nodes may be off. */
const timeText = (unixMs: number): string => new Date(unixMs).toISOString().replace(/\.\d+Z$/, 'Z');

function stateText({ alive, serving, drained }: ListedNode): string {
  const heard = alive === null ? '-' : serving === true ? 'serving' : alive ? 'alive' : 'silent';
  return drained ? `${heard}, drained` : heard;
}

/** The list for a person. */
export function nodeListText({ cluster, generation, nodes, barred, replacements, quarantined, strangers }: NodeList): string {
  const part = (title: string, rows: readonly (readonly string[])[]): string[] => (rows.length === 0 ? [] : ['', title, ...table(rows)]);
  return [
    `cluster ${cluster}, registry generation ${generation}`,
    ...table(nodes.map((node) => [String(node.number), node.name, node.macs.join(' '), node.address, stateText(node)])),
    ...part('barred, until `metamaster node unbar`:', barred.map(({ node, macs, hardwareId, sinceUnixMs }) => [macs.join(' '), `was node ${node}`, `since ${timeText(sinceUnixMs)}`, printable(hardwareId ?? '')])),
    ...part('open replacements:', replacements.map(({ node, policy, untilUnixMs }) => [`node ${node}`, policy, `until ${timeText(untilUnixMs)}`])),
    ...part('quarantined volumes:', quarantined.map(({ name, kind, uuid, node, sizeBytes }) => [name, kind, `of node ${node}`, uuid, `${Math.ceil(sizeBytes / 2 ** 20)} MiB`])),
    ...part('asked for a boot just now and are no node\'s:', (strangers ?? []).map(({ mac, count, detail, agoMs }) => [mac, `${duration(agoMs)} ago`, `${count} times`, printable(detail)])),
    ...(strangers === null ? ['', 'No daemon answers here: who is alive, and which strangers ask, is not known.'] : []),
    '',
  ].join('\n');
}
