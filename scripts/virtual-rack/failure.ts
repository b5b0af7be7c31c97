// How the virtual rack says no: one Problem with a code and the next step, thrown as core's InputError.

import { InputError, type MessageCode } from '../../daemons/core/problem.ts';

/**
 * Throws an InputError with one Problem.
 * @param code a stable code, `MM-RACK-…`
 * @param remedy the next step, a full sentence
 */
export function fail(code: MessageCode, where: string, rule: string, seen: string, remedy: string): never {
  throw new InputError([{ code, where, rule, seen, remedy }]);
}

/** The text of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
