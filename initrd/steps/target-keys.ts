// This node's key in the target's table of registrations, by sg_persist (sg3-utils). Only a registration and never a reservation, so it
// keeps nobody from anything; without APTPL it is kept over the loss of a connection and lost with the target's power (SPC-4 section 5.12).

import { encodeUtf8, toHex } from '../../daemons/core/bytes.ts';
import { sha256 } from '../../daemons/core/sha256.ts';
import type { KeysSeen } from '../../daemons/storage/target-restart.ts';
import type { BootHost } from '../boot-host.ts';

/** A reservation key has eight bytes (SPC-4 section 6.15.2). */
const KEY_BYTES = 8;
/** A unit attention, of which a target may hold several, ends a command that came in between. */
const TRIES = 3;
/** sg3_utils(8): the target does not know the command, or a field of it; and the shell's word for a program that is not there. */
const NOT_TO_BE_HAD: ReadonlySet<number> = new Set([5, 9, 127]);

/**
 * The key of a blade, sixteen hexadecimal digits. It depends on the hardware alone: a boot finds the key of the one before it, and the
 * table does not grow. That it is there tells what it should: the target was not restarted since.
 */
export function registrationKey(hardwareId: string): string {
  return toHex(sha256(encodeUtf8(`metamaster registration ${hardwareId}`)).subarray(0, KEY_BYTES));
}

/** Reads what `sg_persist --read-keys` prints; undefined when it is something else. */
export function parseKeys(text: string, key: string): KeysSeen | undefined {
  const generation = /^\s*PR generation=0x([0-9a-f]+),/m.exec(text)?.[1];
  if (generation === undefined) return undefined;
  // Printed without leading zeros.
  const bare = key.replace(/^0+/, '');
  return { generation: Number.parseInt(generation, 16), own: [...text.matchAll(/^\s+0x([0-9a-f]+)\s*$/gm)].some(([, each]) => each === bare) };
}

function persist(host: BootHost, argv: readonly string[]): string | undefined {
  for (let tries = 0; tries < TRIES; tries++) {
    const ran = host.run(['sg_persist', '--no-inquiry', ...argv]);
    if (ran.code === 0) return ran.said;
    if (NOT_TO_BE_HAD.has(ran.code)) break;
  }
  return undefined;
}

/** The table as it is; undefined when the target has none, or does not answer. */
export function readKeys(host: BootHost, device: string, key: string): KeysSeen | undefined {
  const said = persist(host, ['--readonly', '--in', '--read-keys', device]);
  return said === undefined ? undefined : parseKeys(said, key);
}

/** The table with this node's key in it, which is registered when it is not there; undefined when it cannot be brought in. */
export function registeredKeys(host: BootHost, device: string, key: string): KeysSeen | undefined {
  const seen = readKeys(host, device, key);
  if (seen === undefined || seen.own) return seen;
  persist(host, ['--out', '--register-ignore', `--param-sark=0x${key}`, device]);
  const after = readKeys(host, device, key);
  return after?.own === true ? after : undefined;
}
