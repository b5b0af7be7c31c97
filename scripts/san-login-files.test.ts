import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chapOfAnswers, readSanLogin } from './san-login-files.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'chap-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function secretFile(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('the answers\' files', () => {
  test('none, one-way, mutual', () => {
    const own = { 'chap-user': 'rack', 'chap-password-file': secretFile('a', 'topsecret-topsecret\n') };
    expect(chapOfAnswers({})).toBeUndefined();
    expect(chapOfAnswers(own)).toEqual({ user: 'rack', password: 'topsecret-topsecret' });
    expect(chapOfAnswers({ ...own, 'chap-mutual-user': 'san', 'chap-mutual-password-file': secretFile('b', 'another-topsecret') })).toEqual({
      user: 'rack', password: 'topsecret-topsecret', mutual: { user: 'san', password: 'another-topsecret' },
    });
  });

  test.each<[string, string, number, string, string]>([
    ['readable by others', 'topsecret-topsecret', 0o640, 'another-topsecret', 'MM-SECRET-FILE'],
    ['too short', 'topsecret', 0o600, 'another-topsecret', 'MM-CHAP'],
    ['with a blank', 'topsecret topsecret', 0o600, 'another-topsecret', 'MM-CHAP'],
    ['the same for both', 'topsecret-topsecret', 0o600, 'topsecret-topsecret', 'MM-CHAP'],
  ])('a secret that is %s is refused, and not shown', (_, text, mode, other, code) => {
    const answers = { 'chap-user': 'rack', 'chap-password-file': secretFile('a', text, mode), 'chap-mutual-user': 'san', 'chap-mutual-password-file': secretFile('b', other) };
    expect(() => chapOfAnswers(answers)).toThrow(code);
    expect(() => chapOfAnswers(answers)).not.toThrow(/topsecret/);
  });

  test('what is wrong with both files is told together', () => {
    const answers = { 'chap-user': 'rack', 'chap-password-file': join(folder, 'none'), 'chap-mutual-user': 'san', 'chap-mutual-password-file': secretFile('b', 'short') };
    expect(() => chapOfAnswers(answers)).toThrow(/MM-SECRET-FILE[^]*MM-CHAP/);
  });
});

test('a san-login.json is read when it is this user\'s alone', () => {
  const text = '{"user":"rack","password":"topsecret-topsecret"}\n';
  expect(readSanLogin(secretFile('good', text))).toEqual({ user: 'rack', password: 'topsecret-topsecret' });
  expect(readSanLogin(secretFile('empty', '{}\n'))).toBeUndefined();
  expect(() => readSanLogin(secretFile('open', text, 0o644))).toThrow('MM-SECRET-FILE');
  expect(() => readSanLogin(secretFile('broken', text.slice(0, -4)))).toThrow('MM-CHAP');
});
