import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DroppingQueue } from './dropping-queue.ts';

const all = (queue: DroppingQueue<number>): number[] => {
  const items: number[] = [];
  for (let item = queue.first(); item !== undefined; item = queue.first()) {
    items.push(item);
    queue.taken();
  }
  return items;
};

test('in order; the oldest make room and are counted once', () => {
  const queue = new DroppingQueue<number>(3);
  for (const item of [1, 2, 3, 4, 5]) queue.put(item);
  expect(queue.takeDropped()).toBe(2);
  expect(queue.takeDropped()).toBe(0);
  expect(queue.first()).toBe(3);
  expect(all(queue)).toEqual([3, 4, 5]);
  queue.taken();
  expect(queue.size).toBe(0);
});

test('it behaves like a list that is cut in front, whatever is put and taken', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.option(fc.nat(), { nil: undefined })), (limit, steps) => {
    const queue = new DroppingQueue<number>(limit);
    let model: number[] = [];
    let dropped = 0;
    for (const step of steps) {
      if (step === undefined) {
        queue.taken();
        model = model.slice(1);
      } else {
        queue.put(step);
        model.push(step);
        dropped += Math.max(0, model.length - limit);
        model = model.slice(-limit);
      }
      expect([queue.size, queue.first()]).toEqual([model.length, model[0]]);
    }
    expect(queue.takeDropped()).toBe(dropped);
    expect(all(queue)).toEqual(model);
  }));
});
