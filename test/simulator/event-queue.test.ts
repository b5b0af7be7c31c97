import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';

test('property: whatever is put in when, it comes out by time, and at the same time in the order in which it was put in', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(5)), { maxLength: 60 }), (steps) => {
      const queue = new EventQueue();
      const model: { atMs: number; order: number }[] = [];
      for (const [order, atMs] of steps.entries()) {
        if (atMs !== null) {
          queue.put(atMs, () => {});
          model.push({ atMs, order });
          continue;
        }
        model.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        expect(queue.take()?.atMs).toBe(model.shift()?.atMs);
      }
      const left = model.sort((a, b) => a.atMs - b.atMs || a.order - b.order).map(({ atMs }) => atMs);
      const taken = Array.from({ length: left.length }, () => queue.take()!);
      expect(taken.map(({ atMs }) => atMs)).toEqual(left);
      for (const [i, event] of taken.entries()) if (i > 0 && taken[i - 1]!.atMs === event.atMs) expect(event.order).toBeGreaterThan(taken[i - 1]!.order);
      expect(queue.take()).toBeUndefined();
    }),
  );
});
