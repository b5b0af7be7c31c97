import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { valueOf } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET, type OwnerRecord } from '../../daemons/storage/owner-record.ts';
import { readFrom } from '../../daemons/storage/read-at.ts';
import { dropCheckpoint } from '../../daemons/storage/registry-edit-checkpoints.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleRegistry, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { viewStore } from '../../daemons/storage/snapshot-view.ts';
import { buildModel, type Model } from '../../daemons/storage/store-model.test-kit.ts';
import { chooseLabel, DATA_OFFSET_BYTES, labelSteps, type LabelState, type VolumeLabel } from '../../daemons/storage/volume-label.ts';
import { readVolumeFront } from '../../daemons/storage/volume-front.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import type { CommandHost, ThisMachine } from '../command-host.ts';
import { type ChangeRegistry, checkpointCommand, rollbackCommand } from './checkpoint-command.ts';
import { changeImage } from './image-change.test-kit.ts';

const registry = sampleRegistry();
const node2 = registry.volumes.find(({ name }) => name === 'node2')!;
const FOREIGN: OwnerRecord = { hardwareId: 'board-2/52:54:00:00:00:02', bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: 2, volumeUuid: node2.uuid, renewedAtUnixMs: 1 };
const CHUNK = node2.chunkSectors!;
const FIRST = { chunkSectors: CHUNK, originBytes: 4 * MIB, changed: [9, 4, 5, 6, 300], gapBefore: 2, seed: 3 };
const SECOND = { ...FIRST, changed: [4, 100, 101, 102, 300, 301], seed: 4 };

let folder: string;
let image: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-checkpoint-'));
  image = join(folder, 'san.img');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Writes an image of a SAN whose node 2 has changed its root as the model says. */
function writeImage(state: LabelState, model: Model = buildModel(FIRST)): Model {
  const san = sampleSan(registry);
  san.disk.apply(labelSteps({ ...sampleLabel(registry, node2), state, generation: 6 }, 0), san.at('node2', 0));
  san.disk.write(san.at('node2', OWNER_OFFSET), encodeOwner(FOREIGN));
  for (const [sector, bytes] of model.origin.sectors) san.disk.write(san.at('default@1', sector * SECTOR_BYTES), bytes);
  for (const [sector, bytes] of model.store.sectors) san.disk.write(san.at('node2', DATA_OFFSET_BYTES + sector * SECTOR_BYTES), bytes);
  const descriptor = openSync(image, 'w');
  ftruncateSync(descriptor, SAMPLE_DISK_BYTES);
  for (const [sector, bytes] of san.disk.sectors) writeSync(descriptor, bytes, 0, bytes.length, sector * SECTOR_BYTES);
  closeSync(descriptor);
  return model;
}

