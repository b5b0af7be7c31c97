import { describe, expect, test } from 'vitest';
import { type Result, valueOf } from '../core/problem.ts';
import { BLOCK_BYTES, MIB } from './block.ts';
import { type Asker, type FoundStore, planCheckpoint, planRollback, wholeCheckpoint } from './checkpoint.ts';
import { buildStore, firstChunks } from './exception-store.test-kit.ts';
import { encodeOwner, type OwnerRecord } from './owner-record.ts';
import { storeOf } from './registry.ts';
import { addCheckpoint, checkpointOf } from './registry-edit-checkpoints.ts';
import { NOW, refusalOf, roomyRegistry } from './registry-edit.test-kit.ts';
import { sampleLabel, sampleUuid } from './sample-san.test-kit.ts';
import { examineStore } from './snapshot-exceptions.ts';
import { storeBytesFor } from './snapshot-store.ts';
import { encodeLabel, type VolumeLabel } from './volume-label.ts';

const REGISTRY = valueOf(addCheckpoint(roomyRegistry(), { node: 2, name: 'old', sizeBytes: 2 * MIB, uuid: sampleUuid(700), atUnixMs: NOW }));
const STORE = storeOf(REGISTRY, 2)!;
const CHECKPOINT = valueOf(checkpointOf(REGISTRY, 2, 'old'));
const CHUNK = STORE.chunkSectors!;
const FOREIGN: OwnerRecord = { hardwareId: 'board-2/52:54:00:00:00:02', bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: 2, volumeUuid: STORE.uuid, renewedAtUnixMs: 1 };
const US: Asker = { claimant: { hardwareId: 'our-board/x', bootNonce: '02'.repeat(16) } };
const FENCED: Asker = { ...US, fence: { counterStillMs: 30_000, proven: true } };
const MARK = { name: CHECKPOINT.name, madeAtUnixMs: NOW, storeUuid: STORE.uuid, storeGeneration: 6, clean: true };

const labelled = (label: VolumeLabel, owner?: OwnerRecord): FoundStore['front'] => (
  { labels: [encodeLabel(label), encodeLabel(label)], owner: owner === undefined ? new Uint8Array(BLOCK_BYTES) : encodeOwner(owner), header: new Uint8Array(BLOCK_BYTES) });
const stateOf = ({ count = 5, valid = true, chunkSectors = CHUNK, wrong = false } = {}): FoundStore['state'] => (
  examineStore(buildStore({ chunkSectors, exceptions: wrong ? [[1, 9], [1, 10]] : firstChunks(chunkSectors, count), valid }).read, 2 * MIB, 4 * MIB));
const store = (change: Partial<VolumeLabel> = {}, more: Partial<FoundStore> = {}, owner: OwnerRecord | undefined = FOREIGN): FoundStore => (
  { volume: STORE, front: labelled({ ...sampleLabel(REGISTRY, STORE), state: 'down', generation: 6, ...change }, owner), state: stateOf(), ...more });
const checkpoint = (change: Partial<VolumeLabel> = {}, more: Partial<FoundStore> = {}): FoundStore => (
  { volume: CHECKPOINT, front: labelled({ ...sampleLabel(REGISTRY, CHECKPOINT), state: 'down', generation: 2, checkpoint: MARK, ...change }), state: stateOf(), ...more });

const code = (result: Result<unknown>): string => refusalOf(result).replace(/ at .*/, '');

