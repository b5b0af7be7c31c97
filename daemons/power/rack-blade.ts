// A blade of the virtual rack: `scripts/rack` is its power controller, a process its power.

import type { ActionResult, Dialogue } from './dialogue.ts';
import { failedAnswer } from './dialogue.ts';
import { type ControllerAnswer, type ControllerCommand, reasonText } from './power-answer.ts';
import type { RackController } from './power-config.ts';

/** The rack lets one command change it at a time and makes others wait for two minutes. */
const PROCESS_LIMIT_MS = 140_000;

const ACTIONS: Readonly<Record<Exclude<ControllerCommand, 'read'>, string>> = { on: 'on', off: 'off', soft: 'button' };

/** The arguments, the program first. */
export function rackArgv({ program, name, blade }: RackController, command: ControllerCommand): readonly string[] {
  const verb = command === 'read' ? ['status'] : ['power', ACTIONS[command], String(blade)];
  return [program, ...verb, '--json', '--name', name];
}

/** The entries of a rack's JSON that are about one blade: of `status` below `blades`, of `power` the list itself. */
function bladesOf(text: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    const json = JSON.parse(text) as { blades?: unknown } | null;
    const list: unknown = Array.isArray(json) ? json : json?.blades;
    return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
  } catch {
    return [];
  }
}

/** What the end of `scripts/rack` means. A blade that the rack does not list is unknown, not off: it may be another rack. */
export function readRack({ blade }: RackController, command: ControllerCommand, { code, output, errorOutput }: ActionResult & { kind: 'ran' }): ControllerAnswer {
  if (code !== 0) {
    const reason = reasonText(errorOutput) || `scripts/rack ended with exit code ${code}`;
    return command === 'soft' && errorOutput.includes('MM-RACK-OFF') ? { kind: 'refused', reason } : { kind: 'failed', reason };
  }
  const found = bladesOf(output).filter((item) => item[command === 'read' ? 'number' : 'blade'] === blade);
  if (command !== 'read') return found.length === 1 ? { kind: 'accepted' } : { kind: 'failed', reason: `scripts/rack did not confirm the command for blade ${blade}` };
  const power = found.length === 1 ? found[0]!['power'] : undefined;
  if (power === 'on' || power === 'off') return { kind: 'state', state: power, said: `blade ${blade} is ${power}` };
  return { kind: 'state', state: 'unknown', said: `the rack does not list blade ${blade}` };
}

/** Asks the virtual rack. */
export function* rackDialogue(controller: RackController, command: ControllerCommand): Dialogue {
  const result = yield { kind: 'run', argv: rackArgv(controller, command), limitMs: PROCESS_LIMIT_MS };
  return result.kind === 'ran' ? readRack(controller, command, result) : failedAnswer(result);
}
