import { describe, expect, test } from 'vitest';
import { clockWarning, kernelWarning } from './boot-warnings.ts';

const WRITTEN = Date.UTC(2026, 10, 21);
const YEAR = 365.25 * 86_400_000;

describe('the clock', () => {
  test.each([['the same moment', 0], ['an hour before, a time zone', -3_600_000], ['five years later, an old cluster', 5 * YEAR]])('%s is nothing to speak of', (_, off) => {
    expect(clockWarning(WRITTEN + off, WRITTEN)).toBeUndefined();
  });

  test.each([['1970, a dead battery', -WRITTEN, '20778 days before it'], ['two days before', -2 * 86_400_000, '2 days before it'], ['a century later', 100 * YEAR, '36525 days after it']])('%s is told', (_, off, seen) => {
    expect(clockWarning(WRITTEN + off, WRITTEN)).toMatchObject({ code: 'MM-BOOT-CLOCK', seen, remedy: expect.stringContaining('The boot goes on') });
  });

  test('a registry that does not say when it was written accuses nobody', () => expect(clockWarning(0, 0)).toBeUndefined());
});

describe('the kernel', () => {
  test('of the root is right, and one that cannot be read is not complained about', () => {
    expect(kernelWarning('6.12.48', '6.12.48', 'dvd')).toBeUndefined();
    expect(kernelWarning(undefined, '6.12.48', 'net')).toBeUndefined();
  });

  test('of another version: both are named, and where it came from', () => {
    expect(kernelWarning('6.1.0', '6.12.48', 'dvd')).toMatchObject({ code: 'MM-BOOT-VERSION', where: 'the disc', rule: expect.stringContaining('6.12.48'), seen: '6.1.0', remedy: expect.stringContaining('over the network') });
    expect(kernelWarning('6.1.0', '6.12.48', 'net')).toMatchObject({ where: 'the boot files', remedy: expect.stringContaining('The node that served this blade') });
  });
});
