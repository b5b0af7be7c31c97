// The stories of test/scenarios: what they expect holds, no invariant breaks, and they go as they are written.

import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseScenario, play, withTranscript } from './scenario.ts';

const files = globSync('test/scenarios/*.txt').sort();

describe('the story', () => {
  test.each(files)('%s goes as it is written (after a change: npm run simulate -- --scenario FILE --update)', (file) => {
    const text = readFileSync(file, 'utf8');
    const scenario = parseScenario(text);
    const { problems, transcript } = play(scenario);
    expect(problems).toEqual([]);
    expect(scenario.expectations.length).toBeGreaterThan(0);
    expect(transcript).toBe(scenario.transcript);
    expect(withTranscript(scenario, transcript)).toBe(text);
  });

  test('are there', () => expect(files.length).toBeGreaterThanOrEqual(7));
});

describe('a scenario', () => {
  const head = 'nodes 3\nuntil 12s\n\nat 8s crash 3\n\n';

  test.each([
    ['expect at 12s 1 sees 1-2', 'expect at 12s 1 sees 1-2; 1: 1-3'],
    ['expect at 12s 1-2 see 1', 'expect at 12s 1-2 see 1; 1: 1-3'],
    ['expect at 12s 1-2 suspect nobody', 'expect at 12s 1-2 suspect nobody; 1: 3'],
    ['expect at 9s 1 3 are running', 'expect at 9s 1 3 are running; 3: off'],
    ['expect at 9s 1 OFFER to 3', 'expect at 9s 1 OFFER to 3; 0 were made'],
  ])('that is not so: %s', (line, problem) => expect(play(parseScenario(`${head}${line}\n`)).problems).toEqual([problem]));

  test.each([
    ['until 1s\n', 'begins with "nodes"'],
    ['nodes 3\nnodes 4\nuntil 1s\n', 'this one has 2'],
    [`${head}once upon a time\n`, 'once upon a time: a line begins with'],
    [`${head}expect at 9s peace\n`, 'expect at 9s peace: an expectation is'],
    [`${head}at 9s flood 3\n`, 'at 9s flood 3: a fault is one of'],
  ])('that is none: %j', (text, problem) => expect(() => parseScenario(text)).toThrow(problem));
});
