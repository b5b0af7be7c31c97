// A dialogue in a test: answered from a list, and what it asked for is kept.

import type { ActionResult, ControllerAction, Dialogue } from './dialogue.ts';
import type { ControllerAnswer } from './power-answer.ts';

/** Carries a dialogue out. `respond` is given each action. */
export function carryOut(dialogue: Dialogue, respond: (action: ControllerAction) => ActionResult): { readonly answer: ControllerAnswer; readonly actions: readonly ControllerAction[] } {
  const actions: ControllerAction[] = [];
  let turn = dialogue.next();
  while (turn.done !== true) {
    actions.push(turn.value);
    turn = dialogue.next(respond(turn.value));
  }
  return { answer: turn.value, actions };
}

/** The end of a program. */
export const ran = (code: number, output: string, errorOutput = ''): ActionResult & { kind: 'ran' } => ({ kind: 'ran', code, output, errorOutput });
