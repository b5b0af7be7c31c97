import { expect, test } from 'vitest';
import { openIcmp6 } from './icmp6.ts';

test('an interface that is not there is named in the error', () => {
  expect(() => openIcmp6('mm-none0')).toThrow('interface mm-none0 is not there or has no address');
});
