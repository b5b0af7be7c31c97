// The label of a volume that one node writes to: a store, a state volume, swap. It stands in front of the data, twice (blocks 0 and
// 2), so that a torn write leaves one copy whole; block 1 between them is the owner's (owner-record.ts).

import { equalBytes, isZero } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import type { BlockCodec, FieldReader } from './block.ts';
import { BLOCK_BYTES, MIB, decodeBlock, encodeBlock, isNewerVersion } from './block.ts';
import { VOLUME_NAME } from './volume-name.ts';
import { CONTAINER_NAME } from './container-partitions.ts';
import { MAX_WRITERS } from './registry-layout.ts';
import type { WriteStep } from './write-step.ts';
import { FLUSH } from './write-step.ts';

/** Where the store's exceptions or the file system start. A whole MiB keeps the SAN's alignment; most of it is reserved. */
export const DATA_OFFSET_BYTES = MIB;
/** The offsets of the label's two copies in the volume. */
export const LABEL_OFFSETS = [0, 2 * BLOCK_BYTES] as const;
/** The chunk of a dm-snapshot is a power of two of sectors: a page at least, 1 MiB (DATA_OFFSET_BYTES) at most. */
export const MIN_CHUNK_SECTORS = 8;
export const MAX_CHUNK_SECTORS = 2048;

/** The kinds of volume that have a label. */
export const LABELLED_KINDS = ['store', 'state', 'swap'] as const;
export type LabelledKind = (typeof LABELLED_KINDS)[number];

/** `new`: holds nothing and is to be initialised; `live`: was mapped and not given back; `down`: given back in good order. */
export const LABEL_STATES = ['new', 'live', 'down'] as const;
export type LabelState = (typeof LABEL_STATES)[number];

/** What a checkpoint is a copy of. */
export interface CheckpointMark {
  /** The volume's name in the registry. */
  readonly name: string;
  readonly madeAtUnixMs: number;
  /** The store that was copied, and the generation of its label at that time. */
  readonly storeUuid: Uuid;
  readonly storeGeneration: number;
  /** The store had been given back in good order; else the file system's journal is still to be replayed. */
  readonly clean: boolean;
}

/** What a label says. */
export interface VolumeLabel {
  readonly kind: LabelledKind;
  readonly volumeUuid: Uuid;
  readonly clusterUuid: Uuid;
  readonly container: string;
  readonly node: number;
  /** The origin that a store belongs to; nil for other kinds. */
  readonly originUuid: Uuid;
  readonly state: LabelState;
  /** The store's chunk; 0 for other kinds. */
  readonly chunkSectors: number;
  readonly dataOffsetBytes: number;
  /** Grows by one with each change of the label. */
  readonly generation: number;
  /** There for a store that is a checkpoint. Its state is `new` until it is whole, then `down`. */
  readonly checkpoint?: CheckpointMark;
}

/** True for a chunk that dm-snapshot takes and that this project uses. */
export function isChunkSectors(sectors: number): boolean {
  return Number.isInteger(sectors) && sectors >= MIN_CHUNK_SECTORS && sectors <= MAX_CHUNK_SECTORS && (sectors & (sectors - 1)) === 0;
}

/** As long as a volume's name may be, and a zero. */
const CHECKPOINT_NAME_BYTES = 64;

function readMark(fields: FieldReader, kind: LabelledKind): CheckpointMark {
  if (kind !== 'store') fields.refuse('checkpoint', 'nothing, for anything but a store', kind);
  return {
    storeUuid: fields.uuid(112),
    storeGeneration: fields.u64(128, 'storeGeneration', 1),
    madeAtUnixMs: fields.u64(136, 'madeAtUnixMs'),
    clean: fields.u32(144, 'clean', 0, 1) === 1,
    name: fields.text(148, CHECKPOINT_NAME_BYTES, 'name', VOLUME_NAME),
  };
}

