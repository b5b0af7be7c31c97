// What the tests of gatewayd in namespaces share: which programs they need, and how they wait, for nothing there is judged by the clock.

import { spawnSync } from 'node:child_process';
import { MAY_MAKE_SPACES } from './network-spaces.test-kit.ts';

/** For what shall happen; far more than it takes. */
export const WAIT_MS = 60_000;
const LOOK_MS = 100;

const works = (program: string, ...argv: string[]): boolean => spawnSync(program, argv, { stdio: 'ignore' }).status === 0;
export const HAS_TOOLS = MAY_MAKE_SPACES && works('nft', '--version') && works('conntrackd', '-v') && works('conntrack', '-V') && works('python3', '-c', 'pass');
if (!HAS_TOOLS) console.warn('the tests of gatewayd are left out; they need root, iproute2, nft, conntrackd, conntrack and python3');

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `look` gives something. */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + WAIT_MS; Date.now() < end; await pause(LOOK_MS)) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
  }
  throw new Error(`waited in vain: ${what}`);
}
