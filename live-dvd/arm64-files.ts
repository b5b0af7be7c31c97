// The boot files for arm64 blades, where a recipe brings them: kernel and initrd as somebody else made them, the loader from the tools tree.
// Nothing of them is made here: an x64 payload has neither an arm64 kernel nor the programs of an arm64 initrd.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ARM64_INITRD, ARM64_KERNEL, ARM64_LOADER } from '../daemons/core/boot-file-names.ts';
import type { Recipe } from './recipe.ts';

const MIB = 2 ** 20;
/** Kernel and initrd for arm64 together: with everything else that a recipe brings they fit in a boot volume (64 MiB, scripts/install/layout.ts). */
export const ARM64_PAIR_MAX_BYTES = 40 * MIB;
/** PE/COFF's IMAGE_FILE_MACHINE_ARM64. A kernel with an EFI stub, compressed by itself or not, is such a program as the loader is. */
const PE_ARM64 = 0xaa64;
const DOS_MAGIC = 0x5a4d;
const PE_MAGIC = 0x4550;
/** Where the DOS header, which is that long, tells where the PE header begins. */
const PE_POINTER_OFFSET = 0x3c;
const DOS_HEADER_BYTES = 0x40;

/** Boot files by name, each with the path that it comes from. */
export type FileSources = ReadonlyMap<string, string>;

/** Where the files for arm64 come from; empty for a recipe that brings none. `folder`: the recipe's folder of images; `tools`: the tools tree. */
export function arm64Sources({ arm64 }: Pick<Recipe, 'arm64'>, folder: string, tools: string): FileSources {
  if (arm64 === undefined) return new Map();
  return new Map([[ARM64_KERNEL, join(folder, arm64.kernel)], [ARM64_INITRD, join(folder, arm64.initrd)], [ARM64_LOADER, join(tools, 'usr/lib/ipxe', ARM64_LOADER)]]);
}

/** The machine that an EFI program is for; undefined for bytes that are no EFI program. */
function efiMachine(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < DOS_HEADER_BYTES || view.getUint16(0, true) !== DOS_MAGIC) return undefined;
  const at = view.getUint32(PE_POINTER_OFFSET, true);
  if (at + 6 > bytes.length || view.getUint32(at, true) !== PE_MAGIC) return undefined;
  return view.getUint16(at + 4, true);
}

const REMEDIES: Readonly<Record<string, string>> = {
  [ARM64_KERNEL]: 'bring a kernel with its EFI stub, not packed by gzip',
  [ARM64_INITRD]: 'bring the initrd that belongs to the kernel',
  [ARM64_LOADER]: "add Debian's package ipxe to the recipe's tools",
};

function fileProblem(name: string, path: string): string | undefined {
  const problem = (rule: string, seen: string): string => `${path}, for ${name}: must be ${rule}, seen ${seen}; ${REMEDIES[name]}`;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return problem('there', 'no file');
  if (!stat.isFile()) return problem('a file', 'a folder or device');
  if (stat.size === 0) return problem('no empty file', '0 bytes');
  const machine = name === ARM64_INITRD ? PE_ARM64 : efiMachine(readFileSync(path));
  if (machine === PE_ARM64) return undefined;
  return problem(`an EFI program for arm64 (machine 0x${PE_ARM64.toString(16)})`, machine === undefined ? 'no EFI program' : `one for machine 0x${machine.toString(16)}`);
}

/** Looks at the files for arm64 before anything is made of them. @throws Error that names everything that is wrong */
export function checkArm64Sources(sources: FileSources): void {
  const problems = Array.from(sources, ([name, path]) => fileProblem(name, path)).filter((problem) => problem !== undefined);
  if (problems.length === 0 && sources.size > 0) {
    const bytes = [ARM64_KERNEL, ARM64_INITRD].reduce((sum, name) => sum + statSync(sources.get(name)!).size, 0);
    if (bytes > ARM64_PAIR_MAX_BYTES) problems.push(`${ARM64_KERNEL} and ${ARM64_INITRD}: must have at most ${ARM64_PAIR_MAX_BYTES} bytes together, seen ${bytes}; bring smaller ones`);
  }
  if (problems.length > 0) throw new Error(`the recipe's files for arm64:\n${problems.join('\n')}`);
}
