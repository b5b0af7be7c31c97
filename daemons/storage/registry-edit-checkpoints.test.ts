import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { MIB } from './block.ts';
import { decodeRegistry, encodeRegistry, type Registry, storeOf } from './registry.ts';
import { addCheckpoint, type AddCheckpointRequest, CHECKPOINTS_MAX, checkpointOf, checkpointsOf, dropCheckpoint } from './registry-edit-checkpoints.ts';
import { removeNode } from './registry-edit-nodes.ts';
import { frozen, NOW, refusalOf, roomyRegistry } from './registry-edit.test-kit.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

const REGISTRY = roomyRegistry();
const REQUEST: AddCheckpointRequest = { node: 2, name: 'before-upgrade', sizeBytes: 2 * MIB + 1, uuid: sampleUuid(700), atUnixMs: NOW };
const edited = frozen(valueOf(addCheckpoint(REGISTRY, REQUEST)));
const store = storeOf(REGISTRY, 2)!;

/** A registry with so many checkpoints of node 2 more. */
const many = (count: number, from: Registry = REGISTRY): Registry => Array.from({ length: count }, (_, i) => i).reduce((registry, i) => valueOf(addCheckpoint(registry, { ...REQUEST, name: `c${i}`, uuid: sampleUuid(800 + i), atUnixMs: NOW - i })), from);

describe('addCheckpoint', () => {
  test('reserves whole extents for a store that nobody boots from', () => {
    const { extents, ...volume } = edited.volumes.at(-1)!;
    expect(volume).toEqual({ name: 'node2@before-upgrade', kind: 'store', uuid: REQUEST.uuid, sizeBytes: 3 * MIB, node: 2, origin: store.origin, chunkSectors: store.chunkSectors, retired: 'checkpoint', madeAtUnixMs: NOW });
    expect(extents.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(storeOf(edited, 2)).toEqual(store);
    expect({ ...edited, volumes: edited.volumes.slice(0, -1) }).toEqual(REGISTRY);
  });
  test('one more of the same node, and of the other', () => {
    const more = valueOf(addCheckpoint(valueOf(addCheckpoint(edited, { ...REQUEST, name: 'a', uuid: sampleUuid(701), atUnixMs: NOW - 1 })), { ...REQUEST, node: 1, uuid: sampleUuid(702) }));
    // In the order in which they were made.
    expect(checkpointsOf(more, 2).map(({ name }) => name)).toEqual(['node2@a', 'node2@before-upgrade']);
    expect(checkpointsOf(more, 1).map(({ name }) => name)).toEqual(['node1@before-upgrade']);
  });
  test.each<[string, Partial<AddCheckpointRequest>, string]>([
    ['a node that is not there', { node: 3 }, 'MM-EDIT-NODE at node'],
    ['a name in capitals', { name: 'Before' }, 'MM-EDIT-CHECKPOINT at name'],
    ['no name', { name: '' }, 'MM-EDIT-CHECKPOINT at name'],
    ['a path', { name: '../x' }, 'MM-EDIT-CHECKPOINT at name'],
    ['a name of 32 characters', { name: 'a'.repeat(32) }, 'fine'],
    ['a name of 33', { name: 'a'.repeat(33) }, 'MM-EDIT-CHECKPOINT at name'],
    ['no room for data', { sizeBytes: MIB }, 'MM-EDIT-SIZE at sizeBytes'],
    ['no number', { sizeBytes: Number.NaN }, 'MM-EDIT-SIZE at sizeBytes'],
    ['a UUID that is taken', { uuid: store.uuid }, 'MM-EDIT-UUID at UUID of the store volume'],
    ['more than there is', { sizeBytes: 2 ** 40 }, 'MM-EDIT-ROOM at container'],
    ['a time before 1970', { atUnixMs: -1 }, 'MM-EDIT-RESULT at volumes[8].madeAtUnixMs'],
  ])('%s', (_, more, wanted) => expect(refusalOf(addCheckpoint(REGISTRY, { ...REQUEST, ...more }))).toBe(wanted));
  test('refused: a name that is taken, and one more than the limit', () => {
    expect(refusalOf(addCheckpoint(edited, { ...REQUEST, uuid: sampleUuid(701) }))).toBe('MM-EDIT-CHECKPOINT at name');
    const full = many(CHECKPOINTS_MAX, roomyRegistry(200));
    expect(refusalOf(addCheckpoint(full, REQUEST))).toBe('MM-EDIT-CHECKPOINT at node');
    expect(refusalOf(addCheckpoint(full, { ...REQUEST, node: 1 }))).toBe('fine');
  });
});

describe('dropCheckpoint', () => {
  test('the registry is what it was', () => {
    expect(valueOf(dropCheckpoint(edited, { node: 2, name: 'before-upgrade' }))).toEqual(REGISTRY);
  });
  test.each([[1, 'before-upgrade'], [2, 'before'], [2, ''], [9, 'before-upgrade']])('refused: checkpoint of node %i named "%s"', (node, name) => {
    expect(refusalOf(dropCheckpoint(edited, { node, name }))).toBe('MM-EDIT-CHECKPOINT at name');
  });
  test('says which there are', () => {
    const result = checkpointOf(many(2), 2, 'c3');
    expect(!result.ok && result.problems[0]!.rule).toBe('a checkpoint of node 2: c1, c0');
  });
});

describe('a node that goes', () => {
  test.each(['released', 'quarantined'] as const)('takes its checkpoints with it: volumes %s', (volumes) => {
    // Nobody maps a checkpoint, so nobody needs to be fenced for it.
    const ownersGone = REGISTRY.volumes.filter(({ node }) => node === 2).map(({ uuid }) => uuid);
    const without = valueOf(removeNode(edited, volumes === 'released' ? { node: 2, volumes, ownersGone } : { node: 2, volumes }));
    expect(without.volumes.some(({ retired }) => retired === 'checkpoint')).toBe(false);
  });
});

describe('a registry with a checkpoint', () => {
  const refusal = (change: object): string => {
    const result = decodeRegistry(encodeRegistry({ ...edited, volumes: [...edited.volumes.slice(0, -1), { ...edited.volumes.at(-1)!, ...change }] }));
    return result.ok ? 'fine' : result.problems.map(({ where }) => where).join(', ');
  };
  test.each<[string, object, string]>([
    ['as it was made', {}, 'fine'],
    ['over an origin that is gone', { origin: 'default@9' }, 'volumes[8].origin'],
    ['that is not named for its node', { name: 'node1@before-upgrade' }, 'volumes[8].name'],
    ['of no node', { node: 7, name: 'node7@x' }, 'volumes[8].node'],
    ['without a time', { madeAtUnixMs: undefined }, 'volumes[8].madeAtUnixMs'],
    ['that is another kind of volume', { kind: 'state', origin: undefined, chunkSectors: undefined }, 'volumes[8].madeAtUnixMs, volumes[8].retired'],
    ['a store kept for a rollback, with a time', { retired: 'rollback' }, 'volumes[8].madeAtUnixMs'],
  ])('%s', (_, change, wanted) => expect(refusal(change)).toBe(wanted));
});
