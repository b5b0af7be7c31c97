import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sampleAnswers } from './install.test-kit.ts';
import { isAuthorizedKey } from './login-secrets.ts';
import { makeSecrets } from './secrets.ts';

const actual = await vi.importActual<typeof import('../../daemons/host/run.ts')>('../../daemons/host/run.ts');
const asked: { argv: readonly string[]; input: unknown }[] = [];
// busybox is the live system's; everything else is run as it is.
vi.mock('../../daemons/host/run.ts', () => ({
  run: async (argv: readonly string[], options?: { input?: string }) => {
    asked.push({ argv, input: options?.input });
    return argv[0] === 'busybox' ? { code: 0, output: '$6$salt$hash\n', errorOutput: '' } : actual.run(argv, options);
  },
}));

const missing = spawnSync('ssh-keygen', ['-?']).error !== undefined || !existsSync('/run');
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  asked.splice(0);
});
afterEach(() => rmSync(folder, { recursive: true }));

function withPassword(content: string): ReturnType<typeof sampleAnswers> {
  writeFileSync(join(folder, 'password'), content);
  return sampleAnswers(1, [`root-password-file: ${join(folder, 'password')}`]);
}

describe.skipIf(missing)('makeSecrets (skipped without ssh-keygen)', () => {
  test('every node has a host key of its own, by its number, and nothing is left on any disk', async () => {
    const done: number[] = [];
    const secrets = await makeSecrets(sampleAnswers(3), ['node1', 'node2', 'node3'], undefined, (count) => done.push(count));
    expect(Object.keys(secrets.sshHostKeys)).toEqual(['1', '2', '3']);
    const keys = Object.values(secrets.sshHostKeys);
    expect(new Set(keys.map(({ privateKey }) => privateKey)).size).toBe(3);
    for (const [i, { privateKey, publicKey }] of keys.entries()) {
      expect(privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n[^-]+-----END OPENSSH PRIVATE KEY-----\n$/);
      expect(isAuthorizedKey(publicKey)).toBe(true);
      expect(publicKey.split(' ')[2]).toBe(`node${i + 1}`);
    }
    expect(secrets.clusterKey).toMatch(/^[0-9a-f]{64}$/);
    expect(done).toEqual([1, 2, 3]);
    expect(readdirSync('/run').filter((name) => name.startsWith('metamaster-keys-'))).toEqual([]);
  });

  test('two clusters have different keys', async () => {
    const [a, b] = [await makeSecrets(sampleAnswers(1), ['node1'], undefined, () => undefined), await makeSecrets(sampleAnswers(1), ['node1'], undefined, () => undefined)];
    expect(a.clusterKey).not.toBe(b.clusterKey);
    expect(a.sshHostKeys['1']!.publicKey).not.toBe(b.sshHostKeys['1']!.publicKey);
  });

  test('without a password root cannot log in with one', async () => {
    expect((await makeSecrets(sampleAnswers(1), [], undefined, () => undefined)).rootPasswordHash).toBe('!');
  });

  test('the SAN\'s login is kept with them as it is', async () => {
    const chap = { user: 'rack', password: 'topsecret-topsecret' };
    expect((await makeSecrets(sampleAnswers(1), [], chap, () => undefined)).chap).toEqual(chap);
    expect(await makeSecrets(sampleAnswers(1), [], undefined, () => undefined)).not.toHaveProperty('chap');
  });

  test('a hash that was given is taken as it is', async () => {
    const hash = `$6$salt$${'a'.repeat(86)}`;
    expect((await makeSecrets(sampleAnswers(1, [`root-password-hash: '${hash}'`]), [], undefined, () => undefined)).rootPasswordHash).toBe(hash);
  });

  test.each([['one line', 'swordfish and more\n'], ['no end of line', 'swordfish and more'], ['an end of line of another system', 'swordfish and more\r\n'], ['further lines', 'swordfish and more\nnot this\n']])('the password is the first line of its file, also with %s, and never an argument', async (_, content) => {
    const secrets = await makeSecrets(withPassword(content), [], undefined, () => undefined);
    expect(secrets.rootPasswordHash).toBe('$6$salt$hash');
    expect(asked).toHaveLength(1);
    expect(asked[0]!.input).toBe('swordfish and more\n');
    expect(asked[0]!.argv.join(' ')).not.toContain('swordfish');
  });

  test('an empty first line is told, without what stands on the others', async () => {
    const error = await makeSecrets(withPassword('\nswordfish\n'), [], undefined, () => undefined).catch((caught: unknown) => caught as Error);
    expect((error as Error).message).toContain('the first line is empty');
    expect((error as Error).message).not.toContain('swordfish');
  });

  test('keys that cannot be made leave nothing behind', async () => {
    await expect(makeSecrets(sampleAnswers(1), ['no/such/name'], undefined, () => undefined)).rejects.toThrow('ssh-keygen');
    expect(readdirSync('/run').filter((name) => name.startsWith('metamaster-keys-'))).toEqual([]);
  });
});
