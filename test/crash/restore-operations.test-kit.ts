// For tests: `metamaster restore -d 3 --with-state`, recorded in the order of scripts/restoration/restore-command.ts: of the store, then of the
// state volume, claim, steps, mkfs and release. Whatever a power cut leaves, the node boots with a whole file system in its state volume, the
// former or the new one, or is refused until the same command has ended.

import { equalBytes } from '../../daemons/core/bytes.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { type ContainerFound, readContainer } from '../../daemons/storage/container-on-disk.ts';
import { buildStore, firstChunks } from '../../daemons/storage/exception-store.test-kit.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { decideClaim, OWNER_STILL_MS } from '../../daemons/storage/ownership.ts';
import { readFrom, type ReadAt } from '../../daemons/storage/read-at.ts';
import { stateVolumeOf, storeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { planRestore } from '../../daemons/storage/restore-plan.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleRegistry, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { examineStore } from '../../daemons/storage/snapshot-exceptions.ts';
import { readVolumeFront, stepsOnDisk } from '../../daemons/storage/volume-front.ts';
import { chooseLabel, DATA_OFFSET_BYTES, type LabelState, labelSteps } from '../../daemons/storage/volume-label.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import { FLUSH, type WriteStep } from '../../daemons/storage/write-step.ts';
import { journalOfSteps } from './crash-journal.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

const NODE = 2;
const [BLADE, OTHER, OPERATOR] = ['board-2/52:54:00:00:00:02', 'board-9/52:54:00:00:00:09', 'operator'];
const registry = sampleRegistry();
const [STORE, STATE] = [storeOf(registry, NODE)!, stateVolumeOf(registry, NODE)!];
/** Parts of a file system, the former one's and the one that mkfs makes: blocks far from each other, which one flush makes durable. */
const PARTS = [0, 40 * BLOCK_BYTES, MIB - BLOCK_BYTES];
const [FORMER, MADE] = [0x0f, 0x5e].map((byte) => new Uint8Array(BLOCK_BYTES).fill(byte)) as [Uint8Array, Uint8Array];

const foundOn = (read: ReadAt): ContainerFound => valueOf(readContainer(read, SAMPLE_DISK_BYTES, 'debian'));
const container = foundOn(sampleSan(registry).disk.read).ranges.container;
const frontOf = (read: ReadAt, volume: VolumeRecord) => readVolumeFront(read, volume, registry.extentBytes, container);
const dataOf = (read: ReadAt, volume: VolumeRecord): ReadAt => readFrom(volumeReader(read, volume, registry.extentBytes, container.firstSector), DATA_OFFSET_BYTES);
const placed = (volume: VolumeRecord, steps: readonly WriteStep[]): WriteStep[] => stepsOnDisk(steps, volume, registry.extentBytes, container);
const isSystem = (read: ReadAt, block: Uint8Array): boolean => PARTS.every((offset) => equalBytes(dataOf(read, STATE)(offset, BLOCK_BYTES), block));
const storeIs = (read: ReadAt): string => examineStore(dataOf(read, STORE), STORE.sizeBytes - DATA_OFFSET_BYTES, registry.origins[0]!.imageBytes).kind;

/** Everything that the command writes to the SAN that stands there. Its nodes are fenced, and the owner records have stood still. */
function restoreSteps(read: ReadAt): WriteStep[] {
  const { nodes: [node] } = valueOf(planRestore({
    registry, container, frontOf: (volume) => frontOf(read, volume), action: { kind: 'reset', nodes: [NODE], withState: true }, stillMs: new Map([STORE, STATE].map(({ name }) => [name, OWNER_STILL_MS])),
    fenced: new Set([NODE]), running: new Set(), claimant: { hardwareId: OPERATOR, bootNonce: '22'.repeat(16), nowUnixMs: 1 },
  }));
  if (node?.kind !== 'write') throw new Error(`refused: ${node?.problems.map(({ code }) => code).join()}`);
  const made: WriteStep[] = [...PARTS.map((part): WriteStep => ({ kind: 'write', offset: DATA_OFFSET_BYTES + part, bytes: MADE })), FLUSH];
  const all: WriteStep[] = [];
  for (const { volume, claim, steps, make, release } of node.volumes) all.push({ kind: 'write', ...claim! }, FLUSH, ...steps, ...(make === undefined ? [] : placed(volume, made)), ...release);
  return all;
}

/** Which of the node's volumes a machine is granted that boots now: whether it finds them new. */
function granted(read: ReadAt, volume: VolumeRecord, hardwareId: string): 'refused' | 'new' | 'used' {
  const { labels, owner, header } = frontOf(read, volume);
  const decision = decideClaim({
    label: valueOf(chooseLabel(...labels)).label, owner: valueOf(decodeOwner(owner)), storeHeader: header, claimant: { hardwareId, bootNonce: '33'.repeat(16) },
    expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: NODE, originUuid: sampleLabel(registry, volume).originUuid },
  });
  if (decision.kind === 'claim') return decision.initialise ? 'new' : 'used';
  if (decision.problem.code !== 'MM-CLAIM-FOREIGN') throw new Error(`${volume.name}: ${decision.problem.code}`);
  return 'refused';
}

