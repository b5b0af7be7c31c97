import { expect, test } from 'vitest';
import { after, type Instant } from '../core/machine.ts';
import { GAP_MIN_MS, PERIOD_MS, RouterAdvertiser } from './router-advertiser.ts';

const T0 = 1000 as Instant;
const ADVERTISE = [{ kind: 'advertise' }];

test('at once, then at every period', () => {
  const machine = new RouterAdvertiser(1, T0);
  expect(machine.deadline()).toBe(T0);
  expect(machine.step(T0, { kind: 'timer' })).toEqual(ADVERTISE);
  expect(machine.deadline()).toBe(T0 + PERIOD_MS);
  expect(machine.step(after(T0, PERIOD_MS - 1), { kind: 'timer' })).toEqual([]);
  expect(machine.step(after(T0, PERIOD_MS), { kind: 'timer' })).toEqual(ADVERTISE);
});

test('a boot request is answered at once, a storm of them with a pause between', () => {
  const machine = new RouterAdvertiser(1, T0);
  machine.step(T0, { kind: 'timer' });
  const t1 = after(T0, GAP_MIN_MS + 1);
  expect(machine.step(t1, { kind: 'boot-request' })).toEqual(ADVERTISE);
  for (let i = 0; i < 100; i++) expect(machine.step(after(t1, 1), { kind: 'boot-request' })).toEqual([]);
  expect(machine.deadline()).toBe(t1 + GAP_MIN_MS);
  expect(machine.step(after(t1, GAP_MIN_MS), { kind: 'timer' })).toEqual(ADVERTISE);
});

test('only the two lowest of the living nodes send', () => {
  const machine = new RouterAdvertiser(5, T0);
  machine.step(T0, { kind: 'live', nodes: [5, 2, 3, 9] });
  expect(machine.deadline()).toBeUndefined();
  expect(machine.step(after(T0, 60_000), { kind: 'boot-request' })).toEqual([]);
  expect(machine.step(after(T0, 60_000), { kind: 'live', nodes: [3, 5, 9] })).toEqual(ADVERTISE);
});

test('who is off duty sends nothing, whoever lives and whatever boots, and goes on at once when it is on again', () => {
  const machine = new RouterAdvertiser(1, T0);
  expect(machine.step(T0, { kind: 'duty', onDuty: false })).toEqual([]);
  for (const input of [{ kind: 'timer' }, { kind: 'boot-request' }, { kind: 'live', nodes: [1] }] as const) expect(machine.step(after(T0, 5000), input)).toEqual([]);
  expect(machine.deadline()).toBeUndefined();
  expect(machine.step(after(T0, 6000), { kind: 'duty', onDuty: true })).toEqual(ADVERTISE);
});
