// Runs blkid and ocfs2-tools, and tells a person that they take their time. What they say: daemons/storage/ocfs2-text.ts.

import { InputError } from '../../daemons/core/problem.ts';
import { CommandError, type Finished, run } from '../../daemons/host/run.ts';
import { DEBUGFS_QUESTIONS, type Ocfs2Facts, readOcfs2Facts } from '../../daemons/storage/ocfs2-text.ts';
import type { CommandHost } from '../command-host.ts';

/** A person is told that it goes on. */
const TELL_EVERY_MS = 2000;
/** blkid(8): nothing could be identified; ambivalent probing result. */
const BLKID_NOTHING = 2;
const BLKID_SEVERAL = 8;

/** What blkid and debugfs.ocfs2 say of a device. */
export async function identify(device: string): Promise<{ readonly signature?: string; readonly facts?: Ocfs2Facts }> {
  const { code, output } = await run(['blkid', '-p', '-o', 'export', device], { accept: [0, BLKID_NOTHING, BLKID_SEVERAL] });
  if (code === BLKID_NOTHING) return {};
  if (code === BLKID_SEVERAL) return { signature: 'signatures of several kinds' };
  const signature = /^(?:PT)?TYPE=(.+)$/m.exec(output)?.[1] ?? 'a signature without a name';
  if (signature !== 'ocfs2') return { signature };
  const ask = async (question: string): Promise<string> => (await runTool(['debugfs.ocfs2', '-R', question, device], { accept: 'any' })).output;
  const facts = readOcfs2Facts({ stats: await ask(DEBUGFS_QUESTIONS.stats), heartbeat: await ask(DEBUGFS_QUESTIONS.heartbeat), bitmap: await ask(DEBUGFS_QUESTIONS.bitmap) });
  return { signature, ...(facts === undefined ? {} : { facts }) };
}

/** @throws InputError MM-SHARED-TOOLS for a program that is not there; CommandError */
export async function runTool(argv: readonly string[], options: { readonly accept?: 'any' } = {}): Promise<Finished> {
  try {
    return await run(argv, options);
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== 127) throw error;
    throw new InputError([{ code: 'MM-SHARED-TOOLS', where: argv[0]!, rule: 'a program that can be started', seen: error.said, remedy: 'Install the package ocfs2-tools, or use a node or the live system, which have it.' }]);
  }
}

/** Does something, and tells how long it has taken. */
export async function telling<T>(host: CommandHost, what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const timer = setInterval(() => host.error(`  ${what}, ${Math.round((performance.now() - start) / 1000)} s\n`), TELL_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
