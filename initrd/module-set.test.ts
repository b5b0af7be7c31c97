import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesBelow, moduleClosure, moduleName, readBuiltin, readModuleDependencies } from './module-set.ts';

const DEP = [
  'kernel/drivers/scsi/iscsi_tcp.ko.xz: kernel/drivers/scsi/libiscsi_tcp.ko.xz kernel/drivers/scsi/libiscsi.ko.xz',
  'kernel/drivers/scsi/libiscsi_tcp.ko.xz: kernel/drivers/scsi/libiscsi.ko.xz',
  'kernel/drivers/scsi/libiscsi.ko.xz:',
  'kernel/arch/x86/crypto/crc32c-intel.ko.xz:',
  'kernel/drivers/net/ethernet/intel/e1000/e1000.ko.xz:',
  'kernel/drivers/net/ethernet/broadcom/tg3.ko.xz: kernel/drivers/ptp/ptp.ko.xz',
  'kernel/drivers/ptp/ptp.ko.xz:',
  'kernel/drivers/net/ethernet-other/odd.ko.xz:',
  '',
].join('\n');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'module-set-'));
  writeFileSync(join(folder, 'modules.dep'), DEP);
  writeFileSync(join(folder, 'modules.builtin'), 'kernel/lib/crc32c_generic.ko\nkernel/fs/ext4/ext4.ko\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('moduleClosure', () => {
  test('takes along what a module needs, once each, in order', () => {
    expect(moduleClosure(folder, ['iscsi_tcp'])).toEqual(['kernel/drivers/scsi/iscsi_tcp.ko.xz', 'kernel/drivers/scsi/libiscsi.ko.xz', 'kernel/drivers/scsi/libiscsi_tcp.ko.xz']);
  });

  test('a hyphen and an underscore are one; what is built in needs no file', () => {
    expect(moduleClosure(folder, ['crc32c_intel', 'crc32c-generic', 'ext4'])).toEqual(['kernel/arch/x86/crypto/crc32c-intel.ko.xz']);
  });

  test('a folder takes all that is below it, and not what only begins like it', () => {
    expect(moduleClosure(folder, [], ['kernel/drivers/net/ethernet'])).toEqual([
      'kernel/drivers/net/ethernet/broadcom/tg3.ko.xz', 'kernel/drivers/net/ethernet/intel/e1000/e1000.ko.xz', 'kernel/drivers/ptp/ptp.ko.xz',
    ]);
  });

  test('all that is missing is named at once', () => {
    expect(() => moduleClosure(folder, ['nosuch', 'iscsi_tcp', 'neither'])).toThrow(/no module named nosuch, neither/);
  });

  test('is closed: whatever is in it has all that it needs in it, also round in circles', () => {
    const modules = fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 4 }), { minLength: 10, maxLength: 10 });
    fc.assert(fc.property(modules, fc.nat({ max: 9 }), (needs, wanted) => {
      const other = mkdtempSync(join(tmpdir(), 'module-set-'));
      try {
        writeFileSync(join(other, 'modules.dep'), needs.map((numbers, i) => `k/m${i}.ko: ${numbers.map((n) => `k/m${n}.ko`).join(' ')}\n`).join(''));
        writeFileSync(join(other, 'modules.builtin'), '');
        const closure = new Set(moduleClosure(other, [`m${wanted}`]));
        expect(closure.has(`k/m${wanted}.ko`)).toBe(true);
        for (const path of closure) for (const n of needs[Number(path.slice(3, -3))]!) expect(closure.has(`k/m${n}.ko`)).toBe(true);
      } finally {
        rmSync(other, { recursive: true });
      }
    }), { numRuns: 40 });
  });
});

test('names: as the kernel spells them', () => {
  expect(['kernel/a/b-c.ko.xz', 'b_c.ko', 'x/y.ko.zst', 'plain'].map(moduleName)).toEqual(['b_c', 'b_c', 'y', 'plain']);
});

test('tables: empty lines are nothing', () => {
  expect(readModuleDependencies('\na.ko: b.ko  c.ko\nb.ko:\n')).toEqual(new Map([['a.ko', ['b.ko', 'c.ko']], ['b.ko', []]]));
  expect(readBuiltin('\nkernel/x-y.ko\n')).toEqual(new Set(['x_y']));
});

test('filesBelow: files of all depths, in order, without folders', () => {
  mkdirSync(join(folder, 'tree/b/c'), { recursive: true });
  for (const path of ['tree/z', 'tree/a', 'tree/b/c/d']) writeFileSync(join(folder, path), '');
  expect(filesBelow(join(folder, 'tree'))).toEqual(['a', 'b/c/d', 'z']);
});
