// The SAN in the live system: reached by the boot parameters that stood in the disc's menu, so that restoring begins with the command itself.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { ChapLogin } from '../daemons/core/chap.ts';
import { InputError, problemLine } from '../daemons/core/problem.ts';
import type { SanAddress } from '../daemons/core/roster.ts';
import { parsePortal } from '../daemons/core/san-portal.ts';
import { openTarget } from './install/target.ts';
import { type SanOutput, UsageError } from './san-device.ts';
import { readSanLogin } from './san-login-files.ts';

/** What the boot of the live system left of its parameters (initrd/steps/handover.ts). */
export const LIVE_RECORD = '/run/metamaster/live.json';

/** The verb's part of the help of `metamaster san`. */
export const LOGIN_HELP = `  san login [--san-login FILE] [--json]
                              in the live system: logs in to the SAN that the disc's menu named, once, and prints its disk
                              --san-login: where the SAN wants CHAP, a node's /etc/metamaster/san-login.json
`;

const REMEDY = 'Boot the disc again with ivid= and storage_ip= in its menu, or log in by iscsiadm and name the disk.';

/** The SAN that the record of a live system's boot names; undefined where it names none. @throws InputError MM-LIVE-RECORD */
export function sanOfLiveRecord(text: string): SanAddress | undefined {
  const wrong = (seen: string): InputError => new InputError([{ code: 'MM-LIVE-RECORD', where: LIVE_RECORD, rule: 'a record of the boot with target and portals', seen, remedy: REMEDY }]);
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    throw wrong(`${text.length} characters that are no JSON`);
  }
  if (typeof record !== 'object' || record === null) throw wrong(typeof record);
  const { target, portals } = record as { target?: unknown; portals?: unknown };
  if (target === undefined) return undefined;
  const [first, ...others] = Array.isArray(portals) ? portals.map((portal) => (typeof portal === 'string' ? parsePortal(portal) : undefined)) : [];
  if (typeof target !== 'string' || first === undefined || others.includes(undefined)) throw wrong(JSON.stringify({ target, portals }));
  return { ...first, target };
}

/** Of the disks of a target the one that is meant. @throws InputError MM-LIVE-DISK when there are several */
export function onlyDisk(target: string, disks: readonly string[]): string {
  if (disks.length === 1) return `/dev/${disks[0]!}`;
  throw new InputError([{ code: 'MM-LIVE-DISK', where: target, rule: 'one disk, or one that is named', seen: disks.join(', '), remedy: 'Look at each with `metamaster san show /dev/sdX`, and name the disk to the command.' }]);
}

/**
 * Logs in to the SAN of the menu's parameters, once, and returns its disk's path; undefined where this is no live system, or one that was told of no SAN.
 * @param loginFile where the SAN wants CHAP: san-login.json of a node, of mode 0600
 * @throws InputError; CommandError when the SAN cannot be reached
 */
export async function liveSanDisk(loginFile?: string): Promise<string | undefined> {
  let text: string;
  try {
    text = readFileSync(LIVE_RECORD, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const san = sanOfLiveRecord(text);
  if (san === undefined) return undefined;
  const login: ChapLogin | undefined = loginFile === undefined ? undefined : readSanLogin(loginFile);
  return onlyDisk(san.target, await openTarget(san, login));
}

/** Runs the verb `san login`; returns the exit code. @throws UsageError, CommandError, and what the system throws */
export async function sanLogin(argv: readonly string[], output: SanOutput): Promise<number> {
  let values: { 'san-login'?: string; json?: boolean };
  try {
    values = parseArgs({ args: [...argv], options: { 'san-login': { type: 'string' }, json: { type: 'boolean', default: false } } }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  try {
    const disk = await liveSanDisk(values['san-login']);
    if (disk === undefined) throw new InputError([{ code: 'MM-LIVE-NONE', where: LIVE_RECORD, rule: 'a live system whose boot was told of a SAN', seen: 'none', remedy: REMEDY }]);
    output.out(values.json === true ? `${JSON.stringify({ disk })}\n` : `${disk}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    for (const problem of error.problems) output.error(`metamaster san: ${problemLine(problem)}\n`);
    return 1;
  }
}