function poke(offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(image, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}
const { at: place } = sampleSan(registry);

/** Node 2 has booted since and changed other things. */
function changeStore(): Model {
  const model = buildModel(SECOND);
  for (const [sector, bytes] of model.store.sectors) poke(place('node2', DATA_OFFSET_BYTES + sector * SECTOR_BYTES), bytes);
  return model;
}

interface Seen extends ContainerFound {
  label(volume: string): VolumeLabel;
  owner(volume: string): OwnerRecord | undefined;
  root(volume: string): Uint8Array;
}

function look(): Seen {
  const bytes = readFileSync(image);
  const read = (offset: number, length: number): Uint8Array => Uint8Array.from(bytes.subarray(offset, offset + length));
  const found = valueOf(readContainer(read, bytes.length, 'debian'));
  const { container } = found.ranges;
  const volumeOf = (name: string) => found.registry.volumes.find((volume) => volume.name === name)!;
  const reader = (name: string) => volumeReader(read, volumeOf(name), found.registry.extentBytes, container.firstSector);
  const front = (name: string) => readVolumeFront(read, volumeOf(name), found.registry.extentBytes, container);
  return {
    ...found,
    label: (name) => valueOf(chooseLabel(...front(name).labels)).label,
    owner: (name) => valueOf(decodeOwner(front(name).owner)),
    root: (name) => valueOf(viewStore(reader('default@1'), 4 * MIB, { read: readFrom(reader(name), DATA_OFFSET_BYTES), bytes: volumeOf(name).sizeBytes - DATA_OFFSET_BYTES })).read(0, 4 * MIB),
  };
}
const findings = (): { problems: string[]; warnings: string[] } => {
  const bytes = readFileSync(image);
  const { problems, warnings } = examineSan((offset, length) => Uint8Array.from(bytes.subarray(offset, offset + length)), bytes.length);
  return { problems: problems.map(({ code }) => code), warnings: warnings.map(({ code }) => code) };
};

const change: ChangeRegistry = (place, edit, before) => {
  expect(place).toEqual({ path: image, container: 'debian' });
  return changeImage(place, edit, before);
};

interface Run {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  readonly asked: number;
}

async function run(line: string, { answer, machine, changeWith = change, meanwhile = () => undefined, whileAsked = () => undefined }: { answer?: string; machine?: Partial<ThisMachine>; changeWith?: ChangeRegistry; meanwhile?: (ms: number) => void; whileAsked?: () => void } = {}): Promise<Run> {
  let [out, error, now, asked] = ['', '', 0, 0];
  const host: CommandHost = {
    out: (text) => void (out += text), error: (text) => void (error += text), now: () => now, unixMs: () => 1_795_000_000_000 + now,
    machine: () => ({ hardwareId: 'our-board/52:54:00:00:00:09', bootNonce: 'ab'.repeat(16), ...machine }), liveDisk: () => Promise.resolve(undefined), sanlock: { startDaemon: ['false'] }, wrote: () => undefined,
    async sleep(ms) {
      now += ms;
      meanwhile(now);
    },
    async ask() {
      asked++;
      whileAsked();
      return answer;
    },
  };
  const [verb, ...words] = line.split(' ');
  const code = await (verb === 'rollback' ? rollbackCommand : checkpointCommand)([...words, '--device', image], changeWith, host);
  return { code, out, error, asked };
}
const codesIn = ({ error }: Run): string => (error.match(/MM-[A-Z-]+[A-Z]/g) ?? []).join(' ');
async function refused(line: string, wanted: string, more: Parameters<typeof run>[1] = {}): Promise<void> {
  const before = readFileSync(image);
  const done = await run(line, more);
  expect([done.code, codesIn(done)]).toEqual([1, wanted]);
  expect(readFileSync(image).equals(before)).toBe(true);
}

describe('node checkpoint', () => {
  test('keeps the root as it is, in as much room as was changed, and the store stays as it was', async () => {
    const model = writeImage('down');
    const before = look().root('node2');
    expect(await run('checkpoint 2 before-upgrade')).toMatchObject({ code: 0, error: '  node2 to node2@before-upgrade: 2 MiB\n  node2@before-upgrade: read again\n', out: 'node2@before-upgrade: 5 changed chunks, 2 MiB\n' });
    const seen = look();
    expect(Buffer.compare(seen.root('node2@before-upgrade'), model.expected)).toBe(0);
    expect(Buffer.compare(seen.root('node2'), before)).toBe(0);
    expect([seen.label('node2').generation, seen.owner('node2'), seen.owner('node2@before-upgrade')]).toEqual([6, FOREIGN, undefined]);
    expect(seen.label('node2@before-upgrade')).toMatchObject({ state: 'down', checkpoint: { name: 'node2@before-upgrade', madeAtUnixMs: 1_795_000_000_000, storeUuid: node2.uuid, storeGeneration: 6, clean: true } });
    expect(findings()).toEqual({ problems: [], warnings: [] });
    expect((await run('checkpoint 2')).out).toBe(`before-upgrade  ${new Date(1_795_000_000_000).toISOString()}  2 MiB  over default@1  whole\n`);
    expect((await run('checkpoint 1')).out).toBe('');
  });

  test('of a node that was not shut down wants the fence, watches, and says so', async () => {
    writeImage('live');
    await refused('checkpoint 2 a', 'MM-CLAIM-FOREIGN');
    // The word alone does not do: its counter moves.
    const renews = (ms: number): void => poke(place('node2', OWNER_OFFSET), encodeOwner({ ...FOREIGN, counter: 70 + Math.floor(ms / 5000) }));
    const done = await run('checkpoint 2 a --fenced', { meanwhile: renews });
    expect([done.code, codesIn(done)]).toEqual([1, 'MM-CLAIM-FOREIGN']);
    expect(look().registry).toEqual(registry);
  });

  test('of a fenced node is whole, though its journal is still to be replayed', async () => {
    const model = writeImage('live');
    expect((await run('checkpoint 2 a --fenced')).code).toBe(0);
    expect(Buffer.compare(look().root('node2@a'), model.expected)).toBe(0);
    expect((await run('checkpoint 2')).out).toContain('its node had not been shut down');
  });

  test('of a node that boots meanwhile does not count', async () => {
    writeImage('down');
    const boots: ChangeRegistry = async (where, edit, before) => {
      const changed = await change(where, edit, before);
      poke(place('node2', OWNER_OFFSET), encodeOwner({ ...FOREIGN, epoch: 4, counter: 71 }));
      return changed;
    };
    const done = await run('checkpoint 2 a', { changeWith: boots });
    expect([done.code, codesIn(done)]).toEqual([1, 'MM-CHECKPOINT-CHANGED']);
    expect((await run('checkpoint 2')).out).toContain('unfinished');
    expect(findings()).toEqual({ problems: [], warnings: ['MM-CHECKPOINT-UNFINISHED'] });
    expect(codesIn(await run('rollback 2 a --discard --yes'))).toBe('MM-CHECKPOINT-UNFINISHED');
    // Dropped, it can be made again.
    expect((await run('checkpoint 2 a --drop --yes')).code).toBe(0);
    expect((await run('checkpoint 2 a')).code).toBe(0);
  });

  test('dropped leaves neither room taken nor a label behind', async () => {
    writeImage('down');
    await run('checkpoint 2 a');
    const at = look().registry.volumes.at(-1)!.extents[0]!.start;
    expect((await run('checkpoint 2 a --drop --yes')).code).toBe(0);
    const seen = look();
    expect(seen.registry.volumes).toEqual(registry.volumes);
    const start = seen.ranges.container.firstSector * SECTOR_BYTES + at * registry.extentBytes;
    expect(readFileSync(image).subarray(start, start + 3 * BLOCK_BYTES).every((byte) => byte === 0)).toBe(true);
    expect(findings()).toEqual({ problems: [], warnings: [] });
  });

  test('says what it would do, and does nothing; and speaks to programs', async () => {
    writeImage('down');
    const result = async (line: string): Promise<unknown> => JSON.parse((await run(line)).out);
    const dry = async (line: string): Promise<unknown> => {
      const before = readFileSync(image);
      const planned = await result(`${line} --dry-run --json`);
      expect(readFileSync(image).equals(before)).toBe(true);
      return planned;
    };
    const made = { node: 2, name: 'a', exceptions: 5, bytes: 2 * MIB };
    expect(await dry('checkpoint 2 a')).toEqual({ ...made, result: 'planned' });
    expect(await result('checkpoint 2 a --json')).toMatchObject({ ...made, result: 'done' });
    expect(await result('checkpoint 2 --json')).toEqual({ node: 2, checkpoints: [{ name: 'a', madeAtUnixMs: 1_795_000_000_000, bytes: 2 * MIB, origin: 'default@1', state: 'whole' }] });
    expect(await dry('rollback 2 a --discard')).toEqual({ node: 2, name: 'a', kept: null, result: 'planned' });
    expect(await dry('checkpoint 2 a --drop')).toEqual({ node: 2, name: 'a', bytes: 2 * MIB, result: 'planned' });
    expect(await result('checkpoint 2 a --drop --yes --json')).toEqual({ node: 2, name: 'a', bytes: 2 * MIB, result: 'done' });
  });

  test('whose room is given to somebody else meanwhile is not written to', async () => {
    writeImage('down');
    let changes = 0;
    let left = Buffer.alloc(0);
    const drops: ChangeRegistry = async (where, edit, before) => {
      if (++changes === 2) {
        await change(where, (now) => dropCheckpoint(now, { node: 2, name: 'a' }));
        left = readFileSync(image);
      }
      return change(where, edit, before);
    };
    const done = await run('checkpoint 2 a', { changeWith: drops });
    expect([done.code, codesIn(done), changes]).toEqual([1, 'MM-CHANGE-MEANWHILE', 2]);
    expect(readFileSync(image).equals(left)).toBe(true);
  });

  test('of its own root is refused', async () => {
    writeImage('live');
    await refused('checkpoint 2 a', 'MM-CHECKPOINT-OWN', { machine: { node: 2, hardwareId: FOREIGN.hardwareId } });
    await refused('checkpoint 9 a', 'MM-EDIT-NODE');
    await refused('checkpoint 2 A', 'MM-CLAIM-FOREIGN');
  });

  test.each(['checkpoint', 'checkpoint x', 'checkpoint 2 a b', 'checkpoint 2 --drop', 'checkpoint 2 a --keep b', 'rollback 2', 'rollback 2 a', 'rollback 2 a --keep b --discard', 'rollback 2 a --discard --drop', 'checkpoint 2 a --nonsense'])('%s: wrong use', async (line) => {
    writeImage('down');
    const before = readFileSync(image);
    expect(await run(line)).toMatchObject({ code: 2, out: '', error: expect.stringContaining('--help') as string });
    expect(readFileSync(image).equals(before)).toBe(true);
  });
});

describe('node rollback', () => {
  test('brings the root back bit by bit, keeps what it was, and the node boots by itself', async () => {
    const first = writeImage('down');
    await run('checkpoint 2 first');
    const second = changeStore();
    expect(Buffer.compare(first.expected, second.expected)).not.toBe(0);
    expect(await run('rollback 2 first --keep second --yes')).toMatchObject({ code: 0, asked: 0 });
    const seen = look();
    expect(Buffer.compare(seen.root('node2'), first.expected)).toBe(0);
    expect(Buffer.compare(seen.root('node2@second'), second.expected)).toBe(0);
    expect(seen.label('node2')).toEqual({ ...sampleLabel(registry, node2), state: 'down', generation: 8 });
    expect(seen.owner('node2')).toBeUndefined();
    expect(findings()).toEqual({ problems: [], warnings: [] });
    // And forth again.
    expect((await run('rollback 2 second --discard --yes')).code).toBe(0);
    expect(Buffer.compare(look().root('node2'), second.expected)).toBe(0);
  });

  test('asks, and takes only yes for an answer', async () => {
    writeImage('down');
    await run('checkpoint 2 a');
    const before = readFileSync(image);
    expect(await run('rollback 2 a --discard', { answer: 'y' })).toMatchObject({ code: 1, asked: 1 });
    await refused('rollback 2 a --discard', 'MM-NODE-CONFIRM');
    expect(await run('checkpoint 2 a --drop', { answer: 'no' })).toMatchObject({ code: 1, asked: 1 });
    expect(readFileSync(image).equals(before)).toBe(true);
    expect(await run('rollback 2 a --discard', { answer: 'yes' })).toMatchObject({ code: 0, asked: 1 });
  });

  test('writes nothing when the node boots while the question stands', async () => {
    writeImage('down');
    await run('checkpoint 2 a');
    let booted = Buffer.alloc(0);
    const whileAsked = (): void => {
      poke(place('node2', OWNER_OFFSET), encodeOwner({ ...FOREIGN, epoch: 4, counter: 71 }));
      booted = readFileSync(image);
    };
    const done = await run('rollback 2 a --discard', { answer: 'yes', whileAsked });
    expect([done.code, codesIn(done)]).toEqual([1, 'MM-CHECKPOINT-CHANGED']);
    expect(readFileSync(image).equals(booted)).toBe(true);
  });

  test('is refused for its own root, a node that may run, and a name that is not there', async () => {
    writeImage('down');
    await run('checkpoint 2 a');
    await refused('rollback 2 a --discard --yes', 'MM-CHECKPOINT-OWN', { machine: { node: 2 } });
    await refused('rollback 2 b --discard --yes', 'MM-EDIT-CHECKPOINT');
    await refused('rollback 1 a --discard --yes', 'MM-EDIT-CHECKPOINT');
    poke(place('node2', 0), new Uint8Array(3 * BLOCK_BYTES));
    for (const step of labelSteps({ ...sampleLabel(registry, node2), state: 'live', generation: 7 }, undefined)) if (step.kind === 'write') poke(place('node2', step.offset), step.bytes);
    await refused('rollback 2 a --discard --yes', 'MM-CLAIM-FOREIGN');
    expect((await run('rollback 2 a --discard --yes --fenced')).code).toBe(0);
  });
});
