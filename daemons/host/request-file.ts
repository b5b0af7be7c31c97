// A file by which a daemon asks root for something: in memory, written whole, so that a unit that waits for it never sees half of it.

import { renameSync, writeFileSync } from 'node:fs';

/** Puts the file there, in the place of one that nobody has taken yet. @throws the system's error */
export function writeRequest(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
