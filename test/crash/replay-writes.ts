// Writes a recorded stream into an image, which must be as the disk was before:
//
//   node test/crash/replay-writes.ts JOURNAL IMAGE                     every write that was answered well
//   node test/crash/replay-writes.ts JOURNAL IMAGE --seed 1 --case 17  what a power cut may leave: this case of that seed
//   node test/crash/replay-writes.ts JOURNAL --seed 1                  lists the cases

import { closeSync, openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { CRASH_DEFAULTS } from './crash-choices.ts';
import { crashCases, replayed, type CrashCase } from './crash-states.ts';
import { JournalFile } from './write-journal.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string', default: '1' }, case: { type: 'string' } } });
const [journal, image] = positionals;
if (journal === undefined) throw new Error('a journal\'s folder is wanted, nothing was given');
const file = new JournalFile(journal);
const cases = (): Iterable<CrashCase> => crashCases(file.events, { seed: Number(values.seed), ...CRASH_DEFAULTS });

function chosen(): CrashCase {
  if (values.case === undefined) return replayed(file.events);
  for (const crash of cases()) if (crash.number === Number(values.case)) return crash;
  throw new Error(`--case: this journal has no case ${values.case} of seed ${values.seed}`);
}

if (image === undefined) {
  for (const { number, flushes, what } of cases()) process.stdout.write(`${number}: after ${flushes} flushes; ${what}\n`);
} else {
  const crash = chosen();
  const fd = openSync(image, 'r+');
  for (const { offset, bytes } of crash.patches()) for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  closeSync(fd);
  process.stdout.write(`${image}: after ${crash.flushes} flushes; ${crash.what}\n`);
}
file.close();
