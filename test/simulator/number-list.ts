// Node numbers as they are written: `1-3 7`.

/** Ascending numbers, neighbours drawn together. */
export function formatNumbers(numbers: readonly number[]): string {
  const runs: [from: number, to: number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] + 1 === number) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}

/** Reads what `formatNumbers` writes, in any order; ascending, each once. Throws RangeError for anything else. */
export function parseNumbers(text: string): readonly number[] {
  const numbers = new Set<number>();
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
    if (match === null) throw new RangeError(`"${word}" is neither a node's number nor two with a hyphen`);
    const from = Number(match[1]);
    for (let number = from; number <= Number(match[2] ?? from); number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}