describe('a checkpoint', () => {
  test('of a store that was given back: as large as its exceptions, with a label that tells all of it', () => {
    const plan = valueOf(planCheckpoint(REGISTRY, store(), US));
    expect(plan).toMatchObject({ exceptions: 5, chunkSectors: CHUNK, sizeBytes: storeBytesFor(5, 8192) });
    expect(plan.labelFor(CHECKPOINT)).toEqual({ ...sampleLabel(REGISTRY, CHECKPOINT), state: 'down', generation: 1, checkpoint: MARK });
  });
  test('of a store that nobody gave back says so, and who fences is believed', () => {
    expect(valueOf(planCheckpoint(REGISTRY, store({ state: 'live' }), FENCED)).labelFor(CHECKPOINT)).toMatchObject({ state: 'down', checkpoint: { clean: false } });
  });
  test.each<[string, FoundStore, Asker, string]>([
    ['its own root', store(), { claimant: { ...US.claimant, node: 2 } }, 'MM-CHECKPOINT-OWN'],
    ['asked for on another node', store(), { claimant: { ...US.claimant, node: 1 } }, 'fine'],
    ['a node that may run', store({ state: 'live' }), US, 'MM-CLAIM-FOREIGN'],
    ['a node that was fenced a moment ago', store({ state: 'live' }), { ...US, fence: { counterStillMs: 29_999, proven: true } }, 'MM-CLAIM-FOREIGN'],
    ['another cluster\'s store', store({ clusterUuid: sampleUuid(77) }), US, 'MM-CLAIM-CLUSTER'],
    ['another origin than the registry says', store({ originUuid: sampleUuid(77) }), US, 'MM-CLAIM-ORIGIN'],
    ['a store that is to be initialised', store({ state: 'new' }, {}, { ...FOREIGN, hardwareId: 'our-board/x' }), US, 'MM-CHECKPOINT-STORE'],
    ['a header of zeros', store({}, { state: { kind: 'empty' } }), US, 'MM-CHECKPOINT-STORE'],
    ['one that the kernel gave up', store({}, { state: stateOf({ valid: false }) }), US, 'MM-CHECKPOINT-STORE'],
    ['damaged tables', store({}, { state: stateOf({ wrong: true }) }), US, 'MM-STORE-EXCEPTION'],
    ['another chunk than the registry says', store({}, { state: stateOf({ chunkSectors: 32 }) }), US, 'MM-CHECKPOINT-STORE'],
    ['no label', { ...store(), front: { ...store().front, labels: [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)] } }, US, 'MM-BLOCK-MAGIC'],
  ])('of %s', (_, found, asker, wanted) => expect(code(planCheckpoint(REGISTRY, found, asker))).toBe(wanted));
});

describe('whether a checkpoint is whole', () => {
  test.each<[string, FoundStore, string]>([
    ['its label says so', checkpoint(), 'fine'],
    ['new', checkpoint({ state: 'new' }), 'MM-CHECKPOINT-UNFINISHED'],
    ['the label of who was there before', checkpoint({ volumeUuid: sampleUuid(5) }), 'MM-CHECKPOINT-UNFINISHED'],
    ['no label', { ...checkpoint(), front: { ...checkpoint().front, labels: [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)] } }, 'MM-CHECKPOINT-UNFINISHED'],
  ])('%s', (_, { volume, front }, wanted) => expect(code(wholeCheckpoint(volume, front))).toBe(wanted));
});

describe('a rollback', () => {
  test('makes the store one of the same UUID, given back and without a mark', () => {
    const plan = valueOf(planRollback(REGISTRY, store(), checkpoint(), US));
    expect(plan.label).toEqual({ ...sampleLabel(REGISTRY, STORE), state: 'down', generation: 6 });
    expect(plan.owner).toMatchObject({ hardwareId: 'our-board/x', epoch: 4, counter: 71, volumeUuid: STORE.uuid });
  });
  test('goes on after one that was cut off, which left the store new and ours', () => {
    expect(code(planRollback(REGISTRY, store({ state: 'new' }, {}, { ...FOREIGN, hardwareId: 'our-board/x' }), checkpoint(), US))).toBe('fine');
    expect(code(planRollback(REGISTRY, store({ state: 'new' }), checkpoint(), US))).toBe('MM-CLAIM-FOREIGN');
  });
  test.each<[string, FoundStore, FoundStore, Asker, string]>([
    ['of its own root', store(), checkpoint(), { claimant: { ...US.claimant, node: 2 } }, 'MM-CHECKPOINT-OWN'],
    ['of a node that may run', store({ state: 'live' }), checkpoint(), US, 'MM-CLAIM-FOREIGN'],
    ['of a node that is fenced', store({ state: 'live' }), checkpoint(), FENCED, 'fine'],
    ['of a store that the kernel gave up', store({}, { state: stateOf({ valid: false }) }), checkpoint(), US, 'fine'],
    ['to half a checkpoint', store(), checkpoint({ state: 'new' }), US, 'MM-CHECKPOINT-UNFINISHED'],
    ['to a damaged one', store(), checkpoint({}, { state: stateOf({ wrong: true }) }), US, 'MM-STORE-EXCEPTION'],
    ['to one over another origin', store(), checkpoint({}, { volume: { ...CHECKPOINT, origin: 'default@2' } }), US, 'MM-ROLLBACK-FIT'],
    ['of a store that has another chunk now', store({}, { volume: { ...STORE, chunkSectors: 32 } }), checkpoint(), US, 'MM-ROLLBACK-FIT'],
    ['of a store that is too small', store({}, { volume: { ...STORE, extents: [{ start: 0, count: 1 }] } }), checkpoint(), US, 'MM-ROLLBACK-FIT'],
  ])('%s', (_, to, from, asker, wanted) => expect(code(planRollback(REGISTRY, to, from, asker))).toBe(wanted));
});
