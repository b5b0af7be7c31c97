// UEFI firmware for blades: OVMF of the releases that a rack may have, or an image of one's own. Pure but for a look whether it is there.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fail } from './failure.ts';

/** The scripts' folder is one below the checkout, this one two. */
const CHECKOUT = resolve(import.meta.dirname, '../..');
const CODE = 'OVMF_CODE_4M.fd';

/** Where each release's package `ovmf` puts its files, and how they come there. */
const RELEASES = {
  // This machine's own: scripts/prepare installs it on Debian 12.
  'debian-12': { folder: '/usr/share/OVMF', remedy: 'Install it: apt-get install ovmf.' },
  // In the tree of tools that the images are made with, and never in an image.
  'debian-13': { folder: join(CHECKOUT, 'build/images/debian-13/tools/usr/share/OVMF'), remedy: 'Make the images, which brings it: node live-dvd/images.ts --recipe debian-13.' },
} as const;

/** What `--firmware` takes besides a path. */
export const FIRMWARE_NAMES = Object.keys(RELEASES);
const USUAL = 'debian-12';

/** The two flash images of a UEFI blade. */
export interface Firmware {
  readonly code: string;
  /** The variables as the firmware's builder left them: each blade writes to a copy. */
  readonly variables: string;
  /** Part of the copy's name: firmware reads no other one's variables. */
  readonly key: string;
}

/** The variables' file that belongs to a code image: Debian and Fedora name them alike but for this word. */
function variablesOf(code: string): string {
  return join(dirname(code), basename(code).replace('CODE', 'VARS').replace('.secboot', ''));
}

/**
 * Finds firmware by a release's name, or by the path of its code image; undefined: this machine's own.
 * @throws InputError MM-RACK-FIRMWARE when one of its two files is not there
 */
export function findFirmware(wanted: string = USUAL): Firmware {
  const known = Object.hasOwn(RELEASES, wanted) ? RELEASES[wanted as keyof typeof RELEASES] : undefined;
  const code = known === undefined ? resolve(wanted) : join(known.folder, CODE);
  const remedy = known?.remedy ?? `Give the path of an OVMF code image, or one of ${FIRMWARE_NAMES.join(', ')}.`;
  if (known === undefined && !basename(code).includes('CODE')) fail('MM-RACK-FIRMWARE', '--firmware', `one of ${FIRMWARE_NAMES.join(', ')}, or the path of a code image whose name holds CODE`, wanted, remedy);
  const variables = variablesOf(code);
  for (const file of [code, variables]) if (!existsSync(file)) fail('MM-RACK-FIRMWARE', file, 'a UEFI blade needs code and variables of its firmware', 'no such file', remedy);
  return { code, variables, key: known === undefined ? createHash('sha256').update(code).digest('hex').slice(0, 8) : wanted };
}
