// The report's INSTALL.info (appendix C.2.3): how the cluster was set up and what came of it, as lines that an administrator reads and
// edits and `metamaster restore -f` and `metamaster install` read back (install-info-parse.ts). Never a secret. docs/formats.md, section 11.

import type { ChapKind } from '../core/chap.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { RosterNode } from '../core/roster.ts';
import { portalText } from '../core/san-portal.ts';
import type { Uuid } from '../core/uuid.ts';
import type { InstallAnswer, PublicRegistry, VolumeKind } from './registry-model.ts';

/** What INSTALL.info says. Every property has the name of its key in the file; the sections' numbers and names are properties too. */
export interface InstallInfo {
  readonly cluster: InfoCluster;
  readonly san: InfoSan;
  /** The installation's answers by the report's names; a file that is to be installed from may have further ones. */
  readonly answers: Readonly<Record<string, InstallAnswer>>;
  readonly origins: readonly InfoOrigin[];
  readonly nodes: readonly InfoNode[];
}

/** The section `[cluster]`. */
export interface InfoCluster {
  readonly name: string;
  readonly uuid: Uuid;
  readonly container: string;
  readonly domain: string;
  readonly netmask: Ipv4;
  readonly 'meta-master-ip': Ipv4;
  readonly 'boot-vlan'?: number;
  readonly 'kernel-parameters': string;
  readonly 'container-bytes': number;
  readonly 'shared-bytes'?: number;
}

/** The section `[san]`. */
export interface InfoSan {
  readonly target: string;
  /** As `address:port`, the first one first. */
  readonly portals: readonly string[];
  readonly chap?: ChapKind;
}

/** A section `[origin default@1]`. */
export interface InfoOrigin {
  /** The volume that holds it. */
  readonly volume: string;
  readonly name: string;
  readonly version: number;
  readonly uuid: Uuid;
  readonly kernel: string;
  readonly 'image-bytes': number;
  readonly 'image-sha256': string;
}

/** A section `[node 3]`. */
export interface InfoNode {
  readonly number: number;
  readonly name: string;
  readonly macs: readonly Mac[];
  readonly address: Ipv4;
  readonly loader: RosterNode['loader'];
  /** The volume of the origin that its store lies over. */
  readonly origin: string;
  readonly 'store-bytes': number;
  readonly 'state-bytes': number;
  readonly 'swap-bytes'?: number;
}

/** What a registry says, as INSTALL.info has it. The registry is one that `decodeRegistry` takes: every node has a store and a state volume. */
export function installInfoOf({ roster, clusterUuid, install, origins, volumes, extentBytes, extentCount }: PublicRegistry): InstallInfo {
  const volumeOf = (kind: VolumeKind, node?: number) => volumes.find((volume) => volume.kind === kind && volume.node === node && volume.retired === undefined);
  const shared = volumeOf('shared');
  const { san } = roster;
  return {
    cluster: {
      name: roster.clusterName, uuid: clusterUuid, container: roster.container, domain: roster.domain, netmask: roster.netmask, 'meta-master-ip': roster.metaMasterAddress,
      ...(roster.vlan === undefined ? {} : { 'boot-vlan': roster.vlan }), 'kernel-parameters': roster.kernelParameters,
      'container-bytes': extentBytes * extentCount, ...(shared === undefined ? {} : { 'shared-bytes': shared.sizeBytes }),
    },
    // As the roster has them, and not without repetitions: what is read back is what was there.
    san: { target: san.target, portals: [san, ...(san.portals ?? [])].map(portalText), ...(san.chap === undefined ? {} : { chap: san.chap }) },
    answers: install,
    origins: origins.map(({ volume, name, version, uuid, kernelRelease, imageBytes, imageSha256 }) => (
      { volume, name, version, uuid, kernel: kernelRelease, 'image-bytes': imageBytes, 'image-sha256': imageSha256 })),
    nodes: roster.nodes.map(({ number, name, macs, address, loader }) => {
      const store = volumeOf('store', number)!;
      const swap = volumeOf('swap', number);
      return {
        number, name, macs, address, loader, origin: store.origin!, 'store-bytes': store.sizeBytes, 'state-bytes': volumeOf('state', number)!.sizeBytes,
        ...(swap === undefined ? {} : { 'swap-bytes': swap.sizeBytes }),
      };
    }),
  };
}

/** A text in quotes only where it would not be read back as itself. */
const plain = (text: string): string => (/^[!#-Z\\-~]([ -~]*[!-~])?$/.test(text) ? text : JSON.stringify(text));

/** An answer; of what type it is must be seen, for nobody tells the reader. */
function answerText(answer: InstallAnswer): string {
  if (typeof answer === 'object') return JSON.stringify(answer);
  return typeof answer === 'string' && (answer === 'true' || answer === 'false' || isNumberText(answer)) ? JSON.stringify(answer) : plain(String(answer));
}

/** True for what stands for a number where its type is not known otherwise (RFC 8259 section 6). */
export const isNumberText = (text: string): boolean => /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text);

/** The lines of a section; of `values` all properties but the section's own name. */
function section(heading: string, values: object, text: (value: never) => string): string {
  return `\n[${heading}]\n${Object.entries(values).map(([key, value]) => `${key} = ${text(value as never)}\n`).join('')}`;
}

const fieldText = (value: string | number | readonly string[]): string => (typeof value === 'object' ? value.join(', ') : plain(String(value)));

/** INSTALL.info of a registry: what is read back by `parseInstallInfo` is `installInfoOf` of the same registry. */
export function formatInstallInfo(registry: PublicRegistry): string {
  const { cluster, san, answers, origins, nodes } = installInfoOf(registry);
  return [
    '# How this cluster was installed, and what it is now. Rendered from the registry at each boot: changes made here are lost.\n# Passwords and keys are not in this file.\n',
    section('cluster', cluster, fieldText),
    section('san', san, fieldText),
    section('answers', answers, answerText),
    ...origins.map(({ volume, ...origin }) => section(`origin ${volume}`, origin, fieldText)),
    ...nodes.map(({ number, ...node }) => section(`node ${number}`, node, fieldText)),
  ].join('');
}
