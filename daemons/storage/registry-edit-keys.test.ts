import { describe, expect, test } from 'vitest';
import { clusterKeys, clusterKeyText } from './cluster-keys.ts';
import { KEY_STEPS, nextKeyStep, takeKeyStep } from './registry-edit-keys.ts';
import { decodeRegistry, encodeRegistry, type Registry } from './registry.ts';
import { sampleRegistry } from './sample-san.test-kit.ts';

const FRESH = 'fedcba9876543210'.repeat(4);
const before = sampleRegistry();
const OLD = before.secret.clusterKey;
const taken = (registry: Registry, step: (typeof KEY_STEPS)[number], fresh = FRESH): Registry => {
  const edited = takeKeyStep(registry, step, fresh);
  if (!edited.ok) throw new Error(edited.problems.map(({ rule }) => rule).join());
  return edited.value;
};

describe('the change of the cluster\'s key', () => {
  test('three steps: told, used, forgotten; at the end the registry has the form of before', () => {
    const seen: string[][] = [];
    let registry = before;
    for (const step of KEY_STEPS) {
      expect(nextKeyStep(registry.secret)).toBe(step);
      registry = taken(registry, step);
      expect(decodeRegistry(encodeRegistry(registry))).toEqual({ ok: true, value: registry });
      seen.push([...clusterKeys(registry.secret)]);
    }
    expect(seen).toEqual([[OLD, FRESH], [FRESH, OLD], [FRESH]]);
    expect(nextKeyStep(registry.secret)).toBe('tell');
    expect(registry).toEqual({ ...before, secret: { ...before.secret, clusterKey: FRESH } });
  });

  test('invariant: whatever two nodes follow that are at most one step apart, each accepts what the other speaks under', () => {
    const stations = [before];
    for (const step of KEY_STEPS) stations.push(taken(stations.at(-1)!, step));
    for (const [at, { secret }] of stations.entries()) {
      for (const neighbour of stations.slice(Math.max(0, at - 1), at + 2)) expect(clusterKeys(secret)).toContain(clusterKeys(neighbour.secret)[0]);
    }
  });

  test('a step that somebody else has made, or that is not next, changes nothing', () => {
    const told = taken(before, 'tell');
    expect(taken(told, 'tell', 'ab'.repeat(32))).toBe(told);
    expect(taken(told, 'forget')).toBe(told);
    expect(taken(before, 'use')).toBe(before);
  });

  test('a key that is one already is refused', () => expect(takeKeyStep(before, 'tell', OLD)).toMatchObject({ ok: false, problems: [{ code: 'MM-EDIT-RESULT', where: 'secret.nextClusterKey' }] }));

  test('the file has a line for each key, the one that is spoken under first', () => {
    expect(clusterKeyText(before.secret)).toBe(`${OLD}\n`);
    expect(clusterKeyText({ clusterKey: FRESH, formerClusterKey: OLD })).toBe(`${FRESH}\n${OLD}\n`);
  });
});

test.each([
  ['next', { nextClusterKey: OLD }], ['former', { formerClusterKey: OLD }], ['next and former', { nextClusterKey: FRESH, formerClusterKey: FRESH }],
])('a registry in which the %s key is not one of its own is refused, and no key is shown', (_name, keys) => {
  const read = decodeRegistry(encodeRegistry({ ...before, secret: { ...before.secret, ...keys } }));
  expect(read).toMatchObject({ ok: false, problems: [{ code: 'MM-REGISTRY-RELATION', rule: expect.stringContaining('a key of its own') as string }] });
  expect(JSON.stringify(read)).not.toMatch(new RegExp(`${OLD}|${FRESH}`));
});
