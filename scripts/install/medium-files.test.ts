import { afterAll, expect, test } from 'vitest';
import { ARM64_FILE_NAMES, BOOT_FILE_NAMES } from '../../daemons/core/boot-file-names.ts';
import { makeDisc } from './install.test-kit.ts';
import { bootFilesOnMedium } from './medium-files.ts';

const removals: (() => void)[] = [];
afterAll(() => removals.forEach((remove) => remove()));

function medium(names: readonly string[]): string {
  const { places, remove } = makeDisc(names);
  removals.push(remove);
  return places.bootFolder;
}

test('the four that every disc has, and those for arm64 where they are', () => {
  expect(bootFilesOnMedium(medium(BOOT_FILE_NAMES))).toEqual(['vmlinuz', 'initrd.img', 'undionly.kpxe', 'snponly.efi']);
  expect(bootFilesOnMedium(medium([...ARM64_FILE_NAMES, ...BOOT_FILE_NAMES]))).toEqual(['vmlinuz', 'initrd.img', 'undionly.kpxe', 'snponly.efi', 'vmlinuz-arm64', 'initrd-arm64.img', 'ipxe-arm64.efi']);
});

test.each([
  ['one of the four', [...ARM64_FILE_NAMES, ...BOOT_FILE_NAMES.slice(1)], 'seen no vmlinuz. The'],
  ['one for arm64', [...BOOT_FILE_NAMES, 'vmlinuz-arm64', 'ipxe-arm64.efi'], 'seen no initrd-arm64.img. The'],
  ['both kernels', [...BOOT_FILE_NAMES.slice(1), 'initrd-arm64.img', 'ipxe-arm64.efi'], 'seen no vmlinuz, no vmlinuz-arm64. The'],
])('without %s the medium is damaged', (_name, names, seen) => {
  const folder = medium(names);
  expect(() => bootFilesOnMedium(folder)).toThrow(/^MM-INSTALL-MEDIUM-DAMAGED: .*Nothing was written\.$/s);
  expect(() => bootFilesOnMedium(folder)).toThrow(seen);
});