function expectWhole(read: ReadAt, machine: string): void {
  const [store, state] = [granted(read, STORE, machine), granted(read, STATE, machine)];
  // A blade wipes a store that is new; a state volume it mounts as it is.
  if (store === 'used' && storeIs(read) !== 'valid') throw new Error('a store is granted as in use that is not what it was');
  if (state !== 'refused' && !isSystem(read, state === 'used' ? FORMER : MADE)) throw new Error(`a state volume is granted as ${state}, and its file system is not`);
}

function expectReset(read: ReadAt): void {
  for (const volume of [STORE, STATE]) for (const machine of [BLADE, OTHER]) if (granted(read, volume, machine) !== 'new') throw new Error(`${volume.name} is not new for whoever boots`);
  if (storeIs(read) !== 'empty' || !isSystem(read, MADE)) throw new Error('store or state volume is not as made');
}

/** `state`: of the labels when the command is given. */
function resetWithState(name: string, state: LabelState): Operation {
  const { disk, at } = sampleSan(registry);
  for (const volume of [STORE, STATE]) {
    disk.apply(labelSteps({ ...sampleLabel(registry, volume), state, generation: 6 }, 0), at(volume.name, 0));
    disk.write(at(volume.name, OWNER_OFFSET), encodeOwner({ hardwareId: BLADE, bootNonce: '11'.repeat(16), epoch: 3, counter: 70, node: NODE, volumeUuid: volume.uuid, renewedAtUnixMs: 1 }));
  }
  const { sectors } = buildStore({ chunkSectors: STORE.chunkSectors!, exceptions: firstChunks(STORE.chunkSectors!, 20) });
  for (const [sector, bytes] of sectors) disk.write(at(STORE.name, DATA_OFFSET_BYTES + sector * SECTOR_BYTES), bytes);
  for (const part of PARTS) disk.write(at(STATE.name, DATA_OFFSET_BYTES + part), FORMER);
  const before = imageOf(disk);
  const steps = restoreSteps(before);
  const finished = (read: ReadAt): boolean => [STORE, STATE].every((volume) => granted(read, volume, OTHER) === 'new');
  const judge: Operation['judge'] = (read, crash): Outcome => {
    for (const machine of [BLADE, OTHER]) expectWhole(read, machine);
    const [problem] = examineSan(read, SAMPLE_DISK_BYTES).problems;
    if (problem !== undefined) throw new Error(`san check: ${problem.code} at ${problem.where}`);
    const again = new OverlayDisk(read);
    again.apply(restoreSteps(read));
    expectReset(again.read);
    if (!finished(read)) return crash.patches().length === 0 ? 'old' : 'completable';
    expectReset(read);
    return 'new';
  };
  const own = [STORE, STATE].flatMap(({ extents }) => extents.map(({ start, count }) => ({ offset: container.firstSector * SECTOR_BYTES + start * registry.extentBytes, length: count * registry.extentBytes })));
  return { name, before, events: journalOfSteps(steps), own, judge };
}

/** A node that was shut down, and one whose machine is proved off. */
export const restoreOperations = (): readonly Operation[] => [resetWithState('restore -d 3 --with-state', 'down'), resetWithState('restore -d 3 --with-state, owner fenced', 'live')];
