// IPMI over LAN by Debian's `ipmitool`: its arguments, and what its output means. The protocol (IPMI 2.0, RMCP+) stays its business.

import type { ActionResult, Dialogue } from './dialogue.ts';
import { failedAnswer } from './dialogue.ts';
import { type ControllerAnswer, type ControllerCommand, reasonText } from './power-answer.ts';
import type { IpmiController } from './power-config.ts';

/** Between two transmissions of one message (`-N`): a BMC that is busy answers within a second. */
const RETRANSMIT_S = 2;
/** Transmissions of one message (`-R`). Whoever needs an answer asks again. */
const TRANSMISSIONS = 2;
/** A silent BMC costs 12 s, for ipmitool tries three sessions; one that answers each message at the last moment, more. */
const PROCESS_LIMIT_MS = 45_000;

/** The verbs of `ipmitool chassis power` (IPMI 2.0 section 28.3, Chassis Control). `soft` is the overtemperature pulse that ACPI takes for the button. */
const VERBS: Readonly<Record<ControllerCommand, string>> = { read: 'status', on: 'on', off: 'off', soft: 'soft' };
/** How ipmitool confirms each. */
const CONFIRMED: Readonly<Record<Exclude<ControllerCommand, 'read'>, string>> = { on: 'Up/On', off: 'Down/Off', soft: 'Soft' };

/**
 * The arguments, the program first. The password is read by ipmitool from its file (`-f`): on the command line (`-P`) every user of
 * the machine would see it, and from the environment (`-E`) every program that ipmitool might start would have it. An absent file is
 * an empty password to ipmitool, so the shell looks at the file before.
 */
export function ipmitoolArgv(controller: IpmiController, command: ControllerCommand): readonly string[] {
  return [
    'ipmitool', '-I', 'lanplus', '-H', controller.address, '-p', String(controller.port), '-U', controller.user, '-f', controller.passwordFile,
    '-L', controller.privilege.toUpperCase(), ...(controller.cipherSuite === undefined ? [] : ['-C', String(controller.cipherSuite)]),
    '-N', String(RETRANSMIT_S), '-R', String(TRANSMISSIONS), 'chassis', 'power', VERBS[command],
  ];
}

/** What ipmitool's end means. Only a whole, undoubted line counts as a state. */
export function readIpmitool(command: ControllerCommand, { code, output, errorOutput }: ActionResult & { kind: 'ran' }): ControllerAnswer {
  const said = output.trim();
  if (code !== 0) {
    const refusal = /^Set Chassis Power Control to .* failed: (.*)$/m.exec(`${errorOutput}\n${output}`)?.[1];
    // With a completion code the BMC itself said no; without one ipmitool only says that it was unable.
    if (refusal !== undefined) return { kind: 'refused', reason: reasonText(refusal) };
    return { kind: 'failed', reason: reasonText(errorOutput) || reasonText(output) || `ipmitool ended with exit code ${code}` };
  }
  if (command === 'read') {
    const state = /^Chassis Power is (on|off)$/.exec(said)?.[1];
    if (state !== undefined) return { kind: 'state', state: state as 'on' | 'off', said };
    return { kind: 'state', state: 'unknown', said: reasonText(said) || 'nothing' };
  }
  if (said === `Chassis Power Control: ${CONFIRMED[command]}`) return { kind: 'accepted' };
  return { kind: 'failed', reason: `ipmitool did not confirm the command: ${reasonText(said) || 'it said nothing'}` };
}

/** Asks a BMC. */
export function* ipmiDialogue(controller: IpmiController, command: ControllerCommand): Dialogue {
  const result = yield { kind: 'run', argv: ipmitoolArgv(controller, command), limitMs: PROCESS_LIMIT_MS };
  return result.kind === 'ran' ? readIpmitool(command, result) : failedAnswer(result);
}
