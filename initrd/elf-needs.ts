// Which shared libraries a program needs, read from its ELF file (System V gABI, chapter 5): so that the initrd gets exactly
// those of the payload tree, without running anything of it.

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;

/** What the dynamic section of a 64-bit little-endian ELF file asks for; nothing for a static program or another kind of file. */
export function elfNeeds(file: Buffer): { interpreter?: string; libraries: string[] } {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return { libraries: [] };
  const at = Number(file.readBigUInt64LE(32));
  const size = file.readUInt16LE(54);
  const headers = Array.from({ length: file.readUInt16LE(56) }, (_, i) => {
    const p = at + i * size;
    const number = (offset: number) => Number(file.readBigUInt64LE(p + offset));
    return { type: file.readUInt32LE(p), offset: number(8), address: number(16), bytes: number(32) };
  });
  const text = (offset: number) => file.toString('latin1', offset, file.indexOf(0, offset));
  const fileOffset = (address: number) => {
    const segment = headers.find((h) => h.type === PT_LOAD && address >= h.address && address < h.address + h.bytes);
    return segment === undefined ? address : address - segment.address + segment.offset;
  };
  const interpreter = headers.find((h) => h.type === PT_INTERP);
  const dynamic = headers.find((h) => h.type === PT_DYNAMIC);
  const entries: [bigint, bigint][] = [];
  const { offset: start, bytes } = dynamic ?? { offset: 0, bytes: 0 };
  for (let p = start; p < start + bytes; p += 16) {
    entries.push([file.readBigInt64LE(p), file.readBigUInt64LE(p + 8)]);
  }
  const strings = entries.find(([tag]) => tag === DT_STRTAB)?.[1];
  const base = strings === undefined ? 0 : fileOffset(Number(strings));
  return {
    ...(interpreter === undefined ? {} : { interpreter: text(interpreter.offset) }),
    libraries: entries.filter(([tag]) => tag === DT_NEEDED).map(([, value]) => text(base + Number(value))),
  };
}

const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'usr/lib', 'usr/lib64', 'usr/lib/x86_64-linux-gnu/systemd'];

/**
 * Every file of `tree` that these programs need to run, themselves included: real path within the tree → the names it is looked up by.
 * @throws Error that names a program or library the tree does not have
 */
export function programClosure(tree: string, programs: readonly string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const queue = [...programs];
  const seen = new Set<string>();
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const candidates = name.includes('/') ? [join(tree, name)] : LIBRARY_FOLDERS.map((folder) => join(tree, folder, name));
    const path = candidates.find((candidate) => existsSync(candidate));
    if (path === undefined) throw new Error(`the tree ${tree} has no ${name}; add its package to the recipe`);
    const real = relative(realpathSync(tree), realpathSync(path));
    if (real.startsWith('..')) throw new Error(`${path} leads out of the tree, to ${realpathSync(path)}: an image holds nothing of the machine that builds it`);
    const names = found.get(real) ?? new Set<string>();
    names.add(relative(tree, path));
    found.set(real, names);
    const needs = elfNeeds(readFileSync(path));
    queue.push(...needs.libraries, ...(needs.interpreter === undefined ? [] : [needs.interpreter.slice(1)]));
  }
  return found;
}
