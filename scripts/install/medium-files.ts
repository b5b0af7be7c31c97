// Which boot files the medium brings.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ARM64_FILE_NAMES, BOOT_FILE_NAMES, hasArm64Files, missingArm64Files } from '../../daemons/core/boot-file-names.ts';
import { InputError } from '../../daemons/core/problem.ts';

/** The names of the boot files in this folder of the medium, those for arm64 among them where it has them. @throws InputError when one is missing */
export function bootFilesOnMedium(folder: string): readonly string[] {
  const has = (name: string): boolean => existsSync(join(folder, name));
  const missing = [...BOOT_FILE_NAMES.filter((name) => !has(name)), ...missingArm64Files(has)];
  if (missing.length > 0) {
    const rule = `holds ${BOOT_FILE_NAMES.join(', ')}; ${ARM64_FILE_NAMES.join(', ')} all or none`;
    throw new InputError([{ code: 'MM-INSTALL-MEDIUM-DAMAGED', where: folder, rule, seen: `no ${missing.join(', no ')}`, remedy: 'The medium is damaged; make it anew. Nothing was written.' }]);
  }
  return [...BOOT_FILE_NAMES, ...(hasArm64Files(has) ? ARM64_FILE_NAMES : [])];
}
