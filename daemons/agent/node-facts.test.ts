import { describe, expect, test } from 'vitest';
import { drainedRoster, ROSTER } from '../dhcp/test-roster.ts';
import { factsProblem } from '../wire/membership-packet.ts';
import type { NodeConfig } from './node-config.ts';
import { isUrgent, nodeFacts } from './node-facts.ts';

const GIB = 2 ** 30;
const config: NodeConfig = { number: 2, roster: ROSTER, interface: 'eth0', rosterGeneration: 1, bootNonce: 'ab'.repeat(16) };
const idle = { load1: 0.04, processors: 4, memoryFreeBytes: GIB, memoryBytes: 4 * GIB };

describe('what a node tells of itself', () => {
  test.each<[string, NodeConfig, Partial<typeof idle>, [string, string, string]]>([
    ['idle', config, {}, ['boot', '0.0', '25']],
    ['busy', config, { load1: 9, memoryFreeBytes: 0 }, ['boot', '2.3', '0']],
    ['drained', { ...config, roster: drainedRoster([2]) }, {}, ['none', '0.0', '25']],
    ['another is drained', { ...config, roster: drainedRoster([3]) }, {}, ['boot', '0.0', '25']],
    ['stood down', { ...config, standDown: 'MM-AGENT-BARRED' }, {}, ['none', '0.0', '25']],
  ])('%s', (_name, one, load, [roles, cpu, memory]) => {
    const facts = nodeFacts(one, { ...idle, ...load });
    expect(Object.fromEntries(facts)).toEqual({ roles, load: cpu, memory });
    expect(factsProblem(facts)).toBeUndefined();
  });

  test('only roles are urgent', () => {
    const facts = nodeFacts(config, idle);
    expect([isUrgent(undefined, facts), isUrgent(facts, facts), isUrgent(facts, nodeFacts(config, { ...idle, load1: 9 })), isUrgent(facts, nodeFacts({ ...config, roster: drainedRoster([2]) }, idle))]).toEqual([true, false, false, true]);
  });
});
