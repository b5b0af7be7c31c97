// What a controller of any kind wants done, as data. A dialogue yields one action, is given what came of it, and ends with the answer;
// the shell that performs the actions is the same for all kinds.

import type { Mac } from '../core/mac.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { ControllerAnswer } from './power-answer.ts';

/** One thing to be done. None of them holds a secret: the shell adds those that the configuration names. */
export type ControllerAction =
  | { readonly kind: 'run'; readonly argv: readonly string[]; readonly limitMs: number }
  /** A Redfish request: `body` is JSON. */
  | { readonly kind: 'web'; readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string }
  | { readonly kind: 'wake'; readonly mac: Mac; readonly broadcast: Ipv4; readonly port: number };

/** What came of an action. */
export type ActionResult =
  | { readonly kind: 'ran'; readonly code: number; readonly output: string; readonly errorOutput: string }
  | { readonly kind: 'web'; readonly status: number; readonly body: Uint8Array }
  | { readonly kind: 'sent' }
  /** It could not be done, was too slow or too much. */
  | { readonly kind: 'failed'; readonly reason: string };

/** From one command to its answer. */
export type Dialogue = Generator<ControllerAction, ControllerAnswer, ActionResult>;

/** The answer when an action did not bring what it should. */
export function failedAnswer(result: ActionResult): ControllerAnswer {
  return { kind: 'failed', reason: result.kind === 'failed' ? result.reason : `the shell answered with "${result.kind}"` };
}