const LABEL: BlockCodec<VolumeLabel> = {
  what: 'volume label',
  magic: 'MMVOLLBL',
  version: 1,
  write(fields, label) {
    fields.choice(12, LABELLED_KINDS, label.kind);
    fields.uuid(16, label.volumeUuid);
    fields.uuid(32, label.clusterUuid);
    fields.uuid(48, label.originUuid);
    fields.u32(64, label.node);
    fields.choice(68, LABEL_STATES, label.state);
    fields.u32(72, label.chunkSectors);
    fields.u64(80, label.dataOffsetBytes);
    fields.u64(88, label.generation);
    fields.text(96, 16, label.container);
    if (label.checkpoint !== undefined) {
      fields.uuid(112, label.checkpoint.storeUuid);
      fields.u64(128, label.checkpoint.storeGeneration);
      fields.u64(136, label.checkpoint.madeAtUnixMs);
      fields.u32(144, label.checkpoint.clean ? 1 : 0);
      fields.text(148, CHECKPOINT_NAME_BYTES, label.checkpoint.name);
    }
  },
  read(fields) {
    const kind = fields.choice(12, 'kind', LABELLED_KINDS);
    const chunkSectors = fields.u32(72, 'chunkSectors');
    const chunkFits = kind === 'store' ? isChunkSectors(chunkSectors) : chunkSectors === 0;
    if (!chunkFits) fields.refuse('chunkSectors', `for a store a power of two from ${MIN_CHUNK_SECTORS} to ${MAX_CHUNK_SECTORS}, else 0`, String(chunkSectors));
    const dataOffsetBytes = fields.u64(80, 'dataOffsetBytes');
    if (dataOffsetBytes !== DATA_OFFSET_BYTES) fields.refuse('dataOffsetBytes', String(DATA_OFFSET_BYTES), String(dataOffsetBytes));
    return {
      kind,
      volumeUuid: fields.uuid(16),
      clusterUuid: fields.uuid(32),
      originUuid: fields.uuid(48),
      node: fields.u32(64, 'node', 1, MAX_WRITERS - 1),
      state: fields.choice(68, 'state', LABEL_STATES),
      chunkSectors,
      dataOffsetBytes,
      generation: fields.u64(88, 'generation', 1),
      container: fields.text(96, 16, 'container', CONTAINER_NAME),
      ...(isZero(fields.raw(112, 148 + CHECKPOINT_NAME_BYTES - 112)) ? {} : { checkpoint: readMark(fields, kind) }),
    };
  },
};

/** The label's block. Throws RangeError for values that do not fit. */
export const encodeLabel = (label: VolumeLabel): Uint8Array => encodeBlock(LABEL, label);

/** Reads one copy of a label; problems as of `decodeBlock`. */
export const decodeLabel = (block: Uint8Array, where = 'volume label'): Result<VolumeLabel> => decodeBlock(LABEL, block, where);

/** The label that counts, and which copy it was read from. */
export interface ChosenLabel {
  readonly label: VolumeLabel;
  readonly copy: 0 | 1;
  /** A torn or missing other copy: nothing is lost, the next change of the label mends it. */
  readonly warnings: readonly Problem[];
}

/**
 * Of the blocks 0 and 2 of a volume the whole one with the higher generation. Refused: none whole; one that a newer program wrote;
 * two of one generation that differ (MM-LABEL-COPIES), which no torn write can leave.
 */
export function chooseLabel(first: Uint8Array, second: Uint8Array, where = 'volume'): Result<ChosenLabel> {
  const a = decodeLabel(first, `${where}, label in block 0`);
  const b = decodeLabel(second, `${where}, label in block 2`);
  for (const copy of [a, b]) if (isNewerVersion(copy) && !copy.ok) return copy;
  if (!a.ok && !b.ok) return { ok: false, problems: [...a.problems, ...b.problems] };
  if (!a.ok || !b.ok) return a.ok ? chosen(a.value, 0, b) : chosen((b as { value: VolumeLabel }).value, 1, a);
  if (a.value.generation !== b.value.generation) return a.value.generation > b.value.generation ? chosen(a.value, 0, b) : chosen(b.value, 1, a);
  if (equalBytes(first, second)) return chosen(a.value, 0, b);
  return { ok: false, problems: [{ code: 'MM-LABEL-COPIES', where, rule: 'both copies of one generation are equal', seen: `generation ${a.value.generation} in two forms`, remedy: 'Two programs wrote to this volume at once: power off what is not its node, then `metamaster restore` it.' }] };
}

function chosen(label: VolumeLabel, copy: 0 | 1, other: Result<VolumeLabel>): Result<ChosenLabel> {
  return { ok: true, value: { label, copy, warnings: other.ok ? [] : other.problems } };
}

/**
 * Writes a label over an older one: first the copy that does not count (`currentCopy` is the one that does; undefined for a volume
 * without a label), then the other, so that at every moment one whole label is there. Its generation must be the old one plus 1.
 */
export function labelSteps(label: VolumeLabel, currentCopy: 0 | 1 | undefined): WriteStep[] {
  const bytes = encodeLabel(label);
  const order = currentCopy === 0 ? [1, 0] as const : [0, 1] as const;
  return order.flatMap((copy): WriteStep[] => [{ kind: 'write', offset: LABEL_OFFSETS[copy], bytes }, FLUSH]);
}
