import { describe, expect, test } from 'vitest';
import { agreeOnTerms, WINDOW_MAX_BYTES } from './tftp-options.ts';

describe('agreeOnTerms', () => {
  const cases: [asked: [string, string][], granted: [string, string][]][] = [
    [[], []],
    [[['tsize', '0']], [['tsize', '5000']]],
    [[['tsize', 'x']], []],
    [[['blksize', '1468'], ['tsize', '0']], [['blksize', '1468'], ['tsize', '5000']]],
    [[['blksize', '7']], []],
    [[['blksize', '8']], [['blksize', '8']]],
    [[['blksize', '65464']], [['blksize', '65464']]],
    [[['blksize', '65535']], [['blksize', '65464']]],
    [[['blksize', '-1']], []],
    [[['blksize', '99999999999']], []],
    [[['timeout', '255']], [['timeout', '255']]],
    [[['timeout', '256']], []],
    [[['timeout', '0']], []],
    [[['windowsize', '0']], []],
    [[['windowsize', '65535']], [['windowsize', '64']]],
    [[['multicast', ''], ['windowsize', '4'], ['x-other', '1']], [['windowsize', '4']]],
    [[['blksize', '512'], ['blksize', '1024']], [['blksize', '512']]],
  ];
  test.each(cases)('%j is granted as %j', (asked, granted) => {
    expect(agreeOnTerms(asked, 5000).granted).toEqual(granted);
  });

  test('without options the defaults of RFC 1350 hold', () => {
    expect(agreeOnTerms([], 1)).toEqual({ blockBytes: 512, windowBlocks: 1, retransmitMs: 1000, granted: [] });
  });

  test('a window of large blocks is cut to what fits into a send buffer, and the client is told', () => {
    const terms = agreeOnTerms([['windowsize', '64'], ['blksize', '16384']], 1);
    expect(terms.windowBlocks * terms.blockBytes).toBe(WINDOW_MAX_BYTES);
    expect(terms.granted).toContainEqual(['windowsize', '8']);
    expect(agreeOnTerms([['windowsize', '64'], ['blksize', '65464']], 1).windowBlocks).toBe(2);
  });

  test('the time-out that was asked for is used', () => {
    expect(agreeOnTerms([['timeout', '3']], 1).retransmitMs).toBe(3000);
  });
});
