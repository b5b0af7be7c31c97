import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ARM64_PAIR_MAX_BYTES, arm64Sources, checkArm64Sources } from './arm64-files.ts';

const TOOLS = join(import.meta.dirname, '../build/images/debian-13/tools');
const RECIPE = { arm64: { kernel: 'arm64/vmlinuz', initrd: 'arm64/initrd' } };

/** The head of an EFI program: DOS header, PE header, machine. */
function efiProgram(machine: number, peAt = 0x40): Uint8Array {
  const bytes = new Uint8Array(0x80);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(0x3c, peAt, true);
  view.setUint32(0x40, 0x4550, true);
  view.setUint16(0x44, machine, true);
  return bytes;
}

let folder = '';
const tools = (): string => join(folder, 'tools');
const loader = (): string => join(tools(), 'usr/lib/ipxe/ipxe-arm64.efi');
const check = () => checkArm64Sources(arm64Sources(RECIPE, folder, tools()));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'arm64-'));
  for (const path of ['arm64', 'tools/usr/lib/ipxe']) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, 'arm64/vmlinuz'), efiProgram(0xaa64));
  writeFileSync(join(folder, 'arm64/initrd'), 'i');
  writeFileSync(loader(), efiProgram(0xaa64));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a recipe that brings nothing has no files, and nothing is wrong with them', () => {
  expect(arm64Sources({}, folder, tools()).size).toBe(0);
  expect(() => checkArm64Sources(new Map())).not.toThrow();
});

test('one that brings kernel and initrd has them from its own folder, and the loader from the tools', () => {
  expect([...arm64Sources(RECIPE, folder, tools())]).toEqual([['vmlinuz-arm64', join(folder, 'arm64/vmlinuz')], ['initrd-arm64.img', join(folder, 'arm64/initrd')], ['ipxe-arm64.efi', loader()]]);
  expect(check).not.toThrow();
});

describe('is refused with path, rule, what was seen and what to do', () => {
  test('all that is missing, at once', () => {
    for (const path of [join(folder, 'arm64/vmlinuz'), join(folder, 'arm64/initrd'), loader()]) rmSync(path);
    expect(check).toThrow(new RegExp(`arm64/vmlinuz, for vmlinuz-arm64: must be there, seen no file; bring .*\n.*arm64/initrd, for initrd-arm64.img: .*\n.*ipxe-arm64.efi: must be there, .*add Debian's package ipxe`));
  });

  test.each<[string, string, Uint8Array | string, RegExp]>([
    ['a kernel for x64', 'arm64/vmlinuz', efiProgram(0x8664), /for vmlinuz-arm64: must be an EFI program for arm64 \(machine 0xaa64\), seen one for machine 0x8664; /],
    ['a kernel packed by gzip', 'arm64/vmlinuz', Uint8Array.of(0x1f, 0x8b, ...new Uint8Array(100)), /seen no EFI program; bring a kernel with its EFI stub, not packed by gzip/],
    ['a kernel that is cut off', 'arm64/vmlinuz', efiProgram(0xaa64).slice(0, 0x44), /vmlinuz-arm64: .*seen no EFI program/],
    ['one of a few bytes', 'arm64/vmlinuz', 'MZ', /vmlinuz-arm64: .*seen no EFI program/],
    ['a header that points out of the file', 'arm64/vmlinuz', efiProgram(0xaa64, 0xffffffff), /vmlinuz-arm64: .*seen no EFI program/],
    ['a loader for x64', 'tools/usr/lib/ipxe/ipxe-arm64.efi', efiProgram(0x8664), /for ipxe-arm64.efi: .*seen one for machine 0x8664/],
    ['an empty initrd', 'arm64/initrd', '', /for initrd-arm64.img: must be no empty file, seen 0 bytes; bring the initrd that belongs to the kernel/],
  ])('%s', (_name, path, content, said) => {
    writeFileSync(join(folder, path), content);
    expect(check).toThrow(said);
  });

  test('a folder', () => {
    rmSync(join(folder, 'arm64/initrd'));
    mkdirSync(join(folder, 'arm64/initrd'));
    expect(check).toThrow(/must be a file, seen a folder or device/);
  });

  test('a pair that the boot volume has no room for', () => {
    truncateSync(join(folder, 'arm64/initrd'), ARM64_PAIR_MAX_BYTES);
    expect(check).toThrow(`must have at most ${ARM64_PAIR_MAX_BYTES} bytes together, seen ${ARM64_PAIR_MAX_BYTES + 0x80}`);
    truncateSync(join(folder, 'arm64/initrd'), ARM64_PAIR_MAX_BYTES - 0x80);
    expect(check).not.toThrow();
  });
});

const real = join(TOOLS, 'usr/lib/ipxe/ipxe-arm64.efi');
test.skipIf(!existsSync(real))("Debian's own loader is one for arm64 (skipped without images)", () => {
  expect(() => checkArm64Sources(arm64Sources(RECIPE, folder, TOOLS))).not.toThrow();
});
