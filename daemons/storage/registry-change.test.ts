import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES } from './block.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from './memory-disk.test-kit.ts';
import type { Registry } from './registry.ts';
import { encodeRegistry } from './registry.ts';
import { type ChangeRequest, confirmChange, planChange, type RegistryChange } from './registry-change.ts';
import { setDrained } from './registry-edit-nodes.ts';
import { planRegistryFormat } from './registry-format.ts';
import { planRegistryWrite, registryPartitionBytes, type SlotNumber, slotBodyOffset, slotHeaderOffset } from './registry-layout.ts';
import { readRegistry, type RegistryFound } from './registry-read.ts';
import { SAMPLE_SUPERBLOCK, sampleRegistry } from './sample-san.test-kit.ts';

const PARTITION = registryPartitionBytes(SAMPLE_SUPERBLOCK);
const named = (registry: Registry, clusterName: string): Registry => ({ ...registry, roster: { ...registry.roster, clusterName } });
const read = (disk: MemoryDisk) => readRegistry(disk.read, PARTITION);
const found = (disk: MemoryDisk): RegistryFound => valueOf(read(disk));
const nameIn = (disk: MemoryDisk): string => found(disk).registry.roster.clusterName;

/** A partition as the installer leaves it. */
function installed(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.apply(planRegistryFormat(SAMPLE_SUPERBLOCK, PARTITION));
  disk.apply(valueOf(planRegistryWrite({ superblock: SAMPLE_SUPERBLOCK, headers: [], writer: 0, leaseVersion: 0, generation: 1, body: encodeRegistry(named(sampleRegistry(), 'first')) })));
  return disk;
}

const change = (disk: MemoryDisk, name: string, writer: number, leaseVersion: number, more: Partial<ChangeRequest> = {}): RegistryChange =>
  valueOf(planChange({ found: found(disk), edited: named(found(disk).registry, name), writer, leaseVersion, ...more }));
const outcome = (planned: RegistryChange, disk: MemoryDisk): string => confirmChange(planned, read(disk)).kind;
const codeOf = (result: ReturnType<typeof planChange>): string => (result.ok ? 'fine' : result.problems.map(({ code }) => code).join());

describe('planChange', () => {
  test('the next generation, into a slot of the writer', () => {
    const disk = installed();
    const planned = change(disk, 'second', 2, 5, { nowUnixMs: 1000 });
    expect(planned.header).toMatchObject({ writer: 2, slot: 0, leaseVersion: 5, generation: 2, writtenAtUnixMs: 1000 });
    expect(planned.steps.map((step) => (step.kind === 'write' ? step.offset : 'flush'))).toEqual([slotBodyOffset(SAMPLE_SUPERBLOCK, 2, 0), 'flush', slotHeaderOffset(SAMPLE_SUPERBLOCK, 2, 0), 'flush']);
    disk.apply(planned.steps);
    expect(found(disk)).toMatchObject({ registry: planned.registry, header: planned.header });
  });
  test('change by change a writer takes its slots in turn, never the one that holds the registry', () => {
    const disk = installed();
    const slots = ['a', 'b', 'c', 'd'].map((name): SlotNumber => {
      const planned = change(disk, name, 1, 3);
      const { header } = found(disk);
      expect([planned.header.writer, planned.header.slot]).not.toEqual([header.writer, header.slot]);
      disk.apply(planned.steps);
      expect(nameIn(disk)).toBe(name);
      return planned.header.slot;
    });
    expect(slots).toEqual([0, 1, 0, 1]);
    expect(found(disk).header.generation).toBe(5);
  });
  test('an edit that changed nothing writes nothing, and is confirmed', () => {
    const disk = installed();
    const edited = valueOf(setDrained(found(disk).registry, { node: 1, drained: false }));
    const planned = valueOf(planChange({ found: found(disk), edited, writer: 1, leaseVersion: 1 }));
    expect([planned.steps, outcome(planned, disk)]).toEqual([[], 'written']);
  });
  test('what is unchanged is written when that is asked for: one generation more, and the same registry', () => {
    const disk = installed();
    const before = found(disk);
    const planned = valueOf(planChange({ found: before, edited: before.registry, writer: 1, leaseVersion: 1, rewrite: true }));
    disk.apply(planned.steps);
    expect([outcome(planned, disk), found(disk).header.generation, found(disk).registry]).toEqual(['written', 2, before.registry]);
  });
  test('a torn write in front is outdone: when its rest arrives late, it does not count', () => {
    const disk = installed();
    const torn = change(disk, 'torn', 1, 4);
    const [body, , header] = torn.steps;
    disk.apply([header!]);
    const planned = change(disk, 'next', 2, 4);
    expect(planned.header.generation).toBe(torn.header.generation + 1);
    disk.apply(planned.steps);
    disk.apply([body!]);
    expect([nameIn(disk), outcome(planned, disk), outcome(torn, disk)]).toEqual(['next', 'written', 'overtaken']);
  });
  test('of two own slots the torn newer one is written over, not the older one that holds the registry', () => {
    const disk = installed();
    const whole = change(disk, 'whole', 1, 1);
    disk.apply(whole.steps);
    const torn = change(disk, 'torn', 1, 1);
    disk.apply([torn.steps[2]!]);
    expect([nameIn(disk), torn.header.slot]).toEqual(['whole', 1]);
    const planned = change(disk, 'next', 1, 1);
    expect([planned.header.slot, planned.header.generation]).toEqual([1, torn.header.generation + 1]);
    disk.apply(planned.steps.slice(0, 2));
    expect(nameIn(disk)).toBe('whole');
  });
  test.each<[string, Partial<ChangeRequest>, string]>([
    ['a writer without slots', { writer: 3 }, 'MM-REGISTRY-WRITER'],
    ['a lease of before another\'s', { leaseVersion: 6 }, 'MM-REGISTRY-STALE'],
    ['a registry that outgrew its slots', { edited: { ...sampleRegistry(), authorizedKeys: ['x'.repeat(SAMPLE_SUPERBLOCK.slotBytes)] } }, 'MM-REGISTRY-LENGTH'],
    ['what no blade would take', { edited: { ...sampleRegistry(), extentCount: 1 } }, 'MM-REGISTRY-RELATION'],
  ])('refused: %s', (_, more, wanted) => {
    const disk = installed();
    disk.apply(change(disk, 'by node 2', 2, 7).steps);
    const result = planChange({ found: found(disk), edited: sampleRegistry(), writer: 1, leaseVersion: 7, ...more });
    expect(codeOf(result)).toContain(wanted);
  });
  test('a node that writes without a lease is our own mistake', () => {
    const disk = installed();
    expect(() => change(disk, 'x', 1, 0)).toThrow(RangeError);
    expect(change(disk, 'x', 0, 0).header.generation).toBe(2);
  });
});

