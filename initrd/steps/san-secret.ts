// Where a blade that boots has the SAN's CHAP login from: over the network a node hands it a second initrd with one file in it; from the
// disc it is on a stick, or an administrator types it. It is kept in the boot program's memory, and goes into no report and no record.

import { type ChapLogin, parseChapLogin } from '../../daemons/core/chap.ts';
import { problemLine } from '../../daemons/core/problem.ts';
import { mustRun, refuse, StepError, type BootHost } from '../boot-host.ts';
import type { BootState } from './boot-state.ts';
import { loadForDevices } from './load-modules.ts';
import { labelOf, mediumDevices, type MediumLabel } from './medium-label.ts';

/** Unpacked by the kernel from the second initrd (daemons/http-boot/san-login-handout.ts). */
const HANDED_OUT = '/san-login.json';
/** The stick's label, which FAT keeps in 11 characters, and its file. */
const MEDIUM_LABEL = 'MM-SECRET';
const MEDIUM_FILE = 'metamaster-san-login.json';
const MOUNT_POINT = '/mnt';
/** The stick's file systems, and what the kernel wants of FAT's names. */
const MEDIUM_MODULES = ['isofs', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_utf8'] as const;
/** How long the first question waits for a key: a blade that nobody looks after must go on trying. */
const FIRST_KEY_MS = 60_000;

/** @throws StepError MM-CHAP, which shows nothing of the text */
function readLogin(text: string, where: string): ChapLogin | undefined {
  const login = parseChapLogin(text, where);
  if (!login.ok) throw refuse(login.problems);
  return login.value;
}

function fromMedium(host: BootHost, device: string, { type }: MediumLabel): ChapLogin | undefined {
  host.run(['modprobe', '-a', '-q', ...MEDIUM_MODULES]);
  mustRun(host, 'MM-BOOT-SECRET-MEDIUM', ['mount', '-t', type, '-o', 'ro,nosuid,nodev,noexec', device, MOUNT_POINT], `Make the stick with the label ${MEDIUM_LABEL} anew, or take it out.`);
  let text: string | undefined;
  try {
    text = host.readText(`${MOUNT_POINT}/${MEDIUM_FILE}`);
  } finally {
    host.run(['umount', MOUNT_POINT]);
  }
  if (text === undefined) throw new StepError('MM-BOOT-SECRET-MEDIUM', `${device}, labelled ${MEDIUM_LABEL}, holds no file ${MEDIUM_FILE}`, 'Put the file there, or take the stick out.');
  host.print(`metamaster: the SAN's login is taken from ${device}; the stick may be taken out.`);
  return readLogin(text, `${device}: ${MEDIUM_FILE}`);
}

function searchMedia(host: BootHost): readonly [device: string, label: MediumLabel] | undefined {
  for (const device of mediumDevices(host)) {
    const label = labelOf(host, device);
    if (label?.label === MEDIUM_LABEL) return [device, label];
  }
  return undefined;
}

/**
 * The login that this boot was given, if it was: from the second initrd, whose file is gone after that; else, when it boots from the disc, from a
 * stick. A stick may come up after the first look: ask again at each try.
 * @throws StepError when a file is there that holds no login
 */
export function findSanLogin(host: BootHost, state: BootState): ChapLogin | undefined {
  const text = host.readText(HANDED_OUT);
  if (text !== undefined) {
    host.run(['rm', '-f', HANDED_OUT]);
    return readLogin(text, HANDED_OUT);
  }
  if (state.parameters.boot !== 'dvd') return undefined;
  let found = searchMedia(host);
  if (found === undefined) {
    // USB names its devices a second after its controller's driver.
    loadForDevices(host, new Set());
    found = searchMedia(host);
  }
  return found && fromMedium(host, ...found);
}

/** True when an administrator at the console can help: the SAN wants a proof that this boot from the disc does not have. */
export function wantsSanLogin(state: BootState, error: unknown): boolean {
  return state.parameters.boot === 'dvd' && error instanceof StepError && error.code === 'MM-BOOT-LOGIN-CHAP';
}

/** The console as a place to ask at. */
export interface LineConsole {
  print(line: string): void;
  /** One line; undefined when it was broken off by Esc, or when no key came within `waitMs`. A hidden one shows nothing. */
  ask(prompt: string, hidden: boolean, waitMs?: number): Promise<string | undefined>;
}

/** Asks for the login. Undefined when nobody answers, or when what was typed is none: the reason is told, and nothing of the input. */
export async function askSanLogin(console: LineConsole): Promise<ChapLogin | undefined> {
  console.print(`metamaster: the SAN wants CHAP. Type the login, or put in a stick labelled ${MEDIUM_LABEL} with ${MEDIUM_FILE}; Esc breaks off, secrets are not shown.`);
  const user = await console.ask('CHAP user: ', false, FIRST_KEY_MS);
  if (user === undefined || user === '') return undefined;
  const password = await console.ask('CHAP secret: ', true);
  if (password === undefined) return undefined;
  const mutualUser = await console.ask('user of the SAN itself (empty: it need not prove itself): ', false);
  if (mutualUser === undefined) return undefined;
  const mutualPassword = mutualUser === '' ? '' : await console.ask('secret of the SAN itself: ', true);
  if (mutualPassword === undefined) return undefined;
  const typed = { user, password, ...(mutualUser === '' ? {} : { mutual: { user: mutualUser, password: mutualPassword } }) };
  const login = parseChapLogin(JSON.stringify(typed), 'console');
  if (login.ok) return login.value;
  for (const problem of login.problems) console.print(`metamaster: ${problemLine({ ...problem, remedy: 'Type it again.' })}`);
  return undefined;
}
