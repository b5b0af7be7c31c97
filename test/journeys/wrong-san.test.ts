import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { valueOf } from '../../daemons/core/problem.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { SAMPLE_DISK_BYTES, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import type { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { commandLineOf, ModelBlade } from '../../initrd/model-blade.test-kit.ts';
import { bootRegistry, ModelSan } from '../../initrd/model-san.test-kit.ts';
import { type Refusal, refusalPattern } from './refusal.ts';
import { CLAIM, DISK, LOGIN, REGISTRY } from './wrong-rows.ts';
import {
  allSlotsTorn, differing, foreignOwner, labelGone, laterRegistry, newerVersion, oneExtentTooLarge, oneMacTwice, otherKernel, SanEdits, sanMarks, shrink, storeGivenUp, withoutCard, withoutStore, type DiskWrite,
} from './wrong-san.ts';

const look = (disk: MemoryDisk) => valueOf(readContainer(disk.read, SAMPLE_DISK_BYTES, 'debian'));

/** The rack's row as the model's cluster, which has two nodes and another name, shows it. */
const onModel = (row: Refusal, names = row.names): RegExp => refusalPattern({ ...row, names });

/** A SAN from which node 2 has booted before, so that somebody owns its volumes. */
async function usedSan(): Promise<ModelSan> {
  const san = new ModelSan(sampleSan(bootRegistry()).disk);
  expect(await new ModelBlade(san).boot()).toBe('handover');
  return san;
}

test('one blade meets every state of the SAN in turn, each with its row of the journey, changes nothing, and boots at last', async () => {
  const san = await usedSan();
  const { disk } = san;
  const found = look(disk);
  const { registry } = found;
  const former: DiskWrite[] = [];
  const apply = (writes: readonly DiskWrite[]): void => {
    for (const { offset, bytes } of writes) {
      former.push({ offset, bytes: disk.read(offset, bytes.length) });
      disk.write(offset, bytes);
    }
  };
  const later = (number: number, body: Uint8Array, torn = false) => apply(laterRegistry(found, body, number, torn));
  const good = disk.clone();
  const putBack = (writes: readonly DiskWrite[]) => writes.forEach(({ offset, bytes }) => disk.write(offset, good.read(offset, bytes.length)));
  const foreign = foreignOwner(found, disk.read, 2);
  const givenUp = storeGivenUp(found, disk.read, 2);
  // The model's store is so small that it may always have overflowed.
  const tooSmall: Refusal = { ...CLAIM.invalid, code: 'MM-BOOT-STORE-FULL', names: 'store node2.*: .*it may have overflowed', remedy: 'Reset it' };
  const rows: readonly (readonly [change: () => void, shows: RegExp])[] = [
    [() => apply(allSlotsTorn(found)), onModel(REGISTRY.torn)],
    [() => later(1, newerVersion(registry)), onModel(REGISTRY.version)],
    [() => later(2, withoutStore(registry, 2)), onModel(REGISTRY.store, 'exactly one store volume for node 2; seen 0')],
    [() => later(3, oneExtentTooLarge(registry, 2)), onModel(REGISTRY.extent)],
    [() => later(4, oneMacTwice(registry, 2, 1)), onModel(REGISTRY.mac)],
    [() => later(5, withoutCard(registry, 2)), onModel(REGISTRY.stranger, 'is not in the roster of sample: .*02:00:00:00:00:99')],
    [() => { apply(foreign); later(7, otherKernel(registry, 'torn'), true); later(6, otherKernel(registry, '6.1.0-another')); }, onModel(CLAIM.foreign)],
    [() => { apply(givenUp); putBack(foreign); }, onModel(tooSmall)],
    [() => { apply(labelGone(found, 2)); putBack(givenUp); }, onModel(CLAIM.label)],
  ];
  const blade = new ModelBlade(san);
  blade.files.set('/proc/sys/kernel/osrelease', `${registry.origins[0]!.kernelRelease}\n`);
  rows[0]![0]();
  let marks = sanMarks(found, disk.read);
  let at = 0;
  blade.onPause = (tries) => {
    const said = blade.console.join('\n').slice(at);
    expect(said).toMatch(rows[tries - 1]![1]);
    expect(differing(marks, sanMarks(found, disk.read))).toEqual([]);
    at += said.length;
    if (tries < rows.length) rows[tries]![0]();
    else putBack(labelGone(found, 2));
    marks = sanMarks(found, disk.read);
  };
  expect(await blade.boot(rows.length), blade.console.join('\n')).toBe('handover');
  const warnings = blade.state!.warnings.join('\n');
  expect(warnings).toMatch(/MM-REGISTRY-BODY: registry slot 1\/\d: /);
  expect(warnings).toContain('MM-BOOT-VERSION');
  expect(blade.state!.generation).toBe(found.header.generation + 6);
  former.toReversed().forEach(({ offset, bytes }) => disk.write(offset, bytes));
  expect(look(disk).header).toEqual(found.header);
});

