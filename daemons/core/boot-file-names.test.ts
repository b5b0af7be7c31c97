import { expect, test } from 'vitest';
import { hasArm64Files, missingArm64Files } from './boot-file-names.ts';

test.each<[readonly string[], boolean, readonly string[]]>([
  [['vmlinuz', 'initrd.img'], false, []],
  [['vmlinuz', 'vmlinuz-arm64', 'initrd-arm64.img', 'ipxe-arm64.efi'], true, []],
  [['vmlinuz-arm64'], false, ['initrd-arm64.img', 'ipxe-arm64.efi']],
  [['initrd-arm64.img', 'ipxe-arm64.efi'], false, ['vmlinuz-arm64']],
])('the files for arm64 among %j: all there %s, missing %j', (names, all, missing) => {
  const has = (name: string): boolean => names.includes(name);
  expect([hasArm64Files(has), missingArm64Files(has)]).toEqual([all, missing]);
});