describe('confirmChange', () => {
  test('cut off and torn anywhere: the old registry and `torn`, or the new one and `written`; repeated, it is there', () => {
    const cut = fc.record({ writer: fc.integer({ min: 1, max: 2 }), done: fc.integer({ min: 0, max: 4 }), seed: fc.nat() });
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 5 }), (cuts) => {
        let disk = installed();
        let leaseVersion = 0;
        for (const [i, { writer, done, seed }] of cuts.entries()) {
          const before = nameIn(disk);
          leaseVersion += i % 2;
          const planned = change(disk, `change-${i}`, writer, leaseVersion + 1);
          disk = afterPowerLoss(disk, planned.steps, done, arrivalOf(seed));
          const kind = outcome(planned, disk);
          expect([kind, nameIn(disk)]).toEqual(kind === 'written' ? ['written', `change-${i}`] : ['torn', before]);
          if (done === 4) expect(kind).toBe('written');
          if (kind === 'written') continue;
          const again = change(disk, `change-${i}`, writer, leaseVersion + 1);
          disk.apply(again.steps);
          expect([outcome(again, disk), nameIn(disk)]).toEqual(['written', `change-${i}`]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a lost race: two wrote over the same registry; the lease decides, and of one lease the lower writer', () => {
    for (const [one, other] of [[1, 1], [1, 2], [2, 1]] as const) {
      for (const turned of [false, true]) {
        const disk = installed();
        const a = change(disk, 'a', 1, one);
        const b = change(disk, 'b', 2, other);
        for (const { steps } of turned ? [b, a] : [a, b]) disk.apply(steps);
        const winner = other > one ? 'b' : 'a';
        expect(nameIn(disk)).toBe(winner);
        expect([outcome(a, disk), outcome(b, disk)]).toEqual(winner === 'a' ? ['written', 'overtaken'] : ['overtaken', 'written']);
      }
    }
  });
  test('of a tie the winner is warned', () => {
    const disk = installed();
    const [a, b] = [change(disk, 'a', 1, 1), change(disk, 'b', 2, 1)];
    disk.apply([...a.steps, ...b.steps]);
    const won = confirmChange(a, read(disk));
    expect(won.kind === 'written' && won.found.warnings.map(({ code }) => code)).toEqual(['MM-REGISTRY-TIE']);
  });
  test('who changes it next overtakes, too: the problem names the change that counts', () => {
    const disk = installed();
    const mine = change(disk, 'mine', 1, 1);
    disk.apply(mine.steps);
    disk.apply(change(disk, 'next', 2, 2).steps);
    const result = confirmChange(mine, read(disk));
    expect(result).toMatchObject({ kind: 'overtaken', found: { registry: { roster: { clusterName: 'next' } } }, problems: [{ code: 'MM-CHANGE-OVERTAKEN', where: 'registry slot 1/0', seen: 'lease version 2, generation 3 of writer 2' }] });
  });
  test('two programs with one writer\'s number: another body under the very same header is not mine', () => {
    const disk = installed();
    const mine = change(disk, 'mine', 1, 1);
    disk.apply(change(disk, 'its', 1, 1).steps);
    expect(outcome(mine, disk)).toBe('overtaken');
  });
  test('torn: what stands there, and that it is to be repeated', () => {
    const disk = installed();
    const planned = change(disk, 'never sent', 1, 1);
    expect(confirmChange(planned, read(disk))).toMatchObject({ kind: 'torn', problems: [{ code: 'MM-CHANGE-TORN', where: 'registry slot 1/0', rule: 'lease version 1, generation 2 of writer 1', seen: 'lease version 0, generation 1 of writer 0' }] });
  });
  test('nothing that could be read', () => {
    const disk = installed();
    const planned = change(disk, 'x', 1, 1);
    disk.apply(planned.steps);
    disk.write(0, new Uint8Array(BLOCK_BYTES));
    disk.write(PARTITION - BLOCK_BYTES, new Uint8Array(BLOCK_BYTES));
    const result = confirmChange(planned, read(disk));
    expect(result.kind === 'unreadable' && result.problems.map(({ code }) => code)).toEqual(['MM-BLOCK-MAGIC', 'MM-BLOCK-MAGIC']);
  });
});
