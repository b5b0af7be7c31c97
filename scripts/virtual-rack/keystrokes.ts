// What a person types at a serial console, written in a shell argument.

const NAMED: Readonly<Record<string, string>> = { n: '\r', r: '\r', t: '\t', e: '\u001b', b: '\b', '0': '\0', '\\': '\\' };

/**
 * Resolves the escapes of `rack type`: `\n` and `\r` are the Enter key (carriage return, as a terminal sends it),
 * `\t`, `\e` (escape: `\e[B` is the down arrow), `\b`, `\0`, `\\`, `\xNN`, and `\cX` for Ctrl-X.
 * Undefined when a backslash stands before anything else.
 */
export function keystrokesOf(text: string): string | undefined {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') {
      out += text[i];
      continue;
    }
    const letter = text[++i] ?? '';
    const hex = letter === 'x' ? /^[0-9a-fA-F]{2}/.exec(text.slice(i + 1))?.[0] : undefined;
    const control = letter === 'c' ? /^[@-_a-z]/.exec(text.slice(i + 1))?.[0] : undefined;
    if (hex !== undefined) {
      out += String.fromCharCode(Number.parseInt(hex, 16));
      i += 2;
    } else if (control !== undefined) {
      out += String.fromCharCode(control.toUpperCase().charCodeAt(0) & 0x1f);
      i += 1;
    } else if (NAMED[letter] === undefined) {
      return undefined;
    } else {
      out += NAMED[letter];
    }
  }
  return out;
}

/** The bytes of typed text: a line feed in a program's string is the Enter key. */
export const keyBytes = (text: string): Uint8Array => Buffer.from(text.replaceAll('\n', '\r'), 'utf8');
