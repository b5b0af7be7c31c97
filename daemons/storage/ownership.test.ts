import { describe, expect, test } from 'vitest';
import { NIL_UUID } from '../core/uuid.ts';
import { BLOCK_BYTES } from './block.ts';
import type { OwnerRecord } from './owner-record.ts';
import type { ClaimRequest } from './ownership.ts';
import { OWNER_STILL_MS, decideClaim } from './ownership.ts';
import { sampleUuid } from './sample-san.test-kit.ts';
import { SNAPSHOT_MAGIC } from './snapshot-store.ts';
import type { VolumeLabel } from './volume-label.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';

function header(magic: number, valid: number, version: number, chunk: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  [magic, valid, version, chunk].forEach((word, i) => view.setUint32(4 * i, word, true));
  return bytes;
}
const GOOD = header(SNAPSHOT_MAGIC, 1, 1, 16);
const INVALID = header(SNAPSHOT_MAGIC, 0, 1, 16);
const ZERO = new Uint8Array(BLOCK_BYTES);
const GARBAGE = header(0x12345678, 1, 1, 16);
const OTHER_VERSION = header(SNAPSHOT_MAGIC, 1, 2, 16);

const LABEL: VolumeLabel = { kind: 'store', volumeUuid: sampleUuid(1), clusterUuid: sampleUuid(2), container: 'debian', node: 3, originUuid: sampleUuid(4), state: 'live', chunkSectors: 16, dataOffsetBytes: DATA_OFFSET_BYTES, generation: 9 };
const SAME: OwnerRecord = { hardwareId: 'board-1/52:54:00:00:00:01', bootNonce: 'aa'.repeat(16), epoch: 5, counter: 70, node: 3, volumeUuid: sampleUuid(1), renewedAtUnixMs: 1000 };
const FOREIGN: OwnerRecord = { ...SAME, hardwareId: 'board-2/52:54:00:00:00:02' };
const FENCED = { counterStillMs: OWNER_STILL_MS, proven: true };
const UNPROVEN = { counterStillMs: 10 * OWNER_STILL_MS, proven: false };
const MOVING = { counterStillMs: OWNER_STILL_MS - 1, proven: true };

const REQUEST: ClaimRequest = {
  label: LABEL,
  owner: SAME,
  storeHeader: GOOD,
  expected: { volumeUuid: LABEL.volumeUuid, clusterUuid: LABEL.clusterUuid, node: 3, originUuid: LABEL.originUuid },
  claimant: { hardwareId: SAME.hardwareId, bootNonce: 'bb'.repeat(16), nowUnixMs: 2000 },
};

const outcome = (change: Partial<ClaimRequest>, label: Partial<VolumeLabel> = {}): string => {
  const decision = decideClaim({ ...REQUEST, ...change, label: { ...LABEL, ...label } });
  if (decision.kind === 'refuse') return decision.problem.code;
  return decision.initialise ? 'initialise' : 'claim';
};

describe('who owns it', () => {
  const owners: Record<string, ClaimRequest['owner']> = { nobody: undefined, same: SAME, foreign: FOREIGN, damaged: 'damaged' };
  const fences: Record<string, ClaimRequest['fence'] | undefined> = { none: undefined, unproven: UNPROVEN, moving: MOVING, fenced: FENCED };
  const F = 'MM-CLAIM-FOREIGN';
  test.each<[VolumeLabel['state'], string, string, string, string, string]>([
    // state, owner:    none        unproven      moving        fenced
    ['new', 'nobody', 'initialise', 'initialise', 'initialise', 'initialise'],
    ['new', 'same', 'initialise', 'initialise', 'initialise', 'initialise'],
    ['new', 'foreign', F, F, F, 'initialise'],
    ['new', 'damaged', F, F, F, 'initialise'],
    ['live', 'nobody', F, F, F, 'claim'],
    ['live', 'same', 'claim', 'claim', 'claim', 'claim'],
    ['live', 'foreign', F, F, F, 'claim'],
    ['live', 'damaged', F, F, F, 'claim'],
    ['down', 'nobody', 'claim', 'claim', 'claim', 'claim'],
    ['down', 'same', 'claim', 'claim', 'claim', 'claim'],
    ['down', 'foreign', 'claim', 'claim', 'claim', 'claim'],
    ['down', 'damaged', 'claim', 'claim', 'claim', 'claim'],
  ])('%s, owner %s', (state, owner, ...wanted) => {
    const seen = Object.values(fences).map((fence) => outcome({ owner: owners[owner], ...(fence ? { fence } : {}) }, { state }));
    expect(seen).toEqual(wanted);
  });

  test('an owner record of another volume is refused in every state, fenced or not', () => {
    for (const state of ['new', 'live', 'down'] as const) {
      for (const owner of [SAME, FOREIGN]) expect(outcome({ owner: { ...owner, volumeUuid: sampleUuid(99) }, fence: FENCED }, { state })).toBe('MM-CLAIM-OWNER-VOLUME');
    }
  });

  test('the former kernel of the same blade is gone: the boot nonce does not matter', () => {
    expect(outcome({ claimant: { ...REQUEST.claimant, bootNonce: SAME.bootNonce } })).toBe('claim');
  });
});

