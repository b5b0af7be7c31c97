// For tests: what is done to a node's volumes, recorded: labels, a reset, and an invalid store set valid.

import { isDeepStrictEqual } from 'node:util';
import { viewOf } from '../../daemons/core/bytes.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { firstChunks, buildStore } from '../../daemons/storage/exception-store.test-kit.ts';
import { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { decideClaim } from '../../daemons/storage/ownership.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { revalidateSteps } from '../../daemons/storage/revalidate.ts';
import { sampleLabel, sampleRegistry, sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { examineStore } from '../../daemons/storage/snapshot-exceptions.ts';
import { resetSteps, wipeStoreSteps } from '../../daemons/storage/snapshot-store.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, labelSteps, type ChosenLabel, type VolumeLabel } from '../../daemons/storage/volume-label.ts';
import { readFrom } from '../../daemons/storage/read-at.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import { journalOfSteps } from './crash-journal.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

const CHUNK = 8;
const ORIGIN_BYTES = 64 * 1024 * 1024;
/** Room enough that a store which was given up cannot have overflowed. */
const STORE_CHUNKS = 8000;
const STORE_BYTES = STORE_CHUNKS * CHUNK * SECTOR_BYTES;
const CHANGED_CHUNKS = 700;

const registry = sampleRegistry();
const node1 = registry.volumes.find(({ name }) => name === 'node1')!;
const LABEL: VolumeLabel = { ...sampleLabel(registry, node1), state: 'live', chunkSectors: CHUNK, generation: 8 };
const HARDWARE = 'board/52:54:00:00:00:01';
const OWNER = { hardwareId: HARDWARE, bootNonce: '00'.repeat(16), epoch: 4, counter: 70, node: 1, volumeUuid: LABEL.volumeUuid, renewedAtUnixMs: 0 };

/** A volume alone on its disk: label, owner, and a store with something in it. Behind it the next volume begins. */
function storeInUse(label: VolumeLabel, valid = true): MemoryDisk {
  const disk = new MemoryDisk();
  disk.apply(labelSteps(label, undefined));
  disk.write(OWNER_OFFSET, encodeOwner(OWNER));
  const store = buildStore({ chunkSectors: CHUNK, exceptions: firstChunks(CHUNK, CHANGED_CHUNKS), valid });
  for (const [sector, bytes] of store.sectors) disk.write(DATA_OFFSET_BYTES + sector * SECTOR_BYTES, bytes);
  return disk;
}

const labelOn = (read: ReadAt): ChosenLabel => valueOf(chooseLabel(read(LABEL_OFFSETS[0], BLOCK_BYTES), read(LABEL_OFFSETS[1], BLOCK_BYTES)));
const storeOn = (read: ReadAt) => examineStore(readFrom(read, DATA_OFFSET_BYTES), STORE_BYTES, ORIGIN_BYTES);
/** Header, areas and copies of the store. */
const dataOn = (read: ReadAt): Uint8Array => read(DATA_OFFSET_BYTES, (CHANGED_CHUNKS + 16) * CHUNK * SECTOR_BYTES);

const OWN: Operation['own'] = [{ offset: 0, length: DATA_OFFSET_BYTES }, { offset: DATA_OFFSET_BYTES, length: STORE_BYTES }];

/** What a blade of this node's would decide, and what it then does to a store that is to be initialised. */
function boots(read: ReadAt, originUuid = LABEL.originUuid): { readonly initialises: boolean } {
  const owner = decodeOwner(read(OWNER_OFFSET, BLOCK_BYTES));
  const decision = decideClaim({
    label: labelOn(read).label, owner: owner.ok ? owner.value : 'damaged', storeHeader: read(DATA_OFFSET_BYTES, BLOCK_BYTES),
    expected: { volumeUuid: LABEL.volumeUuid, clusterUuid: LABEL.clusterUuid, node: 1, originUuid }, claimant: { hardwareId: HARDWARE, bootNonce: '11'.repeat(16) },
  });
  if (decision.kind === 'refuse') throw new Error(`its own blade is refused: ${decision.problem.code}, ${decision.problem.seen}`);
  return { initialises: decision.initialise };
}

/** A label written over another, on a volume whose data it must not touch. */
function relabel(name: string, from: VolumeLabel, change: Partial<VolumeLabel>): Operation {
  const disk = storeInUse(from);
  const before = imageOf(disk);
  const { label, copy } = labelOn(before);
  const next = { ...label, ...change, generation: label.generation + 1 };
  const judge = (read: ReadAt): Outcome => {
    const seen = labelOn(read).label;
    if (!isDeepStrictEqual(seen, label) && !isDeepStrictEqual(seen, next)) throw new Error(`a label that nobody wrote: ${JSON.stringify(seen)}`);
    boots(read);
    return isDeepStrictEqual(seen, label) ? 'old' : 'new';
  };
  return { name, before, events: journalOfSteps(labelSteps(next, copy)), own: LABEL_OFFSETS.map((offset) => ({ offset, length: BLOCK_BYTES })), judge };
}

/** A reset: the store as it was, or one that is new for whoever boots, and can be reset again. */
function reset(name: string, change: { originUuid?: VolumeLabel['originUuid']; chunkSectors?: number }, releaseOwner: boolean): Operation {
  const before = imageOf(storeInUse(LABEL));
  const [data, request] = [dataOn(before), { ...change, releaseOwner }];
  const wanted = { ...LABEL, ...change, state: 'new' as const };
  const agrees = (label: VolumeLabel): boolean => isDeepStrictEqual({ ...label, generation: 0 }, { ...wanted, generation: 0 });

  function judge(read: ReadAt): Outcome {
    const current = labelOn(read);
    const { label } = current;
    const { initialises } = boots(read, label.originUuid);
    if (label.state === 'live') {
      if (!isDeepStrictEqual(label, LABEL) || initialises || Buffer.compare(dataOn(read), data) !== 0) throw new Error('the label says in use, and the store is not what it was');
      return 'old';
    }
    if (label.state !== 'new' || !initialises) throw new Error(`the label says ${label.state}`);
    const again = new OverlayDisk(read);
    again.apply(resetSteps({ current, ...request }));
    finished(again.read);
    // A blade that boots instead wipes the store by the label's chunk: nothing of the old one may be left for the kernel.
    const booted = new OverlayDisk(read);
    booted.apply(wipeStoreSteps(label.chunkSectors));
    if (storeOn(booted.read).kind !== 'empty') throw new Error('a blade that boots does not find an empty store');
    return agrees(label) && storeOn(read).kind === 'empty' && isDeepStrictEqual(decodeOwner(read(OWNER_OFFSET, BLOCK_BYTES)), { ok: true, value: releaseOwner ? undefined : OWNER }) ? 'new' : 'completable';
  }

  function finished(read: ReadAt): void {
    if (!agrees(labelOn(read).label) || storeOn(read).kind !== 'empty') throw new Error('a reset that is done again does not end in a new store');
  }
  return { name, before, events: journalOfSteps(resetSteps({ current: labelOn(before), ...request })), own: OWN, judge };
}

/** A store that the kernel gave up, set valid: invalid or valid, with the same exceptions and the same label. */
function revalidate(): Operation {
  const before = imageOf(storeInUse(LABEL, false));
  const header = (read: ReadAt): Uint8Array => read(DATA_OFFSET_BYTES, BLOCK_BYTES);
  const plan = (read: ReadAt): readonly WriteStep[] => valueOf(revalidateSteps({ volume: 'node1', label: labelOn(read).label, state: storeOn(read), header: header(read), ownerDown: true }));
  const usage = (read: ReadAt) => {
    const state = storeOn(read);
    if (state.kind === 'none' || state.kind === 'empty') throw new Error(`the store is ${state.kind}`);
    return { valid: state.valid, rest: [state.usage, state.problems] };
  };
  const old = usage(before);
  const judge = (read: ReadAt): Outcome => {
    const seen = usage(read);
    if (!isDeepStrictEqual(seen.rest, old.rest) || !isDeepStrictEqual(labelOn(read).label, LABEL)) throw new Error('label or exceptions have changed');
    const view = viewOf(header(read));
    if (view.getUint32(4, true) > 1) throw new Error('a word that says neither valid nor invalid');
    if (seen.valid) {
      boots(read);
      return 'new';
    }
    const again = new OverlayDisk(read);
    again.apply(plan(read));
    if (!usage(again.read).valid) throw new Error('set valid again, it is not');
    return 'old';
  };
  return { name: 'revalidate', before, events: journalOfSteps(plan(before)), own: [{ offset: DATA_OFFSET_BYTES, length: SECTOR_BYTES }], judge };
}

/** Everything that is done to a node's store. */
export function storeOperations(): readonly Operation[] {
  return [
    relabel('label, live to down', LABEL, { state: 'down' }), relabel('label, down to live', { ...LABEL, state: 'down' }, { state: 'live' }), relabel('label, new to live', { ...LABEL, state: 'new' }, { state: 'live' }),
    reset('reset', {}, false), reset('reset, owner released', {}, true), reset('reset, to another origin', { originUuid: sampleUuid(55) }, true),
    reset('reset, larger chunk', { chunkSectors: 32 }, true), revalidate(),
  ];
}
