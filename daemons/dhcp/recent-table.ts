// A table of strangers that cannot grow: the least recently seen entry makes room. It also says when one may be logged again.

import { after } from '../core/machine.ts';
import type { Instant } from '../core/machine.ts';

/** A thing that strangers can cause is logged once in this time and key. */
export const LOG_INTERVAL_MS = 60_000;
/** Lines that one table lets through in that time: strangers who change their names with each packet cannot fill the log. */
export const LOGS_PER_INTERVAL_MAX = 60;

/** What is remembered of one key. */
export interface Recent {
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
  readonly detail: string;
}

/** A least-recently-used table of at most `limit` keys. */
export class RecentTable {
  readonly #limit: number;
  readonly #rows = new Map<string, Recent & { readonly quietUntil: Instant }>();
  #intervalEnd = Number.NEGATIVE_INFINITY;
  #logsInInterval = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Notes that `key` was seen; true when it is time to log it. */
  note(now: Instant, key: string, detail: string): boolean {
    const row = this.#rows.get(key);
    const loud = (!row || now >= row.quietUntil) && this.#mayLog(now);
    this.#rows.delete(key);
    this.#rows.set(key, {
      firstAt: row?.firstAt ?? now,
      lastAt: now,
      count: (row?.count ?? 0) + 1,
      detail,
      quietUntil: loud ? after(now, LOG_INTERVAL_MS) : (row?.quietUntil ?? now),
    });
    if (this.#rows.size > this.#limit) {
      const oldest = this.#rows.keys().next();
      if (!oldest.done) this.#rows.delete(oldest.value);
    }
    return loud;
  }

  #mayLog(now: Instant): boolean {
    if (now >= this.#intervalEnd) {
      this.#intervalEnd = now + LOG_INTERVAL_MS;
      this.#logsInInterval = 0;
    }
    return ++this.#logsInInterval <= LOGS_PER_INTERVAL_MAX;
  }

  /** Forgets a key. */
  forget(key: string): void {
    this.#rows.delete(key);
  }

  /** Every key with what is known of it, the most recent last. */
  rows(): readonly (Recent & { readonly key: string })[] {
    return [...this.#rows].map(([key, { firstAt, lastAt, count, detail }]) => ({ key, firstAt, lastAt, count, detail }));
  }
}
