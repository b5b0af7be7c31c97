// Splits a kernel command line into its arguments exactly as the kernel does (lib/cmdline.c, `next_arg`), oddities included:
// what the administrator quoted for the kernel must not read differently for us.

/** One argument of the command line. */
export interface KernelArgument {
  readonly name: string;
  /** What stands behind the first `=`, without its quotes; undefined when there is no `=`. */
  readonly value: string | undefined;
}

// The white space of the kernel's isspace in ASCII.
const SPACE = /[ \t\n\v\f\r]/;

/** Where the argument that starts at `start` ends: the first white space outside double quotes, or the end of the text. */
function endOfArgument(text: string, start: number): number {
  let inQuote = false;
  let at = start;
  for (; at < text.length; at++) {
    if (!inQuote && SPACE.test(text[at]!)) break;
    if (text[at] === '"') inQuote = !inQuote;
  }
  return at;
}

function argumentOf(written: string): KernelArgument {
  const quoted = written.startsWith('"');
  const text = quoted ? written.slice(1) : written;
  // An `=` in front is part of the name: the kernel's search for it starts at the second character.
  const equals = text.indexOf('=', 1);
  const unclosed = (part: string): string => (part.endsWith('"') ? part.slice(0, -1) : part);
  if (equals < 0) return { name: quoted ? unclosed(text) : text, value: undefined };
  const value = text.slice(equals + 1);
  if (value.startsWith('"')) return { name: text.slice(0, equals), value: unclosed(value.slice(1)) };
  return { name: text.slice(0, equals), value: quoted ? unclosed(value) : value };
}

/** The arguments in their order. Never fails: the kernel takes any text. What stands behind a zero byte does not count. */
export function splitKernelArguments(commandLine: string): readonly KernelArgument[] {
  const text = commandLine.split('\0', 1)[0]!;
  const found: KernelArgument[] = [];
  for (let at = 0; at < text.length; ) {
    if (SPACE.test(text[at]!)) {
      at += 1;
      continue;
    }
    const end = endOfArgument(text, at);
    found.push(argumentOf(text.slice(at, end)));
    at = end;
  }
  return found;
}
