import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from './block.ts';
import { decideHandBack, devicesInTheWay, type HandBackPlan, type HandBackRequest } from './hand-back.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import type { OwnerRecord } from './owner-record.ts';
import { decideClaim } from './ownership.ts';
import { sampleLabel, sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';
import { chooseLabel, encodeLabel, LABEL_OFFSETS, LABEL_STATES, labelSteps, type VolumeLabel } from './volume-label.ts';

const registry = sampleRegistry();
const volumeOf = (name: string) => registry.volumes.find((volume) => volume.name === name)!;
const mapped = (name: string, ...devices: string[]) => ({ name, uuid: volumeOf(name).uuid, offset: 0, devices });
const PLAN: HandBackPlan = {
  clusterUuid: registry.clusterUuid, node: 2, hardwareId: 'board/52:54:00:00:00:02', bootNonce: 'ab'.repeat(16), target: 'iqn.2026-01.example:san', disk: '/dev/sda', multipath: 'debian-san',
  volumes: [mapped('state2', 'debian-state2'), mapped('node2', 'debian-node2', 'debian-store2')],
};
const [STATE, STORE] = [PLAN.volumes[0]!, PLAN.volumes[1]!];
const LABEL: VolumeLabel = { ...sampleLabel(registry, volumeOf('state2')), state: 'live', generation: 8 };
const OWNER: OwnerRecord = { hardwareId: PLAN.hardwareId, bootNonce: PLAN.bootNonce, epoch: 4, counter: 70, node: 2, volumeUuid: STATE.uuid, renewedAtUnixMs: 0 };

const request = (change: Partial<HandBackRequest> = {}, label: Partial<VolumeLabel> = {}): HandBackRequest => {
  const block = encodeLabel({ ...LABEL, ...label });
  return { plan: PLAN, volume: STATE, label: chooseLabel(block, block), owner: OWNER, left: [], ...change };
};
const codeOf = (asked: HandBackRequest): string => {
  const decision = decideHandBack(asked);
  return decision.kind === 'keep' ? decision.problem.code : decision.kind;
};

test.each([
  ['ours, unmapped, live', request(), 'give-back'],
  ['renewed in between', request({ owner: { ...OWNER, counter: 900, epoch: 4 } }), 'give-back'],
  ['already given back', request({}, { state: 'down' }), 'leave'],
  ['never put to use', request({}, { state: 'new' }), 'leave'],
  ['still mapped', request({ left: ['debian-state2'] }), 'MM-DOWN-HELD'],
  ['a device that nobody accounts for', request({ left: ['rescue'] }), 'MM-DOWN-HELD'],
  ['only another volume of the plan is still mapped', request({ left: ['debian-node2', 'debian-store2', 'debian-san'] }), 'give-back'],
  ['another machine\'s', request({ owner: { ...OWNER, hardwareId: 'other/mac' } }), 'MM-DOWN-OWNER'],
  ['another boot\'s', request({ owner: { ...OWNER, bootNonce: '00'.repeat(16) } }), 'MM-DOWN-OWNER'],
  ['another volume\'s owner', request({ owner: { ...OWNER, volumeUuid: sampleUuid(77) } }), 'MM-DOWN-OWNER'],
  ['nobody\'s', request({ owner: undefined }), 'MM-DOWN-OWNER'],
  ['an owner that cannot be read', request({ owner: 'damaged' }), 'MM-DOWN-OWNER'],
  ['another volume\'s label', request({}, { volumeUuid: sampleUuid(77) }), 'MM-DOWN-LABEL'],
  ['another cluster\'s label', request({}, { clusterUuid: sampleUuid(77) }), 'MM-DOWN-LABEL'],
  ['another node\'s label', request({}, { node: 1 }), 'MM-DOWN-LABEL'],
  ['no label', request({ label: chooseLabel(new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)) }), 'MM-DOWN-LABEL'],
])('a volume that is %s', (_, asked, wanted) => expect(codeOf(asked)).toBe(wanted));

test('root and store stand in the way of the store together, and not of the state volume', () => {
  const left = ['debian-store2', 'debian-san'];
  expect([devicesInTheWay(PLAN, STORE, left), devicesInTheWay(PLAN, STATE, left)]).toEqual([['debian-store2'], []]);
});

describe('whatever stands there', () => {
  const anyRequest = fc.record({
    state: fc.constantFrom(...LABEL_STATES), generation: fc.integer({ min: 1, max: 2 ** 40 }), copy: fc.constantFrom(0, 1),
    left: fc.subarray(['debian-state2', 'debian-node2', 'debian-store2', 'debian-san', 'rescue']),
    owner: fc.oneof(fc.constant(OWNER), fc.constant(undefined), fc.constant('damaged' as const), fc.constant({ ...OWNER, bootNonce: '00'.repeat(16) }), fc.constant({ ...OWNER, hardwareId: 'other/mac' })),
  });

  test('a volume is given back only when no device of this kernel can write to it and its owner record is this boot\'s; its label is then whole, and lets any machine in', () => {
    fc.assert(fc.property(anyRequest, ({ state, generation, copy, left, owner }) => {
      const disk = new MemoryDisk();
      disk.apply(labelSteps({ ...LABEL, state, generation }, undefined));
      // A copy that is torn, as an earlier power cut may have left it.
      disk.write(LABEL_OFFSETS[copy], new Uint8Array(BLOCK_BYTES).fill(0xee));
      const read = () => chooseLabel(disk.read(LABEL_OFFSETS[0], BLOCK_BYTES), disk.read(LABEL_OFFSETS[1], BLOCK_BYTES));
      const decision = decideHandBack(request({ label: read(), left, owner }));
      const mayBe = owner === OWNER && !left.includes('debian-state2') && !left.includes('rescue');
      expect(decision.kind).toBe(!mayBe ? 'keep' : state === 'live' ? 'give-back' : 'leave');
      if (decision.kind !== 'give-back') return;
      for (const step of decision.steps) {
        if (step.kind === 'write') disk.write(step.offset, step.bytes);
        const seen = read();
        expect(seen.ok && seen.value.label.volumeUuid).toBe(STATE.uuid);
      }
      const after = read();
      if (!after.ok) throw new Error('no label is left');
      expect(after.value).toEqual({ label: { ...LABEL, state: 'down', generation: generation + 1 }, copy: 0, warnings: [] });
      const claim = decideClaim({
        label: after.value.label, owner: OWNER, storeHeader: new Uint8Array(BLOCK_BYTES), claimant: { hardwareId: 'other/mac', bootNonce: 'cd'.repeat(16) },
        expected: { volumeUuid: STATE.uuid, clusterUuid: PLAN.clusterUuid, node: 2, originUuid: LABEL.originUuid },
      });
      expect(claim.kind).toBe('claim');
    }));
  });
});
