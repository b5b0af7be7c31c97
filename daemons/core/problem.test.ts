import { expect, test } from 'vitest';
import { InputError, problemLine, valueOf } from './problem.ts';
import type { Problem } from './problem.ts';

const problem: Problem = { code: 'MM-X', where: 'nodes[2].mac', rule: 'must be a MAC address', seen: '"zz"', remedy: 'Write it as aa:bb:cc:dd:ee:ff.' };

test('a problem is one line that says everything', () => {
  expect(problemLine(problem)).toBe('MM-X: nodes[2].mac: must be a MAC address; seen "zz". Write it as aa:bb:cc:dd:ee:ff.');
});

test('an input error carries all problems, one a line', () => {
  const error = new InputError([problem, { ...problem, code: 'MM-Y' }]);
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe('InputError');
  expect(error.problems.map(({ code }) => code)).toEqual(['MM-X', 'MM-Y']);
  expect(error.message.split('\n')).toHaveLength(2);
});

test('valueOf gives the value, or throws what is wrong', () => {
  expect(valueOf({ ok: true, value: 7 })).toBe(7);
  expect(() => valueOf({ ok: false, problems: [problem] })).toThrow(new InputError([problem]));
});
