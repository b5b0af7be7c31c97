// Reads the project's documents as far as a machine can judge them: links, commands, named files, tables. documentation.test.ts
// compares what is found here with the repository.

/** A place in a document where code stands: a span in backticks, or a line of a fenced block. */
export interface CodePiece {
  readonly text: string;
  readonly line: number;
}

/** A link of a document to something that is not on the web. */
export interface RelativeLink {
  /** Empty for a link within the document. */
  readonly path: string;
  /** Without its `#`; undefined when the link has none. */
  readonly anchor: string | undefined;
  readonly line: number;
}

interface Line {
  readonly text: string;
  readonly number: number;
  readonly fenced: boolean;
}

function linesOf(text: string): readonly Line[] {
  let fenced = false;
  return text.split('\n').flatMap((line, at) => {
    if (/^\s*```/.test(line)) {
      fenced = !fenced;
      return [];
    }
    return [{ text: line, number: at + 1, fenced }];
  });
}

/** Every span and every line of code. A comment behind a command of a fenced block is cut off. */
export function codePieces(text: string): readonly CodePiece[] {
  return linesOf(text).flatMap(({ text: line, number, fenced }) => {
    if (fenced) return line.trim() === '' ? [] : [{ text: line.replace(/\s+#\s.*$/, '').trim(), line: number }];
    return [...line.matchAll(/`([^`]+)`/g)].map((match) => ({ text: match[1]!, line: number }));
  });
}

/** Every link without a scheme, outside code. */
export function relativeLinks(text: string): readonly RelativeLink[] {
  return linesOf(text).filter(({ fenced }) => !fenced).flatMap(({ text: line, number }) =>
    [...line.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target)).map((target) => {
      const [path = '', ...rest] = target.split('#');
      return { path, anchor: rest.length === 0 ? undefined : rest.join('#'), line: number };
    }));
}

/** The anchors that a document's headings give, as GitHub makes them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = linesOf(text).filter(({ fenced, text: line }) => !fenced && /^#{1,6} /.test(line));
  return new Set(headings.map(({ text: line }) => line.replace(/^#+ /, '').toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

/** The lines below a heading, up to the next one of its level or above. Throws when the heading is not there exactly once. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const found = lines.flatMap((line, at) => (line === heading ? [at] : []));
  if (found.length !== 1) throw new Error(`the heading "${heading}" must be there once; found ${found.length} times`);
  const level = /^#+/.exec(heading)![0].length;
  const rest = lines.slice(found[0]! + 1);
  const end = rest.findIndex((line) => (/^(#+) /.exec(line)?.[1]!.length ?? Infinity) <= level);
  return rest.slice(0, end < 0 ? rest.length : end).join('\n');
}

/** The rows of the table whose header begins with this cell, each as its cells; the header and its rule are left out. Throws when there is no such table. */
export function tableRows(text: string, firstHeader: string): readonly (readonly string[])[] {
  const lines = text.split('\n');
  const header = lines.findIndex((line) => line.startsWith(`| ${firstHeader} |`));
  if (header < 0) throw new Error(`there is no table that begins with the column "${firstHeader}"`);
  const rest = lines.slice(header + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end < 0 ? rest.length : end).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
}

/** The code spans of a table's cell. */
export const spansOf = (cell: string): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

/** The one code span of a cell, or undefined where the cell says something else. */
export const onlySpan = (cell: string): string | undefined => /^`([^`]+)`$/.exec(cell)?.[1];

/** What stands in one of two lists and not in the other, sorted, with the side that lacks it. Twice in a list counts as too many. */
export function difference(said: readonly string[], there: readonly string[]): readonly string[] {
  const twice = said.filter((name, at) => said.indexOf(name) !== at);
  return [
    ...twice.map((name) => `${name}: said twice`),
    ...said.filter((name) => !there.includes(name)).map((name) => `${name}: said, but not there`),
    ...there.filter((name) => !said.includes(name)).map((name) => `${name}: there, but not said`),
  ].sort();
}
