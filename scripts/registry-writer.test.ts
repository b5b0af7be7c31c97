// A change of the registry on an image file, under the real sanlock's lease.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_SANLOCK } from '../daemons/host/sanlock.test-kit.ts';
import { InputError, valueOf } from '../daemons/core/problem.ts';
import { SECTOR_BYTES } from '../daemons/storage/block.ts';
import { setDrained } from '../daemons/storage/registry-edit-nodes.ts';
import { planChange } from '../daemons/storage/registry-change.ts';
import type { Registry } from '../daemons/storage/registry.ts';
import { ClusterImage, type CommandRun, LIVE, NODE_1, type RunOptions } from './cluster-image.test-kit.ts';
import { type ChangeOptions, changeRegistry, type Edit } from './registry-writer.ts';

/** Joining takes 3 s, leaving 2 s, each time. */
const LONG = 60_000;

let image: ClusterImage;
beforeEach(() => { image = new ClusterImage(); });
afterEach(() => image.remove());

const drain = (node: number): Edit => (registry) => setDrained(registry, { node, drained: true });
const isDrained = (node: number): boolean => image.found().registry.roster.nodes.find(({ number }) => number === node)!.drained === true;

function change(edit: Edit, options: ChangeOptions = {}, run: RunOptions = {}): Promise<CommandRun> {
  return image.run(async (host) => {
    const { written } = await changeRegistry({ path: image.path, container: 'debian', machine: run.machine ?? LIVE, host }, edit, options);
    return written ? 0 : 1;
  }, run);
}

async function codesOf(attempt: Promise<unknown>): Promise<string[]> {
  const error = await attempt.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof InputError)) throw error ?? new Error('it succeeded');
  return error.problems.map(({ code }) => code);
}

describe('refused before any daemon is started, and nothing is written', () => {
  test.skipIf(NO_SANLOCK !== undefined)('a cluster without leases', async () => {
    const before = image.bytes();
    expect(await codesOf(change(drain(2)))).toEqual(['MM-LEASE-NONE']);
    expect(image.bytes().equals(before)).toBe(true);
  });
  test('what the edit refuses, and a machine that is neither node nor disc', async () => {
    expect(await codesOf(change(drain(7)))).toEqual(['MM-EDIT-NODE']);
    expect(await codesOf(change(drain(2), {}, { machine: { hardwareId: 'x', bootNonce: 'ab'.repeat(16) } }))).toEqual(['MM-WRITER-MACHINE']);
  });
  test('a node for which the registry has no slots', async () => {
    expect(await codesOf(change(drain(2), {}, { machine: { ...NODE_1, node: 3 } }))).toEqual(['MM-LEASE-HOST']);
  });
});

describe.skipIf(NO_SANLOCK !== undefined)(`with leases${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  beforeEach(() => image.withLeases());

  test('a node writes under its number and the lease\'s version, and is told its generation; then the disc under 0', async () => {
    expect(await change(drain(2), {}, { machine: NODE_1 })).toMatchObject({ code: 0, wrote: 2 });
    expect(image.found()).toMatchObject({ header: { writer: 1, generation: 2, leaseVersion: 1, writtenAtUnixMs: 1_795_000_000_000 } });
    expect(isDrained(2)).toBe(true);
    const undrain: Edit = (registry) => setDrained(registry, { node: 2, drained: false });
    expect(await change(undrain)).toMatchObject({ code: 0, wrote: 3 });
    expect(image.found().header).toMatchObject({ writer: 0, generation: 3, leaseVersion: 2 });
    expect(isDrained(2)).toBe(false);
  }, LONG);

  test('what changes nothing is not written, unless it is asked for', async () => {
    const same: Edit = (registry) => ({ ok: true, value: registry });
    expect(await change(same)).not.toHaveProperty('wrote');
    expect(image.found().header.generation).toBe(1);
    expect(await change(same, { rewrite: true })).toMatchObject({ code: 0, wrote: 2 });
  }, LONG);

  test('the edit sees what stands there under the lease, and what comes before is done by then', async () => {
    const seen: (boolean | undefined)[] = [];
    let at = '';
    const edit: Edit = (registry) => {
      seen.push(registry.roster.nodes[0]!.drained);
      return drain(2)(registry);
    };
    const before = async (edited: Registry): Promise<void> => {
      at = `${image.found().header.generation} ${edited.roster.nodes[1]!.drained}`;
    };
    await change(edit, { before });
    expect([seen, at]).toEqual([[undefined, undefined], '1 true']);
  }, LONG);

  test('what fails before the registry is written leaves it as it was, and the lease is free again', async () => {
    await expect(change(drain(2), { before: () => Promise.reject(new Error('no room')) })).rejects.toThrow('no room');
    expect([isDrained(2), image.found().header.generation]).toEqual([false, 1]);
    expect((await change(drain(2), {}, { machine: NODE_1 })).code).toBe(0);
  }, LONG);

  test('overtaken by a writer without the lease: told, and not tried again', async () => {
    const foreign = async (): Promise<void> => {
      const found = image.found();
      const planned = valueOf(planChange({ found, edited: { ...found.registry, roster: { ...found.registry.roster, clusterName: 'other' } }, writer: 2, leaseVersion: 9 }));
      const disk = image.found().ranges.registry.firstSector * SECTOR_BYTES;
      for (const step of planned.steps) if (step.kind === 'write') image.write(disk + step.offset, step.bytes);
    };
    expect(await codesOf(change(drain(2), { before: foreign }))).toEqual(['MM-CHANGE-OVERTAKEN']);
    expect([image.found().registry.roster.clusterName, isDrained(2)]).toEqual(['other', false]);
  }, LONG);
});
