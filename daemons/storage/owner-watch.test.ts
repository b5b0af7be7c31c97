import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import { BLOCK_BYTES } from './block.ts';
import { OWNER_LOOK_MS, OwnerWatch, type WatchEffect } from './owner-watch.ts';

const block = (n: number): Uint8Array => new Uint8Array(BLOCK_BYTES).fill(n);
/** Looks at volumes that hold `contents(ms)` until the watch wants no more; every effect with its time in ms. */
function watch(contents: (ms: number) => Record<string, number>): { told: [number, WatchEffect][]; still: Record<string, number> } {
  const machine = new OwnerWatch();
  const told: [number, WatchEffect][] = [];
  let now = 1000;
  for (; machine.deadline() !== undefined && now < 200_000; now = Math.max(now, machine.deadline() ?? now)) {
    const blocks = new Map(Object.entries(contents(now - 1000)).map(([name, n]) => [name, block(n)]));
    told.push(...machine.step(now as Instant, blocks).map((effect): [number, WatchEffect] => [now - 1000, effect]));
    if (machine.deadline() === undefined) break;
  }
  return { told, still: Object.fromEntries(machine.stillMs(now as Instant)) };
}
const other = (told: [number, WatchEffect][]): [number, WatchEffect][] => told.filter(([, { kind }]) => kind !== 'progress');

describe('the watch', () => {
  test('ends when every record has stood still for 30 s', () => {
    const { told, still } = watch(() => ({ node1: 1, node2: 2 }));
    expect(other(told)).toEqual([[30_000, { kind: 'done' }]]);
    expect(told.filter(([, { kind }]) => kind === 'progress').map(([at, effect]) => [at, effect])).toEqual(Array.from({ length: 30_000 / OWNER_LOOK_MS }, (_, i) => [i * OWNER_LOOK_MS, { kind: 'progress', stillMs: i * OWNER_LOOK_MS }]));
    expect(still).toEqual({ node1: 30_000, node2: 30_000 });
  });

  test('does not wait for a record that moves, and tells it once', () => {
    const { told, still } = watch((ms) => ({ node1: Math.floor(ms / 5000) }));
    expect(other(told)).toEqual([[5000, { kind: 'moved', volume: 'node1' }], [5000, { kind: 'done' }]]);
    expect(still).toEqual({ node1: 0 });
  });

  test('goes on for the others, and what moved once is never still by then', () => {
    const { told, still } = watch((ms) => ({ node1: 1, node2: ms < 12_500 ? 1 : 2 }));
    expect(other(told)).toEqual([[12_500, { kind: 'moved', volume: 'node2' }], [30_000, { kind: 'done' }]]);
    expect(still).toEqual({ node1: 30_000, node2: 17_500 });
  });

  test('nothing to watch is done at once', () => expect(watch(() => ({})).told).toEqual([[0, { kind: 'done' }]]));
});
