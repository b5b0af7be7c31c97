// `metamaster node replace --quarantine` on an image file, under the real sanlock's lease. What needs device-mapper is noted, not run.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Status } from '../../daemons/agent/status.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { NO_SANLOCK } from '../../daemons/host/sanlock.test-kit.ts';
import { BLOCK_BYTES, MIB } from '../../daemons/storage/block.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { buildStore } from '../../daemons/storage/exception-store.test-kit.ts';
import { readFrom } from '../../daemons/storage/read-at.ts';
import { roomyRegistry } from '../../daemons/storage/registry-edit.test-kit.ts';
import { stateVolumeOf, storeOf, swapVolumeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { viewStore } from '../../daemons/storage/snapshot-view.ts';
import { buildModel } from '../../daemons/storage/store-model.test-kit.ts';
import { readVolumeFront } from '../../daemons/storage/volume-front.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, type VolumeLabel } from '../../daemons/storage/volume-label.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import { ClusterImage, codeOf, type CommandRun, type RunOptions } from '../cluster-image.test-kit.ts';
import { nodeCommand } from './node-command.ts';

const { programs } = vi.hoisted(() => ({ programs: [] as string[] }));
vi.mock('../../daemons/host/run.ts', async (original) => {
  const real = await original<typeof import('../../daemons/host/run.ts')>();
  const run: typeof real.run = (argv, options) => {
    if (!['dmsetup', 'mkfs.ext4', 'mkswap'].includes(argv[0]!)) return real.run(argv, options);
    programs.push(argv[0]!);
    return Promise.resolve({ code: 0, output: '', errorOutput: '' });
  };
  return { ...real, run };
});

const LONG = 90_000;
const [OLD, NEW] = ['board-1/52:54:00:00:00:01', '52:54:00:00:00:0a' as Mac];
const MODEL = buildModel({ chunkSectors: 16, originBytes: 4 * MIB, changed: [9, 4, 5, 6, 300], gapBefore: 2, seed: 3 });
const CHUNK = 8192;
const [ORIGIN, STORE] = [MODEL.origin.read(0, 4 * MIB), MODEL.store.read(0, 16 * CHUNK)];
const STATE = Uint8Array.from({ length: MIB }, (_, i) => (i >> 12) + 1);
/** What the former machine writes late, to the first chunk that it had copied: number 9 of the origin. */
const LATE = new Uint8Array(512).fill(0x55);
const writeLate = (): void => image.poke('node1', DATA_OFFSET_BYTES + 2 * CHUNK, LATE);
const HELD = ['node1', 'state1', 'swap1'];
const COMMAND = `replace 1 --quarantine --mac ${NEW} --yes`;
/** What the command says when the store's copy is made, and when the last of all is held against its source. */
const [BEGUN, COMPARED] = ['node1 to node1.store: 1 MiB', 'state1: read again: 1 MiB'];

let image: ClusterImage;
/** Node 1 has run, and nobody knows of its machine. */
function died(extentCount = 40): void {
  image = new ClusterImage(roomyRegistry(extentCount));
  image.own(1, 'live', { hardwareId: OLD });
  image.poke('default@1', 0, ORIGIN);
  image.poke('node1', DATA_OFFSET_BYTES, STORE);
  image.poke('state1', DATA_OFFSET_BYTES, STATE);
}
beforeEach(() => {
  died();
  programs.length = 0;
});
afterEach(() => image.remove());

/** `saying`: what happens when the command says a line. */
function node(line: string, { saying = () => undefined, ...options }: RunOptions & { readonly saying?: (text: string) => void } = {}): Promise<CommandRun> {
  const status = { alive: [2], live: [2], unknown: [{ mac: NEW, count: 3, detail: 'bios-rom', agoMs: 1000 }] } as unknown as Status;
  return image.run((host) => nodeCommand([...line.split(' '), '--device', image.path], {
    ...host, status: async () => status,
    error(text) {
      host.error(text);
      saying(text.trim());
    },
  }), options);
}
const reader = (volume: VolumeRecord) => volumeReader(image.read, volume, MIB, image.found().ranges.container.firstSector);
const bytesOf = (volume: VolumeRecord): Uint8Array => reader(volume)(0, volume.extents.reduce((sum, { count }) => sum + count, 0) * MIB);
const front = (volume: VolumeRecord) => readVolumeFront(image.read, volume, MIB, image.found().ranges.container);
const labelOf = (volume: VolumeRecord): VolumeLabel => valueOf(chooseLabel(...front(volume).labels)).label;
const rootOf = (volume: VolumeRecord): Uint8Array => {
  const origin = reader(image.found().registry.volumes.find(({ name }) => name === 'default@1')!);
  return valueOf(viewStore(origin, 4 * MIB, { read: readFrom(reader(volume), DATA_OFFSET_BYTES), bytes: volume.sizeBytes - DATA_OFFSET_BYTES })).read(0, 4 * MIB);
};
const renew = (name: string, counter: number): void => {
  const volume = image.found().registry.volumes.find((one) => one.name === name)!;
  image.poke(name, OWNER_OFFSET, encodeOwner({ hardwareId: OLD, bootNonce: '01'.repeat(16), epoch: 3, counter, node: 1, volumeUuid: volume.uuid, renewedAtUnixMs: 1 }));
};
const named = (names: readonly string[]): readonly VolumeRecord[] => names.map((name) => image.found().registry.volumes.find((volume) => volume.name === name)!);

describe('refused, and nothing is written', () => {
  const marked = (header: readonly number[]): void => image.poke('node1', DATA_OFFSET_BYTES, Uint8Array.from({ length: 512 }, (_, i) => header[i] ?? 0));
  const [MAGIC, SIXTEEN] = [[0x53, 0x6e, 0x41, 0x70], [1, 0, 0, 0, 16, 0, 0, 0]];
  test.each<[string, () => void, string]>([
    ['a store that the kernel gave up', () => marked([...MAGIC, 0, 0, 0, 0, ...SIXTEEN]), 'MM-QUARANTINE-STORE'],
    ['a store in other chunks than the registry\'s', () => image.poke('node1', DATA_OFFSET_BYTES, buildStore({ chunkSectors: 32, exceptions: [[0, 2]] }).read(0, 3 * 2 * CHUNK)), 'MM-QUARANTINE-STORE'],
    ['a store that is in use and has no header', () => marked([]), 'MM-QUARANTINE-STORE'],
    ['what is no store', () => marked([1]), 'MM-SNAPSHOT-HEADER'],
    ['damaged tables', () => image.poke('node1', DATA_OFFSET_BYTES + CHUNK, Uint8Array.from({ length: 512 }, (_, i) => (i % 8 < 2 ? 1 : 0))), 'MM-STORE-EXCEPTION'],
    ['another volume\'s label', () => image.poke('state1', 0, new Uint8Array(3 * BLOCK_BYTES)), 'MM-BLOCK-MAGIC'],
  ])('%s', async (_, break_, wanted) => {
    break_();
    const run = await image.untouched(() => node(COMMAND));
    expect([run.code, run.waitedMs, codeOf(run)], run.error).toEqual([1, 0, wanted]);
  });

  test('no room for all of them', async () => {
    image.remove();
    died(34);
    const run = await image.untouched(() => node(`${COMMAND} --dry-run`));
    expect([run.code, codeOf(run)], run.error).toEqual([1, 'MM-EDIT-ROOM']);
    expect(run.error).toContain('1 are missing');
  });

  test.each(HELD)('an owner that renews its record of %s', async (name) => {
    const before = image.bytes();
    const run = await node(COMMAND, { meanwhile: (now) => renew(name, 70 + Math.floor(now / 5000)) });
    renew(name, 70);
    expect([run.code, codeOf(run), image.bytes().equals(before)], run.error).toEqual([1, 'MM-QUARANTINE-MOVES', true]);
  });

  test('an owner that comes back between the first look and the watch', async () => {
    const run = await node(COMMAND, { saying: (text) => { if (text.startsWith('Watching')) renew('swap1', 71); } });
    expect([run.code, run.waitedMs, codeOf(run)], run.error).toEqual([1, 30_000, 'MM-QUARANTINE-MOVES']);
  });

  test('a dry run says what would be copied, and watches nobody', async () => {
    const run = await image.untouched(() => node('replace 1 --quarantine --dry-run --json'));
    const [store, state, swap] = named(HELD).map(({ name, uuid }) => ({ name, uuid }));
    expect([run.code, run.waitedMs, JSON.parse(run.out)], run.error).toEqual([0, 0, {
      node: 1, name: 'node1', macs: [NEW], candidates: [NEW], formerMacs: ['52:54:00:00:00:01'], formerHardwareId: OLD, toFence: [], result: 'planned',
      quarantined: [{ ...store, copy: 'used', bytes: 7 * CHUNK }, { ...state, copy: 'whole', bytes: MIB }, { ...swap, copy: 'anew', bytes: 0 }],
    }]);
    expect((await node('replace 1 --quarantine --dry-run')).out).toMatch(/^To be watched: node1, state1, swap1\. Nobody is fenced: .*node1 \(1 MiB copied\), state1 \(1 MiB copied\), swap1 \(made anew\)/);
  });
});

describe.skipIf(NO_SANLOCK !== undefined)(`what is written${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  beforeEach(() => image.withLeases());

  /** The node has other volumes that hold what the former ones held, which nobody touched. */
  function expectMoved(former: readonly (readonly [VolumeRecord, Uint8Array])[], root = MODEL.expected): void {
    const { registry } = image.found();
    for (const [volume, bytes] of former) {
      expect(registry.volumes.find(({ uuid }) => uuid === volume.uuid)).toEqual({ ...volume, retired: 'quarantined' });
      expect(Buffer.compare(bytesOf(volume), bytes), volume.name).toBe(0);
    }
    const [store, state, swap] = [storeOf(registry, 1)!, stateVolumeOf(registry, 1)!, swapVolumeOf(registry, 1)!];
    expect([store, state, swap].map(({ name }) => name)).toEqual(['node1.store', 'node1.state', 'node1.swap']);
    expect(Buffer.compare(rootOf(store), root)).toBe(0);
    expect(Buffer.compare(bytesOf(state).subarray(DATA_OFFSET_BYTES), former[1]![1].subarray(DATA_OFFSET_BYTES))).toBe(0);
    const states = [store, state, swap].map((volume) => [labelOf(volume).state, labelOf(volume).volumeUuid === volume.uuid, labelOf(volume).node, valueOf(decodeOwner(front(volume).owner))]);
    expect(states).toEqual([['down', true, 1, undefined], ['down', true, 1, undefined], ['new', true, 1, undefined]]);
    expect(registry.roster.nodes[0]).toMatchObject({ number: 1, name: 'node1', macs: [NEW] });
    expect(registry.roster.barred).toMatchObject([{ node: 1, macs: ['52:54:00:00:00:01'], hardwareId: OLD }]);
  }
  const formers = (): readonly (readonly [VolumeRecord, Uint8Array])[] => named(HELD).map((volume) => [volume, bytesOf(volume)]);

  test('a machine that is silent and nobody\'s to fence: copies, labels and roster; what it writes later reaches nobody', async () => {
    const former = formers();
    const run = await node('replace 1 --quarantine', { answers: ['yes'] });
    expect([run.code, run.waitedMs, run.asked.length], run.error).toEqual([0, 30_000, 1]);
    expect(run.asked[0]).toContain('What the former machine has not written by now is lost, and the root is as after a power cut.');
    expect(programs.filter((program) => program !== 'dmsetup')).toEqual(['mkswap']);
    expectMoved(former);
    expect(run.out).toContain(`metamaster node release ${former.map(([{ uuid }]) => uuid).join(' ')} --fenced`);
    const after = named(['node1.store', 'node1.state', 'node1.swap']).map(bytesOf);
    // Its link heals, and its kernel writes what it had kept.
    for (const [{ name, extents }] of former) for (let at = 0; at < extents[0]!.count * MIB; at += MIB) image.poke(name, at, new Uint8Array(MIB).fill(0x77));
    named(['node1.store', 'node1.state', 'node1.swap']).forEach((volume, i) => expect(Buffer.compare(bytesOf(volume), after[i]!)).toBe(0));
    const again = await image.untouched(() => node(`${COMMAND} --json`));
    expect([again.code, JSON.parse(again.out)], again.error).toMatchObject([0, { result: 'already' }]);
  }, LONG);

  test('what was given back is handed over, what was never filled is made anew, and only the rest is copied', async () => {
    const { registry } = image.found();
    image.own(1, 'down', { hardwareId: OLD });
    const [swap, state] = named(['swap1', 'state1']) as [VolumeRecord, VolumeRecord];
    const other = new ClusterImage(registry);
    other.own(1, 'new', { hardwareId: OLD });
    for (const offset of LABEL_OFFSETS) image.poke('state1', offset, other.readAt('state1', offset, BLOCK_BYTES));
    other.remove();
    const run = await node(`${COMMAND} --json`);
    expect([run.code, JSON.parse(run.out)], run.error).toMatchObject([0, { fence: 'quarantine', quarantined: [{ name: 'state1', copy: 'anew' }], result: 'done' }]);
    expect(image.found().registry.volumes.filter(({ retired }) => retired !== undefined)).toEqual([{ ...state, retired: 'quarantined' }]);
    expect([swapVolumeOf(image.found().registry, 1), programs.filter((program) => program.startsWith('mk'))]).toEqual([swap, ['mkfs.ext4']]);
  }, LONG);

  test.each([[BEGUN, true], [COMPARED, false]])('a write before all is read, or behind the second reading ("%s"), is before or behind the moment that the copy is of', async (when, isIn) => {
    const run = await node(COMMAND, { saying: (text) => { if (text === when) writeLate(); } });
    expect(run.code, run.error).toBe(0);
    const root = MODEL.expected.slice();
    if (isIn) root.set(LATE, 9 * CHUNK);
    expect(Buffer.compare(rootOf(storeOf(image.found().registry, 1)!), root)).toBe(0);
  }, LONG);

  test.each<[string, string, () => void, string]>([
    ['to the root', 'node1: read again', writeLate, 'MM-QUARANTINE-CHANGED'],
    ['to the state volume', COMPARED, () => image.poke('state1', DATA_OFFSET_BYTES + 4096, LATE), 'MM-QUARANTINE-CHANGED'],
    ['to the copy', COMPARED, () => image.write(image.found().ranges.container.firstSector * 512 + 31 * MIB + DATA_OFFSET_BYTES, LATE), 'MM-QUARANTINE-CHANGED'],
    ['to an owner record', COMPARED, () => renew('swap1', 71), 'MM-NODE-CHANGED'],
  ])('a write %s while it is copied is found out, and the registry stays', async (_, when, write, wanted) => {
    const run = await node(COMMAND, { saying: (text) => { if (text === when) write(); } });
    expect([run.code, codeOf(run), image.found().header.generation], run.error).toEqual([1, wanted, 1]);
    // Nor is there a label by which anybody could take the copies.
    const labels = Array.from({ length: 40 }, (_unused, start) => chooseLabel(...front({ ...named(['node1'])[0]!, extents: [{ start, count: 2 }] }).labels)).filter((label) => label.ok);
    expect(labels.map((label) => (label.ok ? label.value.label.state : '')).toSorted()).toEqual(['live', 'live', 'live', 'new', 'new', 'new', 'new', 'new']);
  }, LONG);

  test.each([BEGUN, 'state1 to node1.state: 1 MiB', COMPARED])('cut off at "%s": the registry is as it was, and the same command goes through', async (when) => {
    const former = formers();
    const cut = await node(COMMAND, { saying: (text) => { if (text === when) throw new Error('cut off'); } });
    expect([cut.code, image.found().header.generation], cut.error).toEqual([3, 1]);
    const run = await node(COMMAND);
    expect(run.code, run.error).toBe(0);
    expectMoved(former);
  }, LONG);

  test('cut off between the labels of the copies and the registry: the same', async () => {
    const former = formers();
    const { firstSector, sectors } = image.found().ranges.registry;
    const registry = image.read(firstSector * 512, sectors * 512);
    expect((await node(COMMAND)).code).toBe(0);
    image.write(firstSector * 512, registry);
    expect(image.found().header.generation).toBe(1);
    const run = await node(COMMAND);
    expect(run.code, run.error).toBe(0);
    expectMoved(former);
  }, LONG);

  test('room in which somebody\'s owner record stands is passed over', async () => {
    const former = formers();
    const { firstSector } = image.found().ranges.container;
    const { labels, owner } = front(named(['node1'])[0]!);
    [labels[0], owner, labels[1]].forEach((block, i) => image.write(firstSector * 512 + 27 * MIB + i * BLOCK_BYTES, block));
    const run = await node(COMMAND);
    expect(run.code, run.error).toBe(0);
    expectMoved(former);
    const taken = named(['node1.store', 'node1.state', 'node1.swap']).flatMap(({ extents }) => extents);
    expect(taken.every(({ start, count }) => start > 27 || start + count <= 27)).toBe(true);
  }, LONG);
});
