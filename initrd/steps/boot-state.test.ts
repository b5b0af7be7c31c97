import { expect, test } from 'vitest';
import { StepError } from '../boot-host.ts';
import { found } from './boot-state.ts';

test('found: a value passes, also a false or empty one; a missing one is a fault of the plan', () => {
  expect([found(0, 'a'), found('', 'b'), found(false, 'c')]).toEqual([0, '', false]);
  expect(() => found(undefined, 'the disk')).toThrow(StepError);
  expect(() => found(undefined, 'the disk')).toThrow('the disk is not known yet');
});
