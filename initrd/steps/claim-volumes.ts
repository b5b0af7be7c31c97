// The step `claim`: nothing of this node is mapped before its owner record says that it is this blade's, and was read back.

import { equalBytes } from '../../daemons/core/bytes.ts';
import type { Problem } from '../../daemons/core/problem.ts';
import { barOfMachine } from '../../daemons/core/roster.ts';
import { timeText } from '../../daemons/core/unix-time.ts';
import { NIL_UUID, type Uuid } from '../../daemons/core/uuid.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { givenUpProblems } from '../../daemons/storage/given-up-store.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET, type OwnerRecord } from '../../daemons/storage/owner-record.ts';
import { decideClaim } from '../../daemons/storage/ownership.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { readFrom } from '../../daemons/storage/read-at.ts';
import { examineStore } from '../../daemons/storage/snapshot-exceptions.ts';
import { wipeStoreSteps } from '../../daemons/storage/snapshot-store.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, labelSteps, type ChosenLabel, type VolumeLabel } from '../../daemons/storage/volume-label.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import { refuse, StepError, type BootHost } from '../boot-host.ts';
import { found, type BootState } from './boot-state.ts';

/** Reads and writes of a volume's own blocks, past the page cache. */
function blocksOf(host: BootHost, state: BootState, volume: VolumeRecord) {
  const disk = found(state.disk, 'the disk');
  const { extentBytes } = found(state.registry, 'the registry');
  const { firstSector } = found(state.container, 'the container').container;
  const at = (offset: number) => diskOffset(volume, extentBytes, firstSector, offset);
  return {
    read: (offset: number) => host.readDirect(disk, at(offset), BLOCK_BYTES),
    carryOut(steps: readonly WriteStep[]) {
      // writeDirect returns when the bytes are stable: every write is its own flush.
      for (const step of steps) if (step.kind === 'write') host.writeDirect(disk, at(step.offset), step.bytes);
    },
  };
}

function readLabel(host: BootHost, state: BootState, volume: VolumeRecord): ChosenLabel {
  const blocks = blocksOf(host, state, volume);
  const label = chooseLabel(blocks.read(LABEL_OFFSETS[0]), blocks.read(LABEL_OFFSETS[1]), volume.name);
  if (!label.ok) throw refuse(label.problems);
  return label.value;
}

/** A claim that has been granted and is not written yet. */
interface Granted {
  readonly volume: VolumeRecord;
  readonly chunkSectors: number;
  readonly owner: OwnerRecord;
  readonly initialise: boolean;
}

/** Why the kernel gave the node's store up, as far as its tables tell: they are read as a whole, which only a blade does that cannot boot. */
function whyGivenUp(host: BootHost, state: BootState, store: VolumeRecord): readonly Problem[] {
  const disk = found(state.disk, 'the disk');
  const { extentBytes } = found(state.registry, 'the registry');
  const read = volumeReader((offset, length) => host.readDirect(disk, offset, length), store, extentBytes, found(state.container, 'the container').container.firstSector);
  // As long as the device that the kernel is given: all extents but our own part in front.
  const dataBytes = store.extents.reduce((sum, { count }) => sum + count, 0) * extentBytes - DATA_OFFSET_BYTES;
  return givenUpProblems(store.name, examineStore(readFrom(read, DATA_OFFSET_BYTES), dataBytes, found(state.volumes, 'the volumes').origin.sizeBytes));
}

/** Who the owner is, where it is the machine that was replaced: the one that has to be off before its successor may have the volume. */
function barOfOwner(state: BootState, owner: OwnerRecord | undefined): readonly Problem[] {
  const { roster } = found(state.registry, 'the registry');
  const bar = owner && barOfMachine(roster, [], owner.hardwareId);
  if (bar === undefined) return [];
  const remedy = 'Power the barred machine off (BMC), and say so with `metamaster restore --fenced`.';
  return [{ code: 'MM-CLAIM-BARRED', where: 'the owner', rule: 'a machine of the cluster', seen: `the machine that was node ${bar.node} until it was replaced, barred since ${timeText(bar.sinceUnixMs)}: ${bar.macs.join(', ')}`, remedy }];
}

/** Decides the claim of one volume; nothing is written. @throws StepError when it is refused */
function decide(host: BootHost, state: BootState, volume: VolumeRecord, originUuid: Uuid): Granted {
  const blocks = blocksOf(host, state, volume);
  const { label } = readLabel(host, state, volume);
  const owner = decodeOwner(blocks.read(OWNER_OFFSET), `${volume.name}, owner record`);
  const moreOf = (problem: Problem): readonly Problem[] => {
    if (problem.code === 'MM-CLAIM-INVALID') return whyGivenUp(host, state, volume);
    return problem.code === 'MM-CLAIM-FOREIGN' ? [problem, ...barOfOwner(state, owner.ok ? owner.value : undefined)] : [problem];
  };
  const decision = decideClaim({
    label, owner: owner.ok ? owner.value : 'damaged', storeHeader: blocks.read(DATA_OFFSET_BYTES),
    expected: { volumeUuid: volume.uuid, clusterUuid: found(state.registry, 'the registry').clusterUuid, node: found(state.node, 'the node').number, originUuid },
    claimant: { hardwareId: found(state.hardwareId, 'the hardware id'), bootNonce: state.bootNonce, nowUnixMs: host.unixMs() },
  });
  if (decision.kind === 'refuse') throw refuse(moreOf(decision.problem));
  return { volume, chunkSectors: label.chunkSectors, owner: decision.owner, initialise: decision.initialise };
}

/** Writes a granted claim and reads it back; a store that holds nothing yet is wiped. @throws StepError when it does not read back */
function carryOut(host: BootHost, state: BootState, { volume, chunkSectors, owner, initialise }: Granted): void {
  const blocks = blocksOf(host, state, volume);
  const block = encodeOwner(owner);
  blocks.carryOut([{ kind: 'write', offset: OWNER_OFFSET, bytes: block }]);
  if (!equalBytes(blocks.read(OWNER_OFFSET), block)) {
    throw new StepError('MM-CLAIM-RACE', `${volume.name}: the owner record does not read back as it was written`, 'Another blade claims the same volume at this moment, or the SAN does not keep what it acknowledges.');
  }
  if (initialise && volume.kind === 'store') blocks.carryOut(wipeStoreSteps(chunkSectors));
}

/** Writes a volume's label anew with another state. */
export function setLabelState(host: BootHost, state: BootState, volume: VolumeRecord, next: VolumeLabel['state']): void {
  const { label, copy } = readLabel(host, state, volume);
  if (label.state === next) return;
  blocksOf(host, state, volume).carryOut(labelSteps({ ...label, state: next, generation: label.generation + 1 }, copy));
}

/**
 * Claims store, state volume and swap of the node. All three are decided before the first is written: a blade that is refused one of
 * them must not become the owner of another, for it would keep out the very blade that may have them all.
 * @throws StepError
 */
export function claimVolumes(host: BootHost, state: BootState): void {
  const { store, state: stateVolume, swap, origin } = found(state.volumes, 'the volumes');
  const granted = [decide(host, state, store, origin.uuid), ...[stateVolume, ...(swap === undefined ? [] : [swap])].map((volume) => decide(host, state, volume, NIL_UUID))];
  state.freshStore = granted[0]!.initialise;
  for (const claim of granted) carryOut(host, state, claim);
}
