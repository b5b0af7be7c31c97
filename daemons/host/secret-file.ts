// Secrets in files: a password that others can read is no secret, so such a file is not used.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Problem, Result } from '../core/problem.ts';

/** A password with its line feed is far below; a larger file is something else. */
const FILE_MAX_BYTES = 4096;
/** The rights of group and others. */
const OTHERS = 0o077;

const ERRORS: Readonly<Record<string, string>> = { ENOENT: 'no such file', EACCES: 'it may not be read', ELOOP: 'a symbolic link', ENXIO: 'no regular file' };

/**
 * The first line of a file with a secret. Problem MM-SECRET-FILE when the file is not there, is no regular file, belongs to somebody
 * else than root and this user, can be read or written by others (its mode must be 0600 or 0400), or when the line is empty or longer
 * than `maxBytes`. The secret itself is never shown.
 */
export function readSecretFile(path: string, maxBytes: number): Result<string> {
  const refuse = (rule: string, seen: string, remedy: string): Result<string> => ({ ok: false, problems: [{ code: 'MM-SECRET-FILE', where: path, rule, seen, remedy } satisfies Problem] });
  let descriptor: number;
  try {
    // Not through a link at the end of the path, and not waiting for a pipe's other end.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    return refuse('a file with a secret, which can be read', ERRORS[code] ?? message, 'Correct the path, or write the file; run as root.');
  }
  try {
    const { mode, uid, size } = fstatSync(descriptor);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return refuse('a regular file', 'something else', 'Name the file itself.');
    if ((mode & OTHERS) !== 0) return refuse('a secret that nobody else can read: mode 0600', `mode 0${(mode & 0o7777).toString(8)}`, `Run \`chmod 600 ${path}\`, and change the secret if somebody may have read it.`);
    if (uid !== 0 && uid !== process.getuid?.()) return refuse('a file of root or of the user who runs this', `a file of user ${uid}`, `Run \`chown root ${path}\`.`);
    if (size > FILE_MAX_BYTES) return refuse(`${FILE_MAX_BYTES} bytes at most`, `${size} bytes`, 'Name the file with the secret.');
    const bytes = Buffer.alloc(size);
    const [line = ''] = bytes.toString('utf8', 0, readSync(descriptor, bytes)).split(/\r?\n/);
    const length = Buffer.byteLength(line);
    if (length === 0 || length > maxBytes) return refuse(`a first line of 1 to ${maxBytes} bytes`, length === 0 ? 'an empty one' : `${length} bytes`, 'Write the secret there, and nothing else.');
    return { ok: true, value: line };
  } finally {
    closeSync(descriptor);
  }
}
