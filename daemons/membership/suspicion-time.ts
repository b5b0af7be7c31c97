// How long a suspicion stands before it becomes a burial: the more nodes came to it on their own, the shorter (Lifeguard, section IV-B).

import { OBSERVERS, SUSPICION_MAX_MS, SUSPICION_MIN_MS } from './membership-limits.ts';

/**
 * Milliseconds from the beginning of a suspicion that `suspecters` nodes share (none: it is hearsay of a burial), where `watchers` nodes could share it at most.
 * A suspecter that nobody could confirm has the shortest time: it has all that is to be had.
 */
export function suspicionMs(suspecters: number, watchers: number): number {
  const expected = Math.min(watchers, OBSERVERS) - 1;
  if (expected <= 0) return SUSPICION_MIN_MS;
  const confirmations = Math.min(Math.max(0, suspecters - 1), expected);
  return Math.round(SUSPICION_MAX_MS - ((SUSPICION_MAX_MS - SUSPICION_MIN_MS) * Math.log(confirmations + 1)) / Math.log(expected + 1));
}
