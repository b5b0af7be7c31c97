// Records what passes over the boot bridge, for Wireshark.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from './failure.ts';
import { inRoom, logPath, settingsWhenUp, type RackContext } from './rack-state.ts';
import { writeWhole } from './processes.ts';

const ROLE = 'capture';
/** tcpdump writes its file's header within a second of its start. */
const START_LIMIT_MS = 5000;
const POLL_MS = 50;

/** A recording. */
export interface Capture {
  readonly file: string;
  readonly bytes: number;
  readonly running: boolean;
}

const folder = (context: RackContext): string => join(context.identity.stateDir, 'captures');
const currentPath = (context: RackContext): string => join(context.identity.stateDir, 'capture.json');

function current(context: RackContext): string | undefined {
  return existsSync(currentPath(context)) ? (JSON.parse(readFileSync(currentPath(context), 'utf8')) as { file: string }).file : undefined;
}

const captureOf = (file: string, running: boolean): Capture => ({ file, running, bytes: existsSync(file) ? statSync(file).size : 0 });

/** Begins to record. Throws MM-RACK-CAPTURE when a recording runs already or tcpdump does not start. */
export async function startCapture(context: RackContext, file?: string): Promise<Capture> {
  settingsWhenUp(context.identity);
  const path = file === undefined ? join(folder(context), `${new Date().toISOString().replaceAll(':', '-')}.pcap`) : resolve(file);
  if (context.processes.find(ROLE) !== undefined) fail('MM-RACK-CAPTURE', ROLE, 'one recording at a time', `one into ${current(context)}`, 'Run `scripts/rack capture stop` first.');
  // -Z root: it may write where its own user may not; -U: every packet is in the file at once.
  const argv = inRoom(context.identity, 'boot', ['tcpdump', '-i', 'br0', '-n', '-U', '-Z', 'root', '-w', path]);
  await context.changes.act(`start: ${argv.join(' ')}`, async () => {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    const logFile = logPath(context.identity, 'tcpdump');
    await context.processes.start({ role: ROLE, argv, mark: path, logFile });
    writeWhole(currentPath(context), JSON.stringify({ file: path }));
    for (const deadline = performance.now() + START_LIMIT_MS; !existsSync(path) || statSync(path).size === 0; await sleep(POLL_MS)) {
      if (context.processes.find(ROLE) === undefined || performance.now() > deadline) {
        fail('MM-RACK-CAPTURE', path, 'tcpdump must record', 'it does not', `See ${logFile}; it may have to be installed: apt-get install tcpdump.`);
      }
    }
  });
  return captureOf(path, !context.changes.dryRun);
}

/** Ends the recording. @returns it; undefined when none ran */
export async function stopCapture(context: RackContext): Promise<Capture | undefined> {
  const file = current(context);
  if (context.processes.find(ROLE) === undefined || file === undefined) return undefined;
  await context.changes.act(`end the recording into ${file}`, () => context.processes.stop(ROLE, 'term'));
  return captureOf(file, context.changes.dryRun);
}

/** All recordings in the state directory, and the present one wherever it is. */
export function listCaptures(context: RackContext): Capture[] {
  const running = context.processes.find(ROLE) === undefined ? undefined : current(context);
  const files = existsSync(folder(context)) ? readdirSync(folder(context)).sort().map((name) => join(folder(context), name)) : [];
  if (running !== undefined && !files.includes(running)) files.push(running);
  return files.map((file) => captureOf(file, file === running));
}
