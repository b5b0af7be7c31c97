// A file on a disk that another process replaces now and then. It is looked at once a second without ever being waited for: while the disk hangs,
// one look hangs in the background, and the process goes on with what it knows. For a file in memory watched-file.ts is simpler.

import { readFile, stat } from 'node:fs/promises';

const LOOK_MS = 1_000;

/** Hands the file's text over each time that it was replaced after this call. A file that is not there is no trouble. Keeps no process alive. */
export function followPatiently(path: string, onText: (text: string) => void, onTrouble: (reason: string) => void): void {
  let seen: string | undefined;
  let looking = false;
  const look = async (): Promise<void> => {
    const found = await stat(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    const now = found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    const isFirst = seen === undefined;
    if (now === seen) return;
    const text = found === undefined || isFirst ? undefined : await readFile(path, 'utf8');
    seen = now;
    if (text !== undefined) onText(text);
  };
  const begin = (): void => {
    if (looking) return;
    looking = true;
    look().catch((error: unknown) => onTrouble((error as Error).message)).finally(() => {
      looking = false;
    });
  };
  begin();
  setInterval(begin, LOOK_MS).unref();
}