test.each([
  ['a wrong port', LOGIN.port, 'at 10\\.0\\.0\\.252, port 3261.*Connection refused', `${commandLineOf(2)} storage_port=3261`],
  ['a wrong target', LOGIN.target, 'example:another at', commandLineOf(2).replace('example:san', 'example:another')],
  ['a wrong address', LOGIN.address, 'at 10\\.0\\.0\\.249', commandLineOf(2).replace('10.0.0.252', '10.0.0.249')],
  ['a wrong container', DISK.container, DISK.container.names, commandLineOf(2).replace('defaultdebian', 'defaultanother')],
])('%s is shown as its row says', async (_, row, names, commandLine) => {
  const blade = new ModelBlade(new ModelSan(sampleSan(bootRegistry()).disk), { commandLine });
  expect(await blade.boot(1)).toBe('stuck');
  expect(blade.console.join('\n')).toMatch(onModel(row, names));
});

test('a message without its remedy, of another step or with another name is not what the row says', () => {
  const lines = (step: string, name: string, remedy: string) => `metamaster: step ${step} FAILED (try 2)\n    why:  MM-CONTAINER-NONE: GPT: a container '${name}'; seen debian\n[  8.1] a line of the kernel's\n    what to do: ${remedy}\n`;
  const pattern = refusalPattern(DISK.container);
  expect(pattern.exec(lines('registry', 'another', 'Name one that is there, or install first.'))?.[1]).toBe("MM-CONTAINER-NONE: GPT: a container 'another'; seen debian");
  expect(lines('registry', 'another', '')).not.toMatch(pattern);
  expect(lines('login', 'another', 'Name one that is there')).not.toMatch(pattern);
  expect(lines('registry', 'third', 'Name one that is there')).not.toMatch(pattern);
});

test('marks see a change of registry, label, owner record and data; of a node that runs only what it does not write itself', async () => {
  const { disk } = await usedSan();
  const found = look(disk);
  const before = sanMarks(found, disk.read);
  const running = sanMarks(found, disk.read, [2]);
  for (const write of [...foreignOwner(found, disk.read, 2), ...storeGivenUp(found, disk.read, 2), ...labelGone(found, 2), ...laterRegistry(found, newerVersion(found.registry), 1)]) disk.write(write.offset, write.bytes);
  expect(differing(before, sanMarks(found, disk.read))).toEqual(['registry', 'owner record of node2', 'data of node2', 'label of state2']);
  expect(differing(running, sanMarks(found, disk.read, [2]))).toEqual(['registry', 'label of state2']);
});

test('edits of a file are taken back, the last one first, and a file that was shrunk has its bytes again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mm-wrong-san-'));
  try {
    const path = join(folder, 'san.img');
    const bytes = Uint8Array.from({ length: 8192 }, (_, i) => i % 251);
    writeFileSync(path, bytes);
    const edits = new SanEdits(path);
    edits.apply([{ offset: 512, bytes: new Uint8Array(1024) }]);
    edits.apply([{ offset: 1024, bytes: new Uint8Array(512).fill(7) }]);
    expect([...readFileSync(path).subarray(510, 513), ...readFileSync(path).subarray(1023, 1025)]).toEqual([510 % 251, 511 % 251, 0, 0, 7]);
    const giveBack = shrink(path, 4096);
    expect(readFileSync(path)).toHaveLength(4096);
    giveBack();
    edits.undo();
    edits.undo();
    expect(Uint8Array.from(readFileSync(path))).toEqual(bytes);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
