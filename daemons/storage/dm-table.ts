// Tables for device-mapper (Documentation/admin-guide/device-mapper/linear.rst, snapshot.rst): every one is computed from extents.

import { SECTOR_BYTES } from './block.ts';
import type { Extent } from './extents.ts';

/** A part of a volume: from `offsetBytes` (0) on, `lengthBytes` long (all the rest). Whole sectors. */
export interface VolumeWindow {
  readonly offsetBytes?: number;
  readonly lengthBytes?: number;
}

/**
 * A linear table of a volume, or of a part of it: lines `start length linear device offset` in sectors, without a final newline.
 * `containerFirstSector` is where the container begins on `device` (0 when `device` is the partition itself). Runs that touch become
 * one line. Throws RangeError for a window that is outside the volume or not in whole sectors.
 */
export function linearTable(extents: readonly Extent[], extentBytes: number, device: string, containerFirstSector: number, window: VolumeWindow = {}): string {
  const extentSectors = toSectors(extentBytes);
  const total = extents.reduce((sum, extent) => sum + extent.count, 0) * extentSectors;
  const from = toSectors(window.offsetBytes ?? 0);
  const to = window.lengthBytes === undefined ? total : from + toSectors(window.lengthBytes);
  if (from < 0 || to <= from || to > total) throw new RangeError(`sectors ${from} to ${to} of a volume of ${total}`);
  const runs: { start: number; length: number }[] = [];
  let at = 0;
  for (const extent of extents) {
    const length = extent.count * extentSectors;
    const cutFront = Math.max(from - at, 0);
    const cutBack = Math.max(at + length - to, 0);
    const start = containerFirstSector + extent.start * extentSectors + cutFront;
    const last = runs.at(-1);
    at += length;
    if (cutFront + cutBack >= length) continue;
    if (last && last.start + last.length === start) last.length += length - cutFront - cutBack;
    else runs.push({ start, length: length - cutFront - cutBack });
  }
  let logical = 0;
  const lines = runs.map(({ start, length }) => {
    const line = `${logical} ${length} linear ${device} ${start}`;
    logical += length;
    return line;
  });
  return lines.join('\n');
}

function toSectors(bytes: number): number {
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes % SECTOR_BYTES !== 0) throw new RangeError(`${bytes} bytes are no whole sectors`);
  return bytes / SECTOR_BYTES;
}

/** A persistent snapshot of `sectors` sectors of the origin, in chunks of `chunkSectors`. */
export function snapshotTable(originDevice: string, cowDevice: string, sectors: number, chunkSectors: number): string {
  return `0 ${sectors} snapshot ${originDevice} ${cowDevice} P ${chunkSectors}`;
}

/**
 * One device for several paths to one disk (drivers/md/dm-mpath.c): `0 sectors multipath 1 queue_if_no_path 0 GROUPS 1 GROUP …`. Each path
 * is a group of its own, in the order given: the first that works is used, as every array can do it; the others wait. With none left,
 * I/O waits for one. `paths` are `major:minor`.
 */
export function multipathTable(sectors: number, paths: readonly string[]): string {
  return [`0 ${sectors} multipath 1 queue_if_no_path 0 ${paths.length} 1`, ...paths.map((path) => `service-time 0 1 1 ${path} 1`)].join(' ');
}

/** What a multipath table says: its size, and its paths as `major:minor`. */
export interface MultipathTable {
  readonly sectors: number;
  readonly paths: readonly string[];
}

/** Reads `dmsetup table` of a multipath device, which shows features and selectors as the kernel has them; undefined for another target. */
export function parseMultipathTable(text: string): MultipathTable | undefined {
  const [line = '', ...more] = text.trim().split('\n');
  const sectors = Number(/^0 ([1-9][0-9]*) multipath /.exec(line)?.[1]);
  const paths = line.split(' ').filter((word) => /^[0-9]+:[0-9]+$/.test(word));
  return Number.isSafeInteger(sectors) && paths.length > 0 && more.length === 0 ? { sectors, paths } : undefined;
}

/** The name under which a node finds a volume: the form of the report, `/dev/evms/<container>/node3`. */
export function volumePath(container: string, volume: string): string {
  return `/dev/evms/${container}/${volume}`;
}
