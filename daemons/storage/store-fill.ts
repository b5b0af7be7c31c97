// How full an exception store is while its snapshot is mapped, by the kernel's own status line (drivers/md/dm-snap.c, snapshot_status;
// Documentation/admin-guide/device-mapper/snapshot.rst), and when that is worth a warning. DESIGN: Volumes.

import { SECTOR_BYTES } from './block.ts';
import { storeSizeBytes } from './snapshot-store.ts';

/** The kernel still writes to the store, or has given it up and answers every access with an error. */
export type StoreFill =
  | { readonly kind: 'in-use'; readonly usedSectors: number; readonly totalSectors: number; readonly metadataSectors: number }
  | { readonly kind: 'given-up'; readonly word: string };

/** `0 2097152 snapshot 1234/262144 16`, or a word in the place of the numbers. */
const STATUS = /^\d+ \d+ snapshot (?:(?<used>\d+)\/(?<total>\d+) (?<metadata>\d+)|(?<word>Invalid|Overflow|Merge failed))$/m;

/** Reads what `dmsetup status` says of one snapshot; undefined when it says nothing of the kind. */
export function parseStoreFill(text: string): StoreFill | undefined {
  const { used, total, metadata, word } = STATUS.exec(text)?.groups ?? {};
  if (word !== undefined) return { kind: 'given-up', word };
  const [usedSectors, totalSectors, metadataSectors] = [used, total, metadata].map(Number) as [number, number, number];
  if (!(totalSectors > 0) || usedSectors > totalSectors) return undefined;
  return { kind: 'in-use', usedSectors, totalSectors, metadataSectors };
}

/** How much of a store is in use, in whole per cent. */
export function fillPercent({ usedSectors, totalSectors }: StoreFill & { readonly kind: 'in-use' }): number {
  return Math.floor((usedSectors * 100) / totalSectors);
}

/** Per cent at which a warning is given: time enough to make room, and the last moment for it. */
export const FILL_WARNINGS = [70, 90] as const;
/** A store that was enlarged must fall so far below a warning before that one is given again. */
export const FILL_HYSTERESIS = 5;

/**
 * The warning that holds at a fill: the highest one reached, 0 for none. It is given when it is higher than the one that held
 * before (`former`).
 */
export function fillWarning(percent: number, former: number): number {
  const reached = (margin: number): number => FILL_WARNINGS.findLast((warning) => percent >= warning - margin) ?? 0;
  return Math.max(reached(0), Math.min(former, reached(FILL_HYSTERESIS)));
}

/** False for a store that has room for every chunk of its origin: it may be full in the end, and loses nothing by it. */
export function canFill(storeBytes: number, originBytes: number, chunkSectors: number): boolean {
  return storeBytes < storeSizeBytes(originBytes, chunkSectors * SECTOR_BYTES);
}
