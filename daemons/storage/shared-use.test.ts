import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES, MIB } from './block.ts';
import { readContainer } from './container-on-disk.ts';
import { encodeOwner, OWNER_OFFSET } from './owner-record.ts';
import { OWNER_STILL_MS } from './ownership.ts';
import { addCheckpoint } from './registry-edit-checkpoints.ts';
import type { Registry } from './registry.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleRegistry, sampleSan, sampleUuid } from './sample-san.test-kit.ts';
import { sharedUseProblems, type SharedUseRequest, sharedVolumesToWatch } from './shared-use.ts';
import { sharedVolume, type SharedContent } from './shared-volume.ts';
import { readVolumeFront } from './volume-front.ts';
import { labelSteps, type LabelState } from './volume-label.ts';

const OURS = 'board-1/52:54:00:00:00:01';
const registry = sampleRegistry();
const container = valueOf(readContainer(sampleSan(registry).disk.read, SAMPLE_DISK_BYTES, 'debian')).ranges.container;
const volume = valueOf(sharedVolume(registry));
const OCFS2: SharedContent = { kind: 'ocfs2', facts: { label: 'sharedfs', uuid: sampleUuid(5), totalBytes: 2 * MIB, usedBytes: MIB, heartbeat: { offset: 4096, bytes: 4096 } } };
const UNKNOWN: SharedContent = { kind: 'unknown', what: 'ext4' };

/** A SAN whose nodes left their volumes in these states, by machines named after them. */
function request(states: Readonly<Record<number, LabelState>>, more: Partial<SharedUseRequest> = {}, of: Registry = registry): SharedUseRequest {
  const { disk, at } = sampleSan(of);
  for (const one of of.volumes) {
    if (one.node === undefined) continue;
    const state = states[one.node]!;
    disk.apply(labelSteps({ ...sampleLabel(of, one), state, generation: 2 }, 0), at(one.name, 0));
    const owner = { hardwareId: `board-${one.node}/52:54:00:00:00:0${one.node}`, bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: one.node, volumeUuid: one.uuid, renewedAtUnixMs: 1 };
    disk.write(at(one.name, OWNER_OFFSET), state === 'new' ? new Uint8Array(BLOCK_BYTES) : encodeOwner(owner));
  }
  return {
    registry: of, container, volume, content: OCFS2, force: false, frontOf: (one) => readVolumeFront(disk.read, one, of.extentBytes, container), stillMs: new Map([[volume.name, OWNER_STILL_MS]]), fenced: new Set(),
    claimant: { hardwareId: OURS, node: 1 }, ...more,
  };
}
const said = (wanted: SharedUseRequest): string => sharedUseProblems(wanted).map(({ code, where }) => `${code} ${where}`).join(', ');
const still = (names: readonly string[], ms = OWNER_STILL_MS) => new Map([...names, volume.name].map((name) => [name, ms]));
const NODE2 = ['node2', 'state2'];

describe('what is nobody\'s is written over, whoever runs', () => {
  test.each([{ kind: 'blank' }, { kind: 'unfinished' }] as const)('$kind', (content) => {
    const wanted = request({ 1: 'live', 2: 'live' }, { content, stillMs: new Map() });
    expect([said(wanted), sharedVolumesToWatch(wanted)]).toEqual(['', []]);
  });
});

