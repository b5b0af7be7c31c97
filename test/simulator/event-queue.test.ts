import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';

test('property: whatever is put in when, it comes out by time, and at the same time in the order in which it was put in', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(5)), { maxLength: 3000 }), (steps) => {
      const queue = new EventQueue();
      let waiting: { readonly atMs: number; readonly order: number }[] = [];
      const happened: number[] = [];
      const expectNext = (): void => {
        const [next, ...later] = waiting.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order);
        expect(queue.nextMs).toBe(next?.atMs ?? Infinity);
        queue.take()?.();
        expect(happened.pop()).toBe(next?.order);
        waiting = later;
      };
      for (const [order, atMs] of steps.entries()) {
        if (atMs === null) {
          expectNext();
          continue;
        }
        queue.put(atMs, () => happened.push(order));
        waiting.push({ atMs, order });
      }
      for (let left = waiting.length; left >= 0; left--) expectNext();
    }),
    { numRuns: 20 },
  );
});
