// `npm run bench -- SUBJECT [--json]`: what is measured against its peers, in one run and on one machine. Subjects are files in scripts/bench/.

import { gatewayBench } from './bench/gateway-bench.ts';

/** One row of a bench. `ours` and `theirs` are of the same work, in `unit`; `bar` is what ours is held to. */
export interface BenchRow {
  readonly work: string;
  readonly peer: string;
  readonly peerVersion: string;
  readonly ours: number;
  /** Null: the peer cannot do it, or was not asked. */
  readonly theirs: number | null;
  readonly unit: 'ms' | 'count';
  /** Ours by theirs, null where theirs is nothing. */
  readonly ratio: number | null;
  /** Null for a row that is told for comparison alone. */
  readonly bar: number | null;
}

/** The subjects: what each measures, and how. */
const BENCHES: Readonly<Record<string, { readonly what: string; readonly run: (argv: readonly string[]) => Promise<readonly BenchRow[]> }>> = {
  gateway: { what: 'outage at a takeover and false takeovers, beside keepalived; needs root', run: gatewayBench },
};

function help(): string {
  return ['npm run bench -- SUBJECT [--json] [options]', '', ...Object.entries(BENCHES).map(([name, { what }]) => `  ${name.padEnd(9)} ${what}`), '', 'npm run bench -- SUBJECT --help tells more.'].join('\n');
}

const text = (value: number | null): string => (value === null ? '-' : String(value));

function table(rows: readonly BenchRow[]): string {
  const lines = [['work', 'ours', 'theirs', 'unit', 'ratio', 'bar', 'peer'], ...rows.map((row) => [row.work, text(row.ours), text(row.theirs), row.unit, text(row.ratio), text(row.bar), `${row.peer} ${row.peerVersion}`])];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
}

const [name, ...argv] = process.argv.slice(2);
const bench = name === undefined ? undefined : BENCHES[name];
if (bench === undefined) {
  process.stderr.write(`${help()}\n`);
  process.exitCode = name === '--help' ? 0 : 2;
} else {
  const rows = await bench.run(argv.filter((one) => one !== '--json'));
  if (rows.length > 0) process.stdout.write(argv.includes('--json') ? `${JSON.stringify({ bench: name, rows })}\n` : `${table(rows)}\n`);
  // Above its bar: the figures are there, and the exit code says so.
  process.exitCode = rows.some(({ ours, bar }) => bar !== null && ours > bar) ? 1 : 0;
}
