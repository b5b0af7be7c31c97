// Wake-on-LAN as a power controller: it can wake, and knows nothing.

import type { Dialogue } from './dialogue.ts';
import { failedAnswer } from './dialogue.ts';
import type { ControllerCommand } from './power-answer.ts';
import type { WakeOnLanController } from './power-config.ts';

/** Wakes a blade, or says why not. */
export function* wakeDialogue({ mac, broadcast, port }: WakeOnLanController, command: ControllerCommand): Dialogue {
  if (command !== 'on') return { kind: 'unable', reason: 'Wake-on-LAN can only switch on' };
  const result = yield { kind: 'wake', mac, broadcast, port };
  return result.kind === 'sent' ? { kind: 'accepted' } : failedAnswer(result);
}
