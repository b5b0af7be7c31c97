// `metamaster cluster rotate-key` on an image file, under the real sanlock's lease, with nodes that follow the registry as storage agent and
// membership let them.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../daemons/agent/status.ts';
import { InputError } from '../daemons/core/problem.ts';
import { NO_SANLOCK } from '../daemons/host/sanlock.test-kit.ts';
import { clusterKeys } from '../daemons/storage/cluster-keys.ts';
import { clusterCommand } from './cluster-command.ts';
import { ClusterImage, type CommandRun, NODE_1, type RunOptions } from './cluster-image.test-kit.ts';

const LONG = 60_000;

let image: ClusterImage;
/** The generation that each living node follows. */
let follow: Map<number, number>;
beforeEach(() => {
  image = new ClusterImage();
  follow = new Map([1, 2].map((node) => [node, image.found().header.generation]));
});
afterEach(() => image.remove());

const keys = (): readonly string[] => clusterKeys(image.found().registry.secret);
const generation = (): number => image.found().header.generation;

/** After some seconds each of these nodes follows what stands on the SAN, and whatever two of them speak under is accepted by the other. */
function followers(...nodes: number[]): (nowMs: number) => void {
  const rings = new Map(nodes.map((node) => [node, keys()]));
  return (nowMs) => {
    const node = nodes[Math.floor(nowMs / 1000) % nodes.length]!;
    follow.set(node, generation());
    rings.set(node, keys());
    for (const mine of rings.values()) for (const theirs of rings.values()) expect(mine).toContain(theirs[0]);
  };
}

function rotate(line: string, { daemon = true, ...options }: RunOptions & { readonly daemon?: boolean } = {}): Promise<CommandRun> {
  return image.run((host) => clusterCommand([...line.split(' '), '--device', image.path], {
    ...host,
    async status() {
      if (!daemon) throw new InputError([{ code: 'MM-STATUS-NO-DAEMON', where: 'socket', rule: 'a daemon', seen: 'none', remedy: 'Start it.' }]);
      return { alive: [...follow.keys()], generations: [...follow].map(([node, at]) => ({ node, generation: at, behindMs: null })) } as unknown as Status;
    },
  }), { machine: NODE_1, ...options });
}
const codeOf = ({ error }: CommandRun): string => /MM-[A-Z-]+/.exec(error)?.[0] ?? 'none';

async function untouched(run: () => Promise<CommandRun>): Promise<CommandRun> {
  const before = image.bytes();
  const done = await run();
  expect(image.bytes().equals(before)).toBe(true);
  return done;
}

describe('before anything is written', () => {
  test.each([
    ['no verb', '--yes', 'the verb is rotate-key'], ['another verb', 'rotate --yes', 'seen rotate'], ['an option that is none', 'rotate-key --now', '--now'],
    ['a time that is none', 'rotate-key --wait soon', '--wait takes'], ['a program that cannot be asked', 'rotate-key --json', '--json wants'],
  ])('%s: exit code 2', async (_name, line, said) => {
    const run = await untouched(() => rotate(line));
    expect([run.code, run.error]).toEqual([2, expect.stringContaining(said)]);
  });

  test('no daemon to ask who is alive', async () => {
    const run = await untouched(() => rotate('rotate-key --yes', { daemon: false }));
    expect([run.code, codeOf(run)]).toEqual([1, 'MM-STATUS-NO-DAEMON']);
  });

  test('--dry-run says what would be done, and who is not heard', async () => {
    follow.delete(2);
    const text = await untouched(() => rotate('rotate-key --dry-run'));
    expect([text.code, text.out]).toEqual([0, expect.stringMatching(/^To be done: The cluster's key is changed: every node accepts a new key; then .* Node 2: not heard just now/)]);
    const json = await untouched(() => rotate('rotate-key --dry-run --json'));
    expect(JSON.parse(json.out)).toEqual({ steps: ['tell', 'use', 'forget'], waitsFor: [], generation: generation(), result: 'planned' });
  });

  test('who does not say yes', async () => expect((await untouched(() => rotate('rotate-key', { answers: ['no'] }))).code).toBe(1));
});

describe.skipIf(NO_SANLOCK !== undefined)(`the change${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  beforeEach(async () => void await image.withLeases());

  test('three generations, each followed by all before the next; no key is shown', async () => {
    const [[old], at] = [keys() as [string], generation()];
    const run = await rotate('rotate-key --yes --json', { meanwhile: followers(1, 2) });
    expect([run.code, JSON.parse(run.out)], run.error).toEqual([0, { steps: ['tell', 'use', 'forget'], generation: at + 3, result: 'done' }]);
    const [fresh, ...more] = keys();
    expect([more, fresh === old, fresh!.length]).toEqual([[], false, 64]);
    expect(run.error).toMatch(/1 of 3: [^]*Waiting for node 1, 2 to follow generation \d+[^]*2 of 3: [^]*3 of 3: /);
    for (const key of [old, fresh!]) expect(run.out + run.error).not.toContain(key);
  }, LONG);

  test('a node that does not follow stops it between two steps; the same command goes on when it does', async () => {
    const [old] = keys() as [string];
    const stopped = await rotate('rotate-key --yes --wait 20', { meanwhile: followers(1) });
    expect([stopped.code, codeOf(stopped), stopped.error]).toEqual([1, 'MM-KEY-FOLLOW', expect.stringContaining('node 2 does not')]);
    expect([keys()[0], keys().length]).toEqual([old, 2]);
    const [, fresh] = keys();
    const planned = await rotate('rotate-key --dry-run --json');
    expect(JSON.parse(planned.out)).toMatchObject({ steps: ['use', 'forget'], waitsFor: [2] });
    const ended = await rotate('rotate-key --yes', { meanwhile: followers(1, 2) });
    expect([ended.code, keys()], ended.error).toEqual([0, [fresh]]);
    expect(ended.asked).toEqual([]);
  }, LONG);

  test('a node that is dead is not waited for', async () => {
    const run = await rotate('rotate-key --yes', { meanwhile: (nowMs) => {
      follow.delete(2);
      followers(1)(nowMs);
    } });
    expect([run.code, keys().length], run.error).toEqual([0, 1]);
  }, LONG);
});
