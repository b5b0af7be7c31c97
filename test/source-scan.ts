// Finds what a TypeScript file imports and what code stands in it, without a compiler: type imports count as well, which
// every bundler drops. Comments, the text of strings and regular expressions are blanked, so that words in them count for nothing.

/** One import, export-from, dynamic import or require. */
export interface FoundImport {
  /** What is imported; undefined when it is computed at run time. */
  readonly specifier: string | undefined;
  readonly line: number;
}

/** A file, taken apart. */
export interface ScannedSource {
  readonly imports: readonly FoundImport[];
  /** The source at the same offsets, blanked as said above; the opening quotes of strings stay. */
  readonly code: string;
}

/** After one of these words a slash begins a regular expression, after any other it divides. */
const BEFORE_REGEX = new Set(['return', 'typeof', 'case', 'in', 'of', 'delete', 'void', 'throw', 'new', 'else', 'do', 'await', 'yield', 'instanceof']);

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ');

/** Where the string, regular expression or class that `start` opens ends: behind `close`, or at the end of the text. */
function endOfLiteral(text: string, start: number, close: string): number {
  let inClass = false;
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\') at += 1;
    else if (close === '/' && char === '[') inClass = true;
    else if (close === '/' && char === ']') inClass = false;
    else if (char === close && !inClass) return at + 1;
  }
  return text.length;
}

/** Where the text of a template ends that goes on at `start`: behind its backtick, or behind a `${`. */
function endOfTemplateText(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '`') return at + 1;
    else if (text.startsWith('${', at)) return at + 2;
  }
  return text.length;
}

function beginsRegex(code: string): boolean {
  const before = code.trimEnd();
  const word = /[\w$]+$/.exec(before)?.[0];
  return word === undefined ? !/[)\]}'"`]$/.test(before) : BEFORE_REGEX.has(word);
}

/** The code with everything else blanked, and the strings by the offset of their opening quote. */
function blankedCode(text: string): { code: string; strings: ReadonlyMap<number, string> } {
  const strings = new Map<number, string>();
  // For each template that is open: how many braces are open in its present `${…}`.
  const templates: number[] = [];
  let code = '';
  const blankTo = (end: number): void => {
    code += blank(text.slice(code.length, end));
  };
  const templateText = (from: number): void => {
    const end = endOfTemplateText(text, from);
    // The delimiter stays: whether a slash behind it divides hangs on it.
    blankTo(end - 1);
    code += text.slice(code.length, end);
    if (text.slice(end - 2, end) === '${') templates.push(0);
  };
  while (code.length < text.length) {
    const at = code.length;
    const char = text[at]!;
    if (text.startsWith('//', at)) blankTo(text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at));
    else if (text.startsWith('/*', at)) blankTo(text.indexOf('*/', at + 2) < 0 ? text.length : text.indexOf('*/', at + 2) + 2);
    else if (char === '"' || char === "'") {
      const end = endOfLiteral(text, at, char);
      strings.set(at, text.slice(at + 1, end - 1));
      code += char + blank(text.slice(at + 1, end));
    } else if (char === '`') templateText(at + 1);
    else if (char === '/' && beginsRegex(code)) blankTo(endOfLiteral(text, at, '/'));
    else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      templateText(at + 1);
    } else {
      if (templates.length > 0 && char === '{') templates[templates.length - 1]! += 1;
      if (templates.length > 0 && char === '}') templates[templates.length - 1]! -= 1;
      code += char;
    }
  }
  return { code, strings };
}

/** Takes a source file apart. Never throws: text that is no TypeScript gives something of no use. */
export function scanSource(text: string): ScannedSource {
  const { code, strings } = blankedCode(text);
  const imports: FoundImport[] = [];
  const found = (at: number, specifier: string | undefined): void => {
    imports.push({ specifier, line: code.slice(0, at).split('\n').length });
  };
  // `import 'x'`, `import … from 'x'` and `export … from 'x'`.
  for (const match of code.matchAll(/(?<![.\w$])(?:from|import)\s*(?=['"])/g)) found(match.index, strings.get(match.index + match[0].length));
  // `import('x')`, as an expression and as a type, and require in its two forms; nothing but a plain string is known beforehand.
  for (const match of code.matchAll(/(?<![.\w$])(?:import|require)\s*\(\s*/g)) found(match.index, strings.get(match.index + match[0].length));
  return { imports, code };
}
