// In which order the nodes of a rack restart when the SAN has lost writes: the last one that serves the boot network stays until another
// serves again, or the rack would need its disc. Pure.

import type { ServingRecord } from '../../daemons/wire/serving-record.ts';

/** A node that waits for others in vain restarts after this time all the same: they need a disc then, or an administrator. */
export const STAY_LIMIT_MS = 30 * 60_000;

export interface RestartSituation {
  /** Who served when the SAN was last well; undefined when that is not known. */
  readonly before: ServingRecord | undefined;
  /** Who serves now; undefined when metamasterd of this node does not run. */
  readonly now: ServingRecord | undefined;
  /** Since the decision to restart. */
  readonly waitedMs: number;
}

/** `why` is a clause for the console. */
export type RestartOrder = { readonly kind: 'now'; readonly why: string } | { readonly kind: 'stay' };

/** Whether this node restarts now. To be asked again and again, for others die and come. */
export function restartOrder({ before, now, waitedMs }: RestartSituation): RestartOrder {
  const own = now?.serving.some(({ node }) => node === now.node) === true;
  if (now === undefined || !own) return { kind: 'now', why: 'this node does not serve' };
  const former = new Set((before ?? now).serving.map(({ incarnation }) => incarnation));
  const others = now.serving.filter(({ node }) => node !== now.node);
  // metamasterd does not start anew on a root that hangs: another incarnation is another boot.
  const fresh = others.find(({ incarnation }) => !former.has(incarnation));
  if (fresh !== undefined) return { kind: 'now', why: `node ${fresh.node} serves since` };
  const lower = others.find(({ node }) => node < now.node);
  if (lower !== undefined) return { kind: 'now', why: `node ${lower.node} stays meanwhile` };
  return waitedMs >= STAY_LIMIT_MS ? { kind: 'now', why: `no other node has come to serve within ${STAY_LIMIT_MS / 60_000} minutes` } : { kind: 'stay' };
}
