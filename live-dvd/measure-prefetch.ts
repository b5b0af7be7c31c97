// Measures which parts of Node's binary a start of metamasterd touches, and writes them to live-dvd/node-prefetch.json: on a cold
// blade those parts, and no others, are read ahead while the boot goes on. Run it again when the pinned Node changes:
// `node live-dvd/measure-prefetch.ts` after the images have been made.

import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../daemons/host/run.ts';
import { imageFolder } from './images.ts';

const PAGE = 4096;
/** Parts that are nearer to each other than this are read as one: a request more costs as much as so many bytes. */
const GAP_BYTES = 512 * 1024;
const OUTPUT = 'live-dvd/node-prefetch.json';

/** Runs inside the measured process: what of the binary is mapped and present, by /proc/self/maps and /proc/self/pagemap. */
const PROBE = `
import { openSync, readFileSync, readSync } from 'node:fs';
process.argv = ['node', 'metamasterd', '--help'];
process.stdout.write = () => true;
await import(process.env.BUNDLE);
await new Promise((resolve) => setTimeout(resolve, 200));
const pages = new Set();
const pagemap = openSync('/proc/self/pagemap', 'r');
for (const line of readFileSync('/proc/self/maps', 'utf8').split('\\n')) {
  const match = /^([0-9a-f]+)-([0-9a-f]+) \\S+ ([0-9a-f]+) \\S+ \\d+ +(\\S+)$/.exec(line);
  if (match === null || !match[4].endsWith('/node-stripped')) continue;
  const [start, end, offset] = [match[1], match[2], match[3]].map((text) => parseInt(text, 16));
  const count = (end - start) / ${PAGE};
  const entries = new BigUint64Array(count);
  readSync(pagemap, new Uint8Array(entries.buffer), 0, count * 8, (start / ${PAGE}) * 8);
  entries.forEach((entry, i) => { if (entry >> 63n & 1n) pages.add(offset / ${PAGE} + i); });
}
process.stderr.write(JSON.stringify([...pages].sort((a, b) => a - b)));
`;

const folder = imageFolder('debian-13');
const node = join(process.cwd(), folder, 'node-stripped');
const { errorOutput } = await run([node, '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PROBE], { env: { BUNDLE: join(process.cwd(), 'build/bundles/metamasterd.mjs') } });
const pages = JSON.parse(errorOutput) as number[];
const ranges: [number, number][] = [];
for (const page of pages) {
  const last = ranges.at(-1);
  if (last !== undefined && page * PAGE - (last[0] + last[1]) <= GAP_BYTES) last[1] = (page + 1) * PAGE - last[0];
  else ranges.push([page * PAGE, PAGE]);
}
const bytes = statSync(node).size;
writeFileSync(OUTPUT, `${JSON.stringify({ bytes, version: process.version, ranges }, undefined, 1).replaceAll(/\[\n\s+(\d+),\n\s+(\d+)\n\s+\]/g, '[$1, $2]')}\n`);
const wanted = ranges.reduce((sum, [, length]) => sum + length, 0);
process.stdout.write(`${OUTPUT}: ${ranges.length} parts, ${(wanted / 2 ** 20).toFixed(0)} of ${(bytes / 2 ** 20).toFixed(0)} MiB\n`);
