// The change of the key that the nodes speak under, while all of them run. The registry says how far it has come (daemons/storage/registry-edit-keys.ts);
// here it is waited for every living node to have followed before the next step is taken. Cut off anywhere, the same command goes on.

import { randomBytes } from 'node:crypto';
import type { Status } from '../daemons/agent/status.ts';
import { InputError } from '../daemons/core/problem.ts';
import { KEY_STEPS, type KeyStep, nextKeyStep, takeKeyStep } from '../daemons/storage/registry-edit-keys.ts';
import { absent, awaitFollowers, behind } from './living-followers.ts';
import type { ClusterOnSan } from './node/cluster-on-san.ts';

const KEY_BYTES = 32;

export interface RotationWish {
  readonly dryRun: boolean;
  /** How long the nodes are waited for before each further step. */
  readonly waitMs: number;
}

const MEANING: Readonly<Record<KeyStep, string>> = {
  tell: 'every node accepts a new key',
  use: 'every node speaks under the new key, and accepts the former one',
  forget: 'the former key is accepted no longer',
};

/** @throws InputError MM-KEY-FOLLOW; MM-STATUS-NO-DAEMON */
async function everybodyFollows(cluster: ClusterOnSan, generation: number, { waitMs }: RotationWish, status: () => Promise<Status>): Promise<void> {
  const missing = await awaitFollowers(cluster, generation, waitMs, status);
  if (missing.length === 0) return;
  throw new InputError([{
    code: 'MM-KEY-FOLLOW', where: `generation ${generation}`, rule: `every living node follows it within ${waitMs / 1000} s`, seen: `node ${missing.join(', ')} does not`,
    remedy: 'All nodes go on hearing each other. `metamaster status` names who is behind; the same command goes on from here.',
  }]);
}

/** Who does not hear of it now: they have it by their next boot, or from the registry within a minute once they reach the SAN. */
function absentText(cluster: ClusterOnSan, seen: Status): string {
  const nodes = absent(cluster, seen);
  return nodes.length === 0 ? '' : ` Node ${nodes.join(', ')}: not heard just now, and not waited for; a boot, or the registry within a minute, brings the keys.`;
}

/**
 * Changes the cluster's key, or ends a change that was begun. @throws InputError MM-KEY-FOLLOW, MM-KEY-MEANWHILE, those of `changeRegistry` and of the
 * daemon that is asked who follows
 */
export async function rotateKey(cluster: ClusterOnSan, wish: RotationWish, status: () => Promise<Status>): Promise<number> {
  const { registry, header } = cluster.found;
  const first = nextKeyStep(registry.secret);
  const steps = KEY_STEPS.slice(KEY_STEPS.indexOf(first));
  const seen = await status();
  const what = `${first === 'tell' ? 'The cluster\'s key is changed' : 'The change of the cluster\'s key that was begun is ended'}: ${steps.map((step) => MEANING[step]).join('; then ')}.${absentText(cluster, seen)}`;
  if (wish.dryRun) {
    const waitsFor = first === 'tell' ? [] : behind(seen, header.generation);
    cluster.tell(`To be done: ${what}${waitsFor.length === 0 ? '' : ` First node ${waitsFor.join(', ')} must follow generation ${header.generation}.`}`);
    cluster.result({ steps, waitsFor, generation: header.generation, result: 'planned' });
    return 0;
  }
  if (!(await cluster.confirmed(what))) return 1;
  let { generation } = header;
  for (const step of steps) {
    if (step !== 'tell') await everybodyFollows(cluster, generation, wish, status);
    const freshKey = randomBytes(KEY_BYTES).toString('hex');
    const { found, written } = await cluster.change((now) => takeKeyStep(now, step, freshKey));
    generation = found.header.generation;
    if (!written) {
      throw new InputError([{
        code: 'MM-KEY-MEANWHILE', where: `generation ${generation}`, rule: `a registry in which the next step is "${step}"`, seen: `"${nextKeyStep(found.registry.secret)}"`,
        remedy: 'Somebody else changes the key at the same time. The same command goes on where they stop.',
      }]);
    }
    cluster.tell(`${KEY_STEPS.indexOf(step) + 1} of ${KEY_STEPS.length}: ${MEANING[step]} (registry generation ${generation}).`);
  }
  cluster.result({ steps, generation, result: 'done' });
  return 0;
}
