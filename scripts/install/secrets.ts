// The secrets of a new cluster: made on the blade that installs, kept in the registry's secret part and nowhere else.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChapLogin } from '../../daemons/core/chap.ts';
import { InputError } from '../../daemons/core/problem.ts';
import { run } from '../../daemons/host/run.ts';
import type { RegistrySecret } from '../../daemons/storage/registry.ts';
import type { Answers } from './answers.ts';

/** A folder in memory: private keys never touch a disk. */
const MEMORY = '/run';

/** The SHA-512 crypt of the first line of a file. The password goes through standard input, never through a command line. */
async function hashOfFile(path: string): Promise<string> {
  const [password = ''] = readFileSync(path, 'utf8').split(/\r?\n/);
  if (password === '') throw new InputError([{ code: 'MM-INSTALL-PASSWORD', where: path, rule: "root's password in the first line", seen: 'the first line is empty', remedy: 'Write the password there.' }]);
  const { output } = await run(['busybox', 'mkpasswd', '-m', 'sha512', '-P', '0'], { input: `${password}\n` });
  return output.trim();
}

async function hostKey(folder: string, name: string): Promise<{ privateKey: string; publicKey: string }> {
  const file = join(folder, name);
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  return { privateKey: readFileSync(file, 'utf8'), publicKey: readFileSync(`${file}.pub`, 'utf8').trim() };
}

/** Makes root's password hash, the cluster's key and every node's SSH host key; `chap` is the SAN's, and kept with them. @throws Error or CommandError */
export async function makeSecrets(answers: Answers, names: readonly string[], chap: ChapLogin | undefined, onProgress: (done: number) => void): Promise<RegistrySecret> {
  const file = answers['root-password-file'];
  const rootPasswordHash = answers['root-password-hash'] ?? (file === undefined ? '!' : await hashOfFile(file));
  return { ...(await freshSecrets(rootPasswordHash, names.map((name, at) => ({ number: at + 1, name })), onProgress)), ...(chap === undefined ? {} : { chap }) };
}

/** An SSH host key for one node more. @throws Error or CommandError */
export async function freshHostKey(name: string): Promise<RegistrySecret['sshHostKeys'][string]> {
  const folder = mkdtempSync(join(MEMORY, 'metamaster-keys-'));
  try {
    return await hostKey(folder, name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A new cluster key, and an SSH host key for each of these nodes. @throws Error or CommandError */
export async function freshSecrets(rootPasswordHash: string, nodes: readonly { readonly number: number; readonly name: string }[], onProgress: (done: number) => void): Promise<RegistrySecret> {
  const folder = mkdtempSync(join(MEMORY, 'metamaster-keys-'));
  try {
    const sshHostKeys: Record<string, { privateKey: string; publicKey: string }> = {};
    for (const [at, { number, name }] of nodes.entries()) {
      sshHostKeys[String(number)] = await hostKey(folder, name);
      onProgress(at + 1);
    }
    return { rootPasswordHash, clusterKey: randomBytes(32).toString('hex'), sshHostKeys };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
