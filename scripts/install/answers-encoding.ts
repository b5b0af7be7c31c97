// The bytes of an answers file as text. Editors of other systems save UTF-16 or Latin-1 without a word: what is wrong is named with the
// place where it begins, so that it can be found.

import { decodeUtf8 } from '../../daemons/core/bytes.ts';
import type { Problem, Result } from '../../daemons/core/problem.ts';

/** The answers of 2000 nodes need a tenth of it; a larger file is something else. */
const FILE_MAX_BYTES = 4 * 2 ** 20;
/** The longest character of UTF-8 (RFC 3629 section 3). */
const CHARACTER_MAX_BYTES = 4;
const NEWLINE = 10;

/** The offset of the first byte that begins no whole character of UTF-8; undefined when all of them do. */
export function firstInvalidUtf8(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < bytes.length; ) {
    let length = 1;
    while (length <= CHARACTER_MAX_BYTES && decodeUtf8(bytes.subarray(at, Math.min(at + length, bytes.length))) === undefined) length++;
    if (length > CHARACTER_MAX_BYTES) return at;
    at += length;
  }
  return undefined;
}

function placeOf(bytes: Uint8Array, offset: number): string {
  const before = bytes.subarray(0, offset);
  const line = before.reduce((count, byte) => count + (byte === NEWLINE ? 1 : 0), 1);
  return `byte ${offset} (line ${line}, byte ${offset - before.lastIndexOf(NEWLINE)} of it)`;
}

/**
 * The file's text, a byte order mark of UTF-8 left out. Problem MM-ANSWERS-ENCODING, with the byte offset (from 0) where it begins:
 * UTF-16 (with or without its mark), zero bytes, bytes that are not UTF-8 (Latin-1, most likely), a file that is too large.
 */
export function decodeAnswersFile(bytes: Uint8Array, fileName = 'answers file'): Result<string> {
  const refuse = (rule: string, seen: string, remedy = 'Save it as UTF-8 text.'): Result<string> => {
    const problem: Problem = { code: 'MM-ANSWERS-ENCODING', where: fileName, rule, seen, remedy };
    return { ok: false, problems: [problem] };
  };
  if (bytes.length > FILE_MAX_BYTES) return refuse(`must have ${FILE_MAX_BYTES} bytes at most`, `${bytes.length} bytes`, 'Name the answers file; this is something else.');
  const [a, b] = [bytes[0], bytes[1]];
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return refuse('must be UTF-8', 'the byte order mark of UTF-16 at byte 0', `Save it as UTF-8 text: iconv -f UTF-16 -t UTF-8 ${fileName}`);
  const zero = bytes.indexOf(0);
  if (zero >= 0) return refuse('must be UTF-8 text without zero bytes', `a zero byte at ${placeOf(bytes, zero)}${zero < 2 ? ', as in UTF-16' : ''}`);
  const text = decodeUtf8(bytes);
  if (text !== undefined) return { ok: true, value: text.replace(/^\ufeff/, '') };
  const at = firstInvalidUtf8(bytes) ?? 0;
  return refuse('must be UTF-8', `0x${bytes[at]!.toString(16)}, which is not UTF-8, at ${placeOf(bytes, at)}`, `Save it as UTF-8 text; if it was written as Latin-1: iconv -f ISO-8859-1 -t UTF-8 ${fileName}`);
}
