// Was the SAN's target restarted, and may a node go on behind it? Pure: evidence and policy in, a decision out.
//
// Riding through an outage is sound only when what the SAN acknowledged survives its own crash. A file system that goes on in memory after
// acknowledged writes were lost writes what rests on them; one that is mounted anew replays its journal and is whole.

import type { MessageCode } from '../core/problem.ts';
import type { OwnerRecord } from './owner-record.ts';

/**
 * What a restart of the target can cost. `write-through`: the disk itself says that it acknowledges only what is on its medium (WCE=0
 * in its caching mode page, SBC-3 section 6.4.5); `asserted`: the administrator says that the cache survives; else `volatile`.
 */
export type WriteCache = 'write-through' | 'asserted' | 'volatile';

/**
 * @param kernelSays /sys/block/DISK/queue/write_cache; undefined when it cannot be read
 * @param answer the answer `write-cache` of the installation
 */
export function writeCacheOf(kernelSays: string | undefined, answer: unknown): WriteCache {
  if (kernelSays?.trim() === 'write through') return 'write-through';
  return answer === 'off' || answer === 'nonvolatile' ? 'asserted' : 'volatile';
}

/** The target's table of registrations (SPC-4 section 5.12), as READ KEYS shows it. */
export interface KeysSeen {
  /** PRGENERATION: grows with each registration, clear and preemption, and is zero when the target has had no power. */
  readonly generation: number;
  /** This node's own key is in it. */
  readonly own: boolean;
}

/** One look at the target. */
export interface TargetSeen {
  /** What tells the connection of the control session from the one before it; undefined when the kernel does not show it. */
  readonly connection: string | undefined;
  /** Undefined: the target gives no answer to READ KEYS. */
  readonly keys: KeysSeen | undefined;
}

/**
 * `key-removed`: somebody took this node's key out of the table, and no interruption hides a restart. `unknown`: the table, which was read
 * before, cannot be read now; it has to be asked again. `perhaps-restarted`: there is no table, and the connection was made anew.
 */
export type TargetNews = 'same' | 'key-removed' | 'unknown' | 'perhaps-restarted' | 'restarted';

/**
 * Compares two looks. A registration without APTPL is kept over the loss of a connection and lost with the target's power.
 * @param before undefined at the first look of a boot
 * @param failedSince a read or write failed between the two
 */
export function targetNews(before: TargetSeen | undefined, now: TargetSeen, failedSince: boolean): TargetNews {
  if (before === undefined) return 'same';
  const known = before.connection !== undefined && now.connection !== undefined;
  const interrupted = known ? before.connection !== now.connection : failedSince;
  if (before.keys === undefined) return interrupted ? 'perhaps-restarted' : 'same';
  if (now.keys === undefined) return 'unknown';
  if (now.keys.generation < before.keys.generation) return 'restarted';
  if (!before.keys.own || now.keys.own) return 'same';
  // The others may have registered with a target that came back before this node looked, so the generation alone does not clear it.
  return interrupted || !known ? 'restarted' : 'key-removed';
}

/** The last claim or renewal of an owner record whose write the SAN has acknowledged. */
export interface Acknowledged {
  readonly epoch: number;
  readonly counter: number;
}

/** `lost`: older than what the SAN has acknowledged. `foreign`: another blade's, or nobody's. */
export type RecordVerdict = 'own' | 'lost' | 'foreign';

/** Judges an owner record that was read back. @param acknowledged undefined: nothing of it was read or written in this boot yet */
export function judgeRecord(owner: OwnerRecord | undefined, me: { readonly hardwareId: string | undefined; readonly bootNonce: string }, acknowledged: Acknowledged | undefined): RecordVerdict {
  if (owner === undefined || owner.hardwareId !== me.hardwareId) return 'foreign';
  if (acknowledged === undefined) return owner.bootNonce === me.bootNonce ? 'own' : 'foreign';
  // A later claim, although by the same hardware, is not a lost write.
  if (owner.epoch > acknowledged.epoch) return 'foreign';
  if (owner.epoch < acknowledged.epoch || owner.counter < acknowledged.counter) return 'lost';
  return owner.bootNonce === me.bootNonce ? 'own' : 'foreign';
}

/** `restart`: nothing more of this kernel may be written. `remark`: worth a line in the log. */
export type TargetDecision = { readonly kind: 'go-on'; readonly remark?: string } | { readonly kind: 'restart'; readonly code: MessageCode; readonly why: string };

const CACHE_WORDS: Readonly<Record<WriteCache, string>> = {
  'write-through': 'its disk says that it has no write cache', asserted: 'the answer write-cache says that its cache survives', volatile: 'its write cache is volatile',
};

/**
 * Decides what a node does.
 * @param lost the volumes whose owner records are older than what was acknowledged. It counts whatever the policy says: what is proved is proved
 */
export function decideOnTarget({ cache, lost, news }: { readonly cache: WriteCache; readonly lost: readonly string[]; readonly news: TargetNews }): TargetDecision {
  if (lost.length > 0) {
    const promise = cache === 'volatile' ? '' : `, although ${CACHE_WORDS[cache]}`;
    return { kind: 'restart', code: 'MM-AGENT-LOST-WRITES', why: `the SAN lost what it had acknowledged: the owner record of ${lost.join(' and ')} is older than the one that was written${promise}` };
  }
  if (news !== 'restarted' && news !== 'perhaps-restarted') return { kind: 'go-on' };
  const what = news === 'restarted' ? "the SAN's target was restarted" : 'the connection to the SAN was made anew, and its target cannot say that it was not restarted';
  if (cache !== 'volatile') return { kind: 'go-on', remark: `${what}; ${CACHE_WORDS[cache]}, so this node goes on` };
  return { kind: 'restart', code: 'MM-AGENT-TARGET-RESTARTED', why: `${what}, and ${CACHE_WORDS[cache]}` };
}
