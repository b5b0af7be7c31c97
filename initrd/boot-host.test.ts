import { expect, test } from 'vitest';
import { mustRun, StepError } from './boot-host.ts';
import { ModelBlade } from './model-blade.test-kit.ts';
import { ModelSan } from './model-san.test-kit.ts';

function blade(code: number, said: string): ModelBlade {
  const one = new ModelBlade(new ModelSan());
  one.override = () => ({ code, said });
  return one;
}

test('mustRun: what is accepted comes back', () => {
  expect(mustRun(blade(0, 'x'), 'MM-BOOT-X', ['true'], 'remedy')).toEqual({ code: 0, said: 'x' });
  expect(mustRun(blade(2, 'y'), 'MM-BOOT-X', ['e2fsck'], 'remedy', [0, 2]).code).toBe(2);
});

test('mustRun: else the message\'s code, the command, how it ended, its last four lines, and the remedy', () => {
  const error = (() => {
    try {
      return mustRun(blade(5, '1\n2\n3\n4\n5\n'), 'MM-BOOT-X', ['dmsetup', 'create'], 'look there');
    } catch (caught) {
      return caught as StepError;
    }
  })() as StepError;
  expect(error).toBeInstanceOf(StepError);
  expect(error.message).toBe('MM-BOOT-X: dmsetup create: exit code 5: 2 | 3 | 4 | 5');
  expect(error.code).toBe('MM-BOOT-X');
  expect(error.remedy).toBe('look there');
  expect(() => mustRun(blade(1, '\n'), 'MM-BOOT-X', ['false'], '')).toThrow(/^MM-BOOT-X: false: exit code 1$/);
});
