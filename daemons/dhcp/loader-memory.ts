// Which iPXE of a card is our loader, and which is the card's own: for nodes whose own one is to be replaced (`loader: 'ours'`).
// It is learned from the order of a boot: the card's program asks first and is told to load our loader, and an iPXE of another
// fingerprint that asks next came out of it. Clients broadcast DISCOVER and REQUEST, so all nodes learn the same, whoever answers.

import type { Instant } from '../core/machine.ts';
import type { Client, ClientKind } from './boot-policy.ts';

/** Fetching and starting a loader of 300 KB takes seconds, half a minute where a switch port has to learn first. What comes later was reset or powered on. */
export const LOADER_START_MS = 2 * 60_000;
/**
 * What is known of our loader is forgotten when no boot has confirmed it for this time. Every boot teaches it anew, so nothing is lost,
 * and a node that drew a wrong conclusion (it began to listen between the ROM and the loader of a blade that was then reset) is
 * wrong for no longer than this. Many times LOADER_START_MS, so that loaders that come back slowly are still counted as in a row.
 */
export const OURS_FORGET_MS = 15 * 60_000;
/** An iPXE that comes back unchanged after this many loaders is our loader, or so like it that replacing it changes nothing. */
export const LOADER_SENDS_MAX = 3;

/** Clients that are told to load nothing, so that nothing comes out of them. */
const LOADS_NOTHING: ReadonlySet<string> = new Set<ClientKind>(['os', 'unsupported']);

/** What is remembered of the boot programs of one MAC address. */
export interface LoaderMemory {
  /** Who asked last: the fingerprint of an iPXE, or what kind of client it is. */
  readonly last: string;
  readonly lastAt: Instant;
  /** Our loader, by its fingerprint, and when that was last seen to be so. */
  readonly ours: { readonly fingerprint: string; readonly confirmedAt: Instant } | undefined;
  /** It has chosen a server since; unless it is our loader, it was told to load that. */
  readonly chose: boolean;
  /** How often in a row it had been told so before, and came back unchanged. */
  readonly sends: number;
}

/** What is known after a DISCOVER, or another request that any node could answer. */
export function heardFrom(before: LoaderMemory | undefined, now: Instant, client: Client): LoaderMemory {
  const last = client.fingerprint ?? client.kind;
  const ours = before?.ours && now - before.ours.confirmedAt <= OURS_FORGET_MS ? before.ours : undefined;
  const heard = { last, lastAt: now, ours, chose: false, sends: 0 };
  if (!before || client.kind !== 'ipxe' || now - before.lastAt > OURS_FORGET_MS) return heard;
  const isOurs = { ...heard, ours: { fingerprint: last, confirmedAt: now } };
  // After our loader, anything else is the card's program again: the blade was reset. Our loader once more is nothing new.
  if (before.last === before.ours?.fingerprint) return heard;
  if (before.last !== last) return !LOADS_NOTHING.has(before.last) && now - before.lastAt <= LOADER_START_MS ? isOurs : heard;
  const sends = before.sends + (before.chose ? 1 : 0);
  return sends < LOADER_SENDS_MAX ? { ...heard, sends } : isOurs;
}

/** What is known after the one that asked last has chosen a server, this node or another. */
export function choseServer(memory: LoaderMemory): LoaderMemory {
  return { ...memory, chose: true };
}
