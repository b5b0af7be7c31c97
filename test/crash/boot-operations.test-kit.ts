// For tests: a blade's boot on the model of a blade, recorded: its claim of store, state volume and swap, the store that its kernel makes
// ready, and the labels; and the end of its shutdown. Whatever a power cut leaves, the same blade must come up by itself, and no other node's
// volume has changed.

import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { chooseLabel, LABEL_OFFSETS, type LabelState } from '../../daemons/storage/volume-label.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { commandLineOf, ModelBlade, type BladeOptions } from '../../initrd/model-blade.test-kit.ts';
import { ModelSan } from '../../initrd/model-san.test-kit.ts';
import { handBack } from '../../initrd/steps/hand-back.ts';
import { handBackPlan } from '../../initrd/steps/hand-back-plan.ts';
import { memoryRun, type JournalEvent } from './crash-journal.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

/** The SAN's write cache. */
type Cache = 'none' | 'volatile';

/** The model's blade is node 2's. */
const OWN_VOLUMES: ReadonlySet<string> = new Set(['node2', 'state2']);

/**
 * The program's writes are stable when they return. The kernel's own (dm-snapshot writes a new store's header without a flush) are so on a
 * SAN without a volatile write cache; on one with, they are in it until the program's next write or flush.
 */
function journalOf(san: Pick<ModelSan, 'writes' | 'flushes'>, cache: Cache): JournalEvent[] {
  const flush = (id: number): JournalEvent[] => [{ kind: 'flush-begin', id, offset: 0, length: Infinity }, { kind: 'flush-done', id, good: true }];
  return san.writes.flatMap(({ by, offset, bytes }, id): JournalEvent[] => [
    ...san.flushes.flatMap((writes, i) => (writes === id ? flush(-1 - i) : [])),
    { kind: 'write', id, runs: [memoryRun(offset, bytes)], durable: cache === 'none' }, { kind: 'answered', id, good: true },
    ...(by === 'program' && cache === 'volatile' ? flush(id) : []),
  ]);
}

const labelStateOf = (read: ReadAt, san: ModelSan, volume: string): LabelState => valueOf(chooseLabel(read(san.at(volume, LABEL_OFFSETS[0]), BLOCK_BYTES), read(san.at(volume, LABEL_OFFSETS[1]), BLOCK_BYTES))).label.state;

async function bootOperation(name: string, start: ModelSan, cache: Cache): Promise<Operation> {
  const before = imageOf(start.disk);
  const san = new ModelSan(start.disk.clone());
  const ended = await new ModelBlade(san).boot();
  if (ended !== 'handover') throw new Error(`${name}: the boot that was to be recorded ended as '${ended}'`);
  const stateOf = (read: ReadAt): LabelState => labelStateOf(read, san, 'node2');
  const judge: Operation['judge'] = async (read, crash): Promise<Outcome> => {
    const state = stateOf(read);
    const again = new ModelSan(new OverlayDisk(read));
    const blade = new ModelBlade(again);
    const outcome = await blade.boot();
    if (outcome !== 'handover') throw new Error(`the blade does not come up again (${outcome}): ${blade.console.filter((line) => line.includes('MM-')).slice(-1).join()}`);
    if (stateOf(again.disk.read) !== 'live') throw new Error('it came up, and its store is not labelled as in use');
    if (crash.patches().length === 0) return 'old';
    return state === 'live' ? 'new' : 'completable';
  };
  const { extentBytes, volumes } = san.registry;
  const own = volumes.filter((volume) => OWN_VOLUMES.has(volume.name)).flatMap((volume) => {
    const extents = volume.extents.reduce((sum, { count }) => sum + count, 0);
    return Array.from({ length: extents }, (_, i) => ({ offset: san.at(volume.name, i * extentBytes), length: extentBytes }));
  });
  return { name, before, events: journalOf(san, cache), own, judge };
}

/** A blade's first boot, with which its store begins. */
export const firstBoot = (cache: Cache): Promise<Operation> => bootOperation(`first boot, write cache: ${cache}`, new ModelSan(), cache);

/** The boot after it. */
export async function nextBoot(cache: Cache): Promise<Operation> {
  const san = new ModelSan();
  await new ModelBlade(san).boot();
  return bootOperation(`next boot, write cache: ${cache}`, san, cache);
}

/** Another machine that is told to be node 2. */
const STRANGER = { uuid: '4c4c4544-0000-0000-0000-00000000f0f0', mac: '52:54:00:00:00:ff', commandLine: `${commandLineOf(2)} mm.node=2` };

/** The end of an orderly shutdown. Another blade is let in exactly when every volume says `down`. */
export async function handBackOperation(cache: Cache): Promise<Operation> {
  const san = new ModelSan();
  const blade = new ModelBlade(san);
  await blade.boot();
  const before = imageOf(san.disk);
  const booted = san.writes.length;
  await handBack(blade, handBackPlan(blade.state!));
  const judge: Operation['judge'] = async (read, crash): Promise<Outcome> => {
    const states = [...OWN_VOLUMES].map((volume) => labelStateOf(read, san, volume));
    if (states.some((state) => state === 'new')) throw new Error('a volume in use is called new');
    const given = states.every((state) => state === 'down');
    const comesUp = async (options?: BladeOptions): Promise<boolean> => (await new ModelBlade(new ModelSan(new OverlayDisk(read)), options).boot()) === 'handover';
    if (!await comesUp()) throw new Error('the blade does not come up again');
    if (await comesUp(STRANGER) !== given) throw new Error(`another blade is ${given ? 'refused' : 'let in'}; the labels say ${states.join(', ')}`);
    if (crash.patches().length === 0) return 'old';
    return given ? 'new' : 'completable';
  };
  const own = [...OWN_VOLUMES].flatMap((volume) => LABEL_OFFSETS.map((offset) => ({ offset: san.at(volume, offset), length: BLOCK_BYTES })));
  return { name: `hand-back, write cache: ${cache}`, before, events: journalOf({ writes: san.writes.slice(booted), flushes: [] }, cache), own, judge };
}
