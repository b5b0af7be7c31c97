// Every check and test, in the order in which a mistake is cheapest to find: bundles, types and style, images, unit tests, journeys.
// `scripts/test [rack] [--all] [--json] [--help]`; the last line of a whole run is the total.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CommandError, run } from '../daemons/host/run.ts';

const HELP = `scripts/test            everything that CI runs: bundles and their sizes, types, style, images, unit tests, journeys
scripts/test --all      and what CI leaves out: the images once more from the recorded packages, byte by byte the same
scripts/test unit       types, style, bundles and unit tests only
scripts/test rack       only the journeys, on the virtual rack
  --only J1,J3          of the journeys, these (later ones build on J1's cluster; with --keep it stays)
  --keep                leave the rack running
  --json                print the journeys' result as one object; progress and the total go to standard error

The last line of a whole run is "N passed, N failed, N skipped": tests and journeys together.`;

const NODE = process.execPath;
const REPORT = 'build/test/unit.json';

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs a check that prints only when it fails; counts as one test. */
async function check(name: string, argv: readonly string[], totals: Totals): Promise<boolean> {
  const start = performance.now();
  process.stderr.write(`test: ${name} …\n`);
  try {
    await run(argv);
    totals.passed++;
    process.stderr.write(`test: ${name}: passed, ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
    return true;
  } catch (error) {
    totals.failed++;
    const code = error instanceof CommandError ? error.message : String(error);
    process.stderr.write(`test: ${name}: FAILED\n${code}\n`);
    return false;
  }
}

/** Runs a program whose output is for the user, and returns its exit code. */
function show(argv: readonly string[], output: 'inherit' | 'pipe' = 'inherit'): Promise<{ code: number; text: string }> {
  const [program, ...args] = argv;
  const child = spawn(program!, args, { stdio: ['ignore', output, 'inherit'] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, text }));
  });
}

async function unitTests(totals: Totals): Promise<void> {
  mkdirSync('build/test', { recursive: true });
  process.stderr.write('test: unit, property, fuzz and interop tests …\n');
  const { code } = await show(['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`]);
  const report = JSON.parse(readFileSync(REPORT, 'utf8')) as { numPassedTests: number; numFailedTests: number; numPendingTests: number; numTodoTests: number };
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests;
  totals.skipped += report.numPendingTests + report.numTodoTests;
  // A file that cannot even be loaded has no tests that could fail.
  if (code !== 0 && report.numFailedTests === 0) totals.failed++;
}

interface Journeys {
  readonly journeys: readonly { readonly id: string; readonly passed: boolean }[];
}

/** Makes the images; counts as one test. Some unit tests look at them, and are skipped without. */
async function images(totals: Totals): Promise<boolean> {
  const { code } = await show([NODE, 'live-dvd/images.ts'], 'pipe');
  if (code === 0) totals.passed++;
  else {
    totals.failed++;
    process.stderr.write('test: images: FAILED; build/images/*/build.log tells more\n');
  }
  return code === 0;
}

async function journeys(totals: Totals, options: { all: boolean; json: boolean; keep: boolean; only: string | undefined }): Promise<void> {
  const argv = [NODE, 'test/journeys/run-journeys.ts', '--json', ...(options.all ? ['--all'] : []), ...(options.keep ? ['--keep'] : []), ...(options.only === undefined ? [] : ['--only', options.only])];
  const { text, code } = await show(argv, 'pipe');
  const result = text.trim() === '' ? { journeys: [] } : (JSON.parse(text) as Journeys);
  if (options.json) process.stdout.write(text);
  const passed = result.journeys.filter((journey) => journey.passed).length;
  totals.passed += passed;
  totals.failed += Math.max(result.journeys.length - passed, code === 0 ? 0 : 1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false }, only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const [part] = positionals;
if (values.help || (part !== undefined && part !== 'unit' && part !== 'rack')) {
  process.stdout.write(`${HELP}\n`);
  process.exit(values.help ? 0 : 2);
}
const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
let built = await check('bundles and their size budgets', [NODE, 'build.mjs'], totals);
if (part !== 'rack') {
  await check('types', ['tsc', '--noEmit'], totals);
  await check('style', ['oxlint', '--deny-warnings'], totals);
}
if (part !== 'unit' && built) {
  built = await images(totals);
  // Once more, for the budget of kernel and initrd together.
  if (built) built = await check('kernel and initrd within their budget', [NODE, 'build.mjs'], totals);
}
if (part !== 'rack') await unitTests(totals);
if (part === undefined && values.all && built) await check('the same list of packages gives the same bytes', [NODE, 'live-dvd/reproducible.ts'], totals);
if (part !== 'unit' && built && totals.failed === 0) await journeys(totals, { ...values, only: values.only });
else if (part !== 'unit') process.stderr.write('test: the journeys were left out: what they would run on has failed its tests\n');
const line = `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`;
if (values.json) process.stderr.write(`${line}\n`);
else process.stdout.write(`${line}\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;
