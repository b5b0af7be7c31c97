// What the catalogue says of one message.

import type { MessageCode } from '../../daemons/core/problem.ts';

/** One entry: the message itself names place, rule and value; this says what they mean. */
export interface MessageEntry {
  /** Where it is shown. */
  readonly where: string;
  /** What it means, and what usually leads to it. */
  readonly cause: string;
  readonly remedy: string;
}

/** Entries by their codes. */
export type Messages = Readonly<Record<MessageCode, MessageEntry>>;

/** An entry in one line. */
export const entry = (where: string, cause: string, remedy: string): MessageEntry => ({ where, cause, remedy });
