import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { after, type Instant, type Machine } from '../core/machine.ts';
import { MachineLoop } from './machine-loop.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Wants to be woken 100 ms after each input, three times; says what it was told and when. */
class Echo implements Machine<string, string> {
  #left = 3;
  #due: Instant | undefined;
  deadline(): Instant | undefined {
    return this.#due;
  }
  step(now: Instant, input: string): readonly string[] {
    this.#due = this.#left-- > 0 ? after(now, 100) : undefined;
    return [`${input} at ${now}`];
  }
}

test('effects are performed and the deadline is kept', () => {
  const performed: string[] = [];
  const start = Date.now();
  const loop = new MachineLoop(new Echo(), () => (Date.now() - start) as Instant, 'due', (effect) => performed.push(effect));
  loop.step('hello');
  vi.advanceTimersByTime(150);
  loop.step('again');
  vi.advanceTimersByTime(99);
  expect(performed).toEqual(['hello at 0', 'due at 100', 'again at 150']);
  vi.advanceTimersByTime(1000);
  expect(performed.slice(3)).toEqual(['due at 250']);
});

test('after stop nothing moves', () => {
  const performed: string[] = [];
  const loop = new MachineLoop(new Echo(), () => 0 as Instant, 'due', (effect) => performed.push(effect));
  loop.step('hello');
  loop.stop();
  loop.step('again');
  vi.advanceTimersByTime(1000);
  expect(performed).toEqual(['hello at 0']);
});

test('what is to be done before a deadline is acted upon is done first, once, and inputs pass meanwhile', () => {
  const performed: string[] = [];
  let go: (() => void) | undefined;
  const start = Date.now();
  const loop = new MachineLoop(new Echo(), () => (Date.now() - start) as Instant, 'due', (effect) => performed.push(effect), (then) => {
    performed.push('before');
    go = then;
  });
  loop.step('hello');
  vi.advanceTimersByTime(150);
  loop.step('meanwhile');
  vi.advanceTimersByTime(500);
  expect(performed).toEqual(['hello at 0', 'before', 'meanwhile at 150']);
  go!();
  vi.advanceTimersByTime(99);
  expect(performed.slice(3)).toEqual(['due at 650']);
});
