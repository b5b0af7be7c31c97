// A file in memory that another process replaces now and then. It is looked at once a second: a stat of a file in memory takes some
// microseconds and waits for nobody, where a watch by inotify would have to deal with a folder that is not there yet and with its own limits.
// For a file on a disk, whose reads may hang, this is not the way.

import { readFileSync, statSync } from 'node:fs';

/** The storage agent looks every 5 s: a second more is nothing. */
export const LOOK_MS = 1_000;

export interface WatchedFile {
  /** Looks now, and not only at the next second. */
  look(): void;
  stop(): void;
}

/**
 * Hands the file's text over each time that it was replaced, and once at the beginning when it is there. A file that is not there is no
 * trouble; `onTrouble` hears once of each other reason why it cannot be read. The timer keeps no process alive.
 */
export function watchFile(path: string, onText: (text: string) => void, onTrouble: (reason: string) => void): WatchedFile {
  let [seen, trouble] = ['', ''];
  const read = (): string | undefined => {
    try {
      const stat = statSync(path, { throwIfNoEntry: false });
      const now = stat === undefined ? '' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
      if (now === seen) return undefined;
      const text = now === '' ? undefined : readFileSync(path, 'utf8');
      [seen, trouble] = [now, ''];
      return text;
    } catch (error) {
      const { message } = error as Error;
      if (message !== trouble) onTrouble(message);
      trouble = message;
      return undefined;
    }
  };
  const look = (): void => {
    const text = read();
    if (text !== undefined) onText(text);
  };
  look();
  const timer = setInterval(look, LOOK_MS).unref();
  return { look, stop: () => clearInterval(timer) };
}
