// The recorder's files, for the command line: the oldest first. (The daemon never reads them: they are on the SAN.)

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the recorder's unit lets it write. */
export const FACTS_FOLDER = '/var/lib/metamaster/boots';
/** `boots.jsonl` is being written, `boots.1.jsonl` was before it, and so on. */
const FACT_FILE = /^boots(?:\.([1-9]))?\.jsonl$/;

/** Every line of every file in the folder, none when the folder is not there. Throws the system's error for anything else. */
export function readFactLines(folder: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const files = names.flatMap((name) => {
    const match = FACT_FILE.exec(name);
    return match === null ? [] : [{ name, age: Number(match[1] ?? 0) }];
  });
  return files.sort((a, b) => b.age - a.age).flatMap(({ name }) => readFileSync(join(folder, name), 'utf8').split('\n').filter((line) => line !== ''));
}