describe('an OCFS2 is written over only when nobody can have it mounted', () => {
  test.each<[string, Readonly<Record<number, LabelState>>, Partial<SharedUseRequest>, string]>([
    ['every other node was shut down in order', { 1: 'live', 2: 'down' }, {}, ''],
    ['every other node was never booted', { 1: 'live', 2: 'new' }, {}, ''],
    ['another node runs', { 1: 'live', 2: 'live' }, {}, 'MM-SHARED-NODE node 2'],
    ['another node is fenced by word, and its records were not watched', { 1: 'live', 2: 'live' }, { fenced: new Set([2]) }, 'MM-SHARED-NODE node 2'],
    ['another node is fenced, and its records moved', { 1: 'live', 2: 'live' }, { fenced: new Set([2]), stillMs: still(NODE2, OWNER_STILL_MS - 1) }, 'MM-SHARED-NODE node 2, MM-SHARED-MOUNTED shared'],
    ['another node is fenced, and its records stood still', { 1: 'live', 2: 'live' }, { fenced: new Set([2]), stillMs: still(NODE2) }, ''],
    ['another node stood still, and nobody fenced it', { 1: 'live', 2: 'live' }, { stillMs: still(NODE2) }, 'MM-SHARED-NODE node 2'],
    ['the word is of a third node', { 1: 'live', 2: 'live' }, { fenced: new Set([1]), stillMs: still(NODE2) }, 'MM-SHARED-NODE node 2'],
    ['from the disc, where no node is exempt but that of this very machine', { 1: 'live', 2: 'live' }, { claimant: { hardwareId: OURS } }, 'MM-SHARED-NODE node 2'],
    ['from another machine', { 1: 'live', 2: 'down' }, { claimant: { hardwareId: 'desk/52:54:00:00:00:09' } }, 'MM-SHARED-NODE node 1'],
    ['all are down, and its heartbeat moves', { 1: 'live', 2: 'down' }, { stillMs: still([], 0) }, 'MM-SHARED-MOUNTED shared'],
    ['all are down, and its heartbeat was not watched', { 1: 'live', 2: 'down' }, { stillMs: new Map() }, 'MM-SHARED-MOUNTED shared'],
  ])('%s', (_, states, more, expected) => expect(said(request(states, more))).toBe(expected));

  test('a machine that nobody could fence, whose store is in quarantine, runs for all one knows', () => {
    const store = registry.volumes.find(({ name }) => name === 'node2')!;
    const moved = { ...registry, volumes: [...registry.volumes.filter((one) => one !== store), { ...store, name: 'node2.old', retired: 'quarantined' as const }] };
    const running = request({ 1: 'live', 2: 'live' }, { fenced: new Set([2]), stillMs: still([...NODE2, 'node2.old']) }, moved);
    expect(sharedUseProblems(running)).toMatchObject([{ code: 'MM-SHARED-NODE', where: 'node2.old, in quarantine', remedy: expect.stringContaining(`metamaster node release ${store.uuid} --fenced`) }]);
    expect(said(request({ 1: 'live', 2: 'down' }, {}, moved))).toBe('');
  });

  test('a checkpoint of a node, which nobody maps, speaks for nobody: not even one that was never finished', () => {
    const kept = valueOf(addCheckpoint(registry, { node: 2, name: 'before', sizeBytes: 2 * MIB, uuid: sampleUuid(9), atUnixMs: 1 }));
    const wanted = request({ 1: 'live', 2: 'down' }, {}, kept);
    const blank = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)] as const;
    expect(said({ ...wanted, frontOf: (one) => (one.retired === 'checkpoint' ? { ...wanted.frontOf(one), labels: blank } : wanted.frontOf(one)) })).toBe('');
  });

  test('a label that cannot be read does not pass for a node that is down', () => {
    const wanted = request({ 1: 'live', 2: 'down' });
    const wrecked = new Uint8Array(BLOCK_BYTES).fill(7);
    expect(said({ ...wanted, frontOf: (one) => (one.name === 'node2' ? { ...wanted.frontOf(one), labels: [wrecked, wrecked] } : wanted.frontOf(one)) })).toContain('MM-BLOCK-MAGIC');
  });
});

describe('what nobody knows', () => {
  test.each<[string, Readonly<Record<number, LabelState>>, boolean, string]>([
    ['without --force', { 1: 'live', 2: 'down' }, false, 'MM-SHARED-CONTENT shared'],
    ['without --force, while a node runs', { 1: 'live', 2: 'live' }, false, 'MM-SHARED-CONTENT shared, MM-SHARED-NODE node 2'],
    ['with --force, while a node runs', { 1: 'live', 2: 'live' }, true, 'MM-SHARED-NODE node 2'],
    ['with --force, all down', { 1: 'live', 2: 'down' }, true, ''],
  ])('%s', (_, states, force, expected) => expect(said(request(states, { content: UNKNOWN, force, stillMs: new Map() }))).toBe(expected));
});

test('watched are the records of fenced nodes that only that can tell of, and the heartbeat of an OCFS2', () => {
  const names = (wanted: SharedUseRequest): string[] => sharedVolumesToWatch(wanted).map(({ name }) => name);
  expect(names(request({ 1: 'live', 2: 'live' }, { fenced: new Set([2]) }))).toEqual(['node2', 'state2', 'shared']);
  expect(names(request({ 1: 'live', 2: 'live' }))).toEqual(['shared']);
  expect(names(request({ 1: 'live', 2: 'down' }, { fenced: new Set([2]) }))).toEqual(['shared']);
  expect(names(request({ 1: 'live', 2: 'live' }, { content: UNKNOWN, force: true, fenced: new Set([2]) }))).toEqual(['node2', 'state2']);
});
