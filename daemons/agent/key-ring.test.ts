import { describe, expect, test } from 'vitest';
import { isSameRing, parseKeyRing } from './key-ring.ts';

const [A, B] = ['0f'.repeat(32), 'a1'.repeat(32)];
const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

describe('parseKeyRing', () => {
  test.each<[string, string, Uint8Array[]]>([
    ['one', `${A}\n`, [key(15)]],
    ['two, the first one in front', `${A}\n${B}\n`, [key(15), key(0xa1)]],
    ['white space', `  ${A} \r\n${B}`, [key(15), key(0xa1)]],
  ])('%s', (_name, text, value) => expect(parseKeyRing(text, 'f')).toEqual({ ok: true, value }));

  test.each([
    ['short', A.slice(2), '62 characters in line 1'], ['zero', '0'.repeat(64), '64 characters in line 1'], ['nothing', '', '0 characters in line 1'],
    ['no digits in the second', `${A}\n${'x'.repeat(64)}`, '64 characters in line 2'], ['an empty line between', `${A}\n\n${B}`, '0 characters in line 2'], ['four', [A, B, A, B].join('\n'), '4 lines'],
  ])('%s is refused, and not shown', (_name, text, seen) => {
    const result = parseKeyRing(text, '/etc/key');
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'MM-CLUSTER-KEY', where: '/etc/key', seen }] });
    expect(JSON.stringify(result)).not.toContain(A.slice(2));
  });
});

test.each<[string, number[], number[], boolean]>([
  ['the same', [1, 2], [1, 2], true], ['another order', [1, 2], [2, 1], false], ['one more', [1], [1, 2], false], ['another', [1], [2], false],
])('isSameRing: %s', (_name, a, b, same) => expect(isSameRing(a.map(key), b.map(key))).toBe(same));
