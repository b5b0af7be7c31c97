// Which kernel modules go into an initrd: the named ones and everything they depend on, unpacked, with the tables that
// modprobe reads.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A module's name as the kernel spells it: no folder, no ending, underscores. */
export function moduleName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.ko(\.xz|\.zst)?$/, '').replaceAll('-', '_');
}

/** Reads `modules.dep`: path of a module → paths of what it needs. */
export function readModuleDependencies(text: string): Map<string, string[]> {
  const rows = text.split('\n').filter((row) => row.includes(':'));
  return new Map(rows.map((row) => {
    const [path, needs] = row.split(':') as [string, string];
    return [path, needs.trim().split(' ').filter((need) => need !== '')];
  }));
}

/** The modules that are part of the kernel itself (`modules.builtin`). */
export function readBuiltin(text: string): Set<string> {
  return new Set(text.split('\n').filter((row) => row !== '').map(moduleName));
}

/**
 * Paths (within the kernel's module folder) of the wanted modules and all they need.
 * @param folder `usr/lib/modules/<release>` of a tree, with `modules.dep`
 * @param wanted module names
 * @param folders every module below these is wanted as well
 * @throws Error naming the wanted modules that are neither there nor built in
 */
export function moduleClosure(folder: string, wanted: readonly string[], folders: readonly string[] = []): string[] {
  const dependencies = readModuleDependencies(readFileSync(join(folder, 'modules.dep'), 'utf8'));
  const builtin = readBuiltin(readFileSync(join(folder, 'modules.builtin'), 'utf8'));
  const byName = new Map([...dependencies.keys()].map((path) => [moduleName(path), path]));
  const queue: string[] = [];
  const missing: string[] = [];
  for (const name of wanted.map(moduleName)) {
    const path = byName.get(name);
    if (path !== undefined) queue.push(path);
    else if (!builtin.has(name)) missing.push(name);
  }
  if (missing.length > 0) throw new Error(`${folder}: no module named ${missing.join(', ')}; mend the recipe`);
  queue.push(...[...dependencies.keys()].filter((path) => folders.some((prefix) => path.startsWith(`${prefix}/`))));
  const closure = new Set<string>();
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    if (closure.has(path)) continue;
    closure.add(path);
    queue.push(...(dependencies.get(path) ?? []));
  }
  return [...closure].sort();
}

/** Every regular file below a folder, as paths relative to it, in order. */
export function filesBelow(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix)).sort().flatMap((name) => {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    return statSync(join(folder, path)).isDirectory() ? filesBelow(folder, path) : [path];
  });
}
