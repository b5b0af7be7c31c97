import { describe, expect, test } from 'vitest';
import { valueOf } from '../daemons/core/problem.ts';
import { parsePowerConfig } from '../daemons/power/power-config.ts';
import { lossText, parsePowerRequest, planPower, planText } from './power-plan.ts';

const CONFIG = valueOf(parsePowerConfig({
  nodes: {
    1: { kind: 'ipmi', address: '192.168.1.101', user: 'rack', passwordFile: '/p' }, 2: { kind: 'ipmi', address: '192.168.1.102', user: 'rack', passwordFile: '/p' },
    3: { kind: 'wake-on-lan', mac: '52:54:00:00:00:03' }, 10: { kind: 'ipmi', address: '192.168.1.110', user: 'rack', passwordFile: '/p' },
  },
}));

const request = (line: string) => valueOf(parsePowerRequest(line.split(' ')));
const stages = (line: string, self?: number) => valueOf(planPower(request(line), CONFIG, self)).map((stage) => stage.map(({ node }) => node));

describe('the words', () => {
  test('verbs, nodes and options', () => {
    expect(request('off 2 10 2 --prove --yes --json --dry-run --config /x')).toEqual({ verb: 'off', nodes: [2, 10], config: '/x', json: true, dryRun: true, yes: true, prove: true, limitMs: 180_000 });
    expect(request('shutdown --all --limit 30')).toMatchObject({ nodes: undefined, limitMs: 30_000 });
    expect(request('status')).toMatchObject({ nodes: undefined });
  });

  test.each([
    ['fly 1', ['verb']], ['on', ['NODE']], ['off', ['NODE']], ['on 0', ['NODE']], ['on x 1.5', ['NODE', 'NODE']], ['off 1 --all', ['--all']], ['on 1 --prove', ['--prove']], ['off 1 --limit 3', ['--limit']],
    ['shutdown 1 --limit 0', ['--limit']], ['shutdown 1 --limit x', ['--limit']], ['shutdown 1 --limit 3601', ['--limit']], ['fly x --prove', ['verb', 'NODE', '--prove']], ['on 1 --now', ['options']], ['toString 1', ['verb']],
  ])('refused, all at once: %s', (line, wheres) => {
    const result = parsePowerRequest(line.split(' '));
    expect(result.ok ? [] : result.problems.map(({ where }) => where)).toEqual(wheres);
  });
});

describe('the order of work', () => {
  test('shutdown of all: the others together, this node last; elsewhere all together', () => {
    expect(stages('shutdown --all', 2)).toEqual([[1, 3, 10], [2]]);
    expect(stages('shutdown --all')).toEqual([[1, 2, 3, 10]]);
    expect(stages('off 10 2', 2)).toEqual([[10], [2]]);
    expect(stages('shutdown 1 10', 2)).toEqual([[1, 10]]);
  });

  test('a cold start begins with one', () => {
    expect(stages('on --all')).toEqual([[1], [2, 3, 10]]);
    expect(stages('on 10')).toEqual([[10]]);
    expect(stages('on --all', 1)).toEqual([[1], [2, 3, 10]]);
  });

  test('status in the order of numbers', () => expect(stages('status', 2)).toEqual([[1, 2, 3, 10]]));

  test('the goals', () => {
    const goal = (line: string) => valueOf(planPower(request(line), CONFIG, undefined))[0]![0]!.goal;
    expect([goal('off 1').kind, goal('off 1 --prove').kind, goal('shutdown 1 --limit 7')]).toEqual(['off', 'prove-off', { kind: 'shutdown', limitMs: 7000 }]);
  });

  test.each([['cycle 2', 'MM-POWER-SELF'], ['cycle --all', 'MM-POWER-SELF'], ['off 2 --prove', 'MM-POWER-SELF'], ['on 4', 'MM-POWER-NODE'], ['off 4 5 2 --prove', 'MM-POWER-NODE MM-POWER-NODE MM-POWER-SELF']])('%s on node 2 is refused', (line, codes) => {
    const result = planPower(request(line), CONFIG, 2);
    expect(result.ok ? '' : result.problems.map(({ code }) => code).join(' ')).toBe(codes);
  });
});

describe('what is said before', () => {
  const loss = (line: string, self?: number) => lossText(request(line), valueOf(planPower(request(line), CONFIG, self)), self);

  test('what will be lost', () => {
    expect(loss('off 1')).toMatch(/takes the power of node 1, as if the plug were pulled.*is lost/);
    expect(loss('cycle 1 2')).toContain('nodes 1, 2');
    expect(loss('shutdown --all --limit 60', 2)).toBe('This ends every program on nodes 1, 2, 3, 10 (2 is this one, and comes last). A blade that is not off after 60 s loses its power, and with it what was not written yet.');
    expect([loss('on --all'), loss('status')]).toEqual([undefined, undefined]);
  });

  test('a dry run', () => {
    expect(planText(valueOf(planPower(request('shutdown 1 2 3'), CONFIG, 2)))).toBe(`1. node 1: press the power button, cut the power if it is not off after 180 s, by IPMI at 192.168.1.101
1. node 3: not possible: Wake-on-LAN to 52:54:00:00:00:03
2. node 2: press the power button, cut the power if it is not off after 180 s, by IPMI at 192.168.1.102
`);
    expect(planText(valueOf(planPower(request('on 3'), CONFIG, 2)))).toBe('1. node 3: switch on, by Wake-on-LAN to 52:54:00:00:00:03\n');
  });
});
