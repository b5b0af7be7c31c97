// The registry as values: the only truth about roster, volumes and origins.

import type { ChapLogin } from '../core/chap.ts';
import type { Roster } from '../core/roster.ts';
import type { Uuid } from '../core/uuid.ts';
import type { Extent } from './extents.ts';

/** What the registry calls itself. */
export const REGISTRY_FORMAT = 'metamaster-registry';
/** The only version that this program writes, and the newest that it reads. */
export const REGISTRY_VERSION = 1;

/** The whole registry. */
export interface Registry {
  readonly format: typeof REGISTRY_FORMAT;
  readonly version: typeof REGISTRY_VERSION;
  readonly clusterUuid: Uuid;
  readonly roster: Roster;
  readonly origins: readonly OriginRecord[];
  readonly extentBytes: number;
  readonly extentCount: number;
  readonly volumes: readonly VolumeRecord[];
  /** OpenSSH public keys that may log in as root on every node, one a line of authorized_keys. */
  readonly authorizedKeys: readonly string[];
  /** The installation's answers, without secrets. */
  readonly install: Readonly<Record<string, InstallAnswer>>;
  readonly secret: RegistrySecret;
}

/** One answer of the installation. */
export type InstallAnswer = string | number | boolean | readonly string[];

/** An installed root file system. */
export interface OriginRecord {
  /** E.g. `default`. */
  readonly name: string;
  readonly version: number;
  /** Stores name it in their labels. */
  readonly uuid: Uuid;
  /** The volume that holds it, e.g. `default@1`. */
  readonly volume: string;
  /** Its boot volume, e.g. `boot@1`. */
  readonly bootVolume: string;
  readonly imageBytes: number;
  readonly imageSha256: string;
  readonly kernelRelease: string;
}

/** What a volume is for. */
export const VOLUME_KINDS = ['origin', 'boot', 'store', 'state', 'swap', 'shared'] as const;
export type VolumeKind = (typeof VOLUME_KINDS)[number];

/** One volume of the container. */
export interface VolumeRecord {
  readonly name: string;
  readonly kind: VolumeKind;
  readonly uuid: Uuid;
  readonly sizeBytes: number;
  /** For stores, state volumes and swap. */
  readonly node?: number;
  /** For stores: the volume of the origin, e.g. `default@1`. */
  readonly origin?: string;
  /** For stores: the chunk of dm-snapshot. */
  readonly chunkSectors?: number;
  readonly extents: readonly Extent[];
  /**
   * `rollback`: a store that its node no longer boots from, kept for a return to the former origin.
   * `checkpoint`: a copy of the node's store, which nobody maps; it has its own name behind the node's, e.g. `node3@before-upgrade`.
   * `quarantined`: a store, state volume or swap whose owner nobody could fence: it is nobody's, and its extents are not used again.
   */
  readonly retired?: 'rollback' | 'checkpoint' | 'quarantined';
  /** For checkpoints: when it was made. Whether it is whole its label says. */
  readonly madeAtUnixMs?: number;
}

/** What nobody but the nodes may see. */
export interface RegistrySecret {
  /** crypt(3) form, for /etc/shadow. */
  readonly rootPasswordHash: string;
  /** 32 bytes as 64 hexadecimal digits: what nodes speak to each other under. */
  readonly clusterKey: string;
  /** The key to come, while every node is still learning it; see registry-edit-keys.ts. */
  readonly nextClusterKey?: string;
  /** The key of before, until no node speaks under it any more. */
  readonly formerClusterKey?: string;
  readonly sshHostKeys: Readonly<Record<string, { readonly privateKey: string; readonly publicKey: string }>>;
  /** What every blade logs in to the SAN with; there exactly when the roster says `san.chap`. */
  readonly chap?: ChapLogin;
}

/** A registry that may be shown. */
export type PublicRegistry = Omit<Registry, 'secret'>;
