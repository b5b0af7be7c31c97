// The container is cut into extents of one size; a volume is a list of runs of them, kept in the registry and nowhere else.

import type { Result } from '../core/problem.ts';

/** A run of extents of the container. */
export interface Extent {
  readonly start: number;
  readonly count: number;
}

/** Whatever has extents. */
export interface ExtentHolder {
  readonly extents: readonly Extent[];
}

/** The runs that no volume holds, in order, as long as can be. */
export function freeExtents(extentCount: number, volumes: readonly ExtentHolder[]): Extent[] {
  const used = volumes.flatMap((volume) => volume.extents).toSorted((a, b) => a.start - b.start);
  const free: Extent[] = [];
  let next = 0;
  for (const { start, count } of used) {
    if (start > next) free.push({ start: next, count: Math.min(start, extentCount) - next });
    next = Math.max(next, start + count);
  }
  if (next < extentCount) free.push({ start: next, count: extentCount - next });
  return free.filter((extent) => extent.count > 0);
}

/**
 * Extents for a new volume of `sizeBytes`: the first free run that is long enough; when none is, as many runs from the front as it
 * takes. Problem MM-EXTENTS-ROOM tells free and wanted.
 */
export function allocate(extentCount: number, volumes: readonly ExtentHolder[], sizeBytes: number, extentBytes: number): Result<Extent[]> {
  if (!(sizeBytes > 0) || !(extentBytes > 0)) throw new RangeError(`a volume of ${sizeBytes} bytes in extents of ${extentBytes}`);
  const wanted = Math.ceil(sizeBytes / extentBytes);
  const free = freeExtents(extentCount, volumes);
  const whole = free.find((run) => run.count >= wanted);
  if (whole) return { ok: true, value: [{ start: whole.start, count: wanted }] };
  const pieces: Extent[] = [];
  let missing = wanted;
  for (const run of free) {
    const count = Math.min(run.count, missing);
    if (count > 0) pieces.push({ start: run.start, count });
    missing -= count;
  }
  if (missing === 0) return { ok: true, value: pieces };
  const seen = `${wanted - missing} of ${extentCount} extents free (${(wanted - missing) * extentBytes} bytes)`;
  return { ok: false, problems: [{ code: 'MM-EXTENTS-ROOM', where: 'container', rule: `${wanted} free extents of ${extentBytes} bytes (${wanted * extentBytes} bytes)`, seen, remedy: 'Ask for a smaller volume, drop volumes that nobody owns, or install on a larger LUN.' }] };
}