describe('what the label says', () => {
  test.each<[string, Partial<VolumeLabel>, string]>([
    ['another cluster', { clusterUuid: sampleUuid(50) }, 'MM-CLAIM-CLUSTER'],
    ['another volume', { volumeUuid: sampleUuid(50) }, 'MM-CLAIM-VOLUME'],
    ['another node', { node: 4 }, 'MM-CLAIM-NODE'],
    ['another origin', { originUuid: sampleUuid(50) }, 'MM-CLAIM-ORIGIN'],
  ])('%s', (_, label, code) => {
    for (const state of ['new', 'live', 'down'] as const) expect(outcome({ fence: FENCED }, { ...label, state })).toBe(code);
  });
});

describe('what the store holds', () => {
  test.each<[string, Uint8Array, string, string]>([
    // header, store in use, store in use but for repair
    ['good', GOOD, 'claim', 'claim'],
    ['zero', ZERO, 'MM-CLAIM-EMPTY', 'claim'],
    ['zero magic, rest not', header(0, 1, 1, 16), 'MM-CLAIM-EMPTY', 'claim'],
    ['invalid', INVALID, 'MM-CLAIM-INVALID', 'claim'],
    ['something else', GARBAGE, 'MM-CLAIM-HEADER', 'claim'],
    ['another version', OTHER_VERSION, 'MM-CLAIM-HEADER', 'claim'],
  ])('%s header', (_, storeHeader, mapped, repaired) => {
    for (const state of ['live', 'down'] as const) {
      expect(outcome({ storeHeader }, { state })).toBe(mapped);
      expect(outcome({ storeHeader, purpose: 'repair' }, { state })).toBe(repaired);
    }
    expect(outcome({ storeHeader }, { state: 'new' })).toBe('initialise');
    const other = { kind: 'state' as const, originUuid: NIL_UUID, chunkSectors: 0 };
    expect(outcome({ storeHeader, expected: { ...REQUEST.expected, originUuid: NIL_UUID } }, other)).toBe('claim');
  });

  test('the remedy for an invalid store names the command', () => {
    const decision = decideClaim({ ...REQUEST, storeHeader: INVALID });
    expect(decision.kind === 'refuse' && decision.problem.remedy).toContain('metamaster restore --revalidate');
  });

  test('repair does not go round the fence', () => expect(outcome({ owner: FOREIGN, purpose: 'repair' })).toBe('MM-CLAIM-FOREIGN'));
});

describe('the new record', () => {
  test('epoch and counter go on from the former owner\'s', () => {
    const decision = decideClaim({ ...REQUEST, owner: FOREIGN, fence: FENCED });
    expect(decision).toEqual({ kind: 'claim', initialise: false, owner: { hardwareId: SAME.hardwareId, bootNonce: 'bb'.repeat(16), epoch: 6, counter: 71, node: 3, volumeUuid: LABEL.volumeUuid, renewedAtUnixMs: 2000 } });
  });
  test('the first owner begins at 1', () => {
    const decision = decideClaim({ ...REQUEST, owner: undefined, label: { ...LABEL, state: 'new' }, claimant: { hardwareId: 'a', bootNonce: 'cc'.repeat(16) } });
    expect(decision).toMatchObject({ kind: 'claim', owner: { epoch: 1, counter: 1, renewedAtUnixMs: 0 } });
  });
});
