import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ChapLogin, chapKind, formatChapLogin, isChapSecret, isChapUser, parseChapLogin, secretsDiffer } from './chap.ts';

const OWN = { user: 'rack', password: 'correct-horse-1' };
const MUTUAL = { user: 'san', password: 'battery-staple-2' };

describe('names and secrets', () => {
  test.each(['r', 'iqn.2026-11.metamaster:san', '~!#=$"\'', 'a'.repeat(255)])('%j is a name', (text) => expect(isChapUser(text)).toBe(true));
  test.each(['', 'a b', 'ä', 'a\n', 'a\u007f', '<NULL>', '(null)x', '<empty>', 'a'.repeat(256)])('%j is none', (text) => expect(isChapUser(text)).toBe(false));
  test.each(['123456789012', '~!#=$"\'abcde', 'a'.repeat(255)])('%j is a secret', (text) => expect(isChapSecret(text)).toBe(true));
  test.each(['', '12345678901', '12345678901 2', '12345678901ä', '<NULL>abcdefgh', 'a'.repeat(256)])('%j is none', (text) => expect(isChapSecret(text)).toBe(false));
  test('both sides need secrets of their own', () => {
    expect([OWN, { ...OWN, mutual: MUTUAL }, { ...OWN, mutual: { ...MUTUAL, password: OWN.password } }].map((login) => secretsDiffer(login))).toEqual([true, true, false]);
    expect([OWN, { ...OWN, mutual: MUTUAL }].map(chapKind)).toEqual(['one-way', 'mutual']);
  });
});

describe('the file', () => {
  test.each<[string, ChapLogin | undefined]>([['one-way', OWN], ['mutual', { ...OWN, mutual: MUTUAL }], ['none', undefined]])('%s is read as it was written', (_, login) => {
    expect(parseChapLogin(formatChapLogin(login), 'f')).toEqual({ ok: true, value: login });
  });

  test.each<[string, unknown, readonly string[]]>([
    ['a short secret', { ...OWN, password: 'topsecret' }, ['f: password']],
    ['no name and a mutual account without a secret', { password: 'topsecret-topsecret', mutual: { user: 'san' } }, ['f: user', 'f: mutual.password']],
    ['one secret for both', { ...OWN, mutual: { user: 'san', password: OWN.password } }, ['f: mutual.password']],
    ['a property too many', { ...OWN, secret: 'topsecret-topsecret' }, ['f: login']],
    ['a list', ['topsecret'], ['f']],
    ['a number', 7, ['f']],
    ['null', null, ['f']],
    ['a mutual account that is none', { ...OWN, mutual: 'topsecret' }, ['f: mutual']],
  ])('%s is refused, and not shown', (_, value, places) => {
    const read = parseChapLogin(JSON.stringify(value), 'f');
    expect(read.ok ? [] : read.problems.map(({ where }) => where)).toEqual(places);
    expect(JSON.stringify(read)).not.toMatch(/topsecret|correct-horse/);
  });

  test('what is no JSON is not quoted', () => {
    const read = parseChapLogin('topsecret', 'f');
    expect(read).toMatchObject({ ok: false, problems: [{ code: 'MM-CHAP', seen: '9 characters that are none' }] });
  });

  test('fuzz: whatever the text, it is read or refused with a reason', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.record({ user: fc.string(), password: fc.string(), mutual: fc.anything() }).map((value) => JSON.stringify(value))), (text) => {
      const read = parseChapLogin(text, 'f');
      expect(read.ok || read.problems.length > 0).toBe(true);
    }));
  });
});
