// What nodes tell each other of who lives, and how much of it goes into one datagram. Its bytes are in membership-body.ts, what wraps them in membership-seal.ts.

import { encodeUtf8 } from '../core/bytes.ts';

/** UDP port of these datagrams: unassigned at IANA. */
export const MEMBERSHIP_PORT = 7373;
/** Ethernet's 1500 bytes less the headers of IPv4 (20) and UDP (8): nothing is ever fragmented. */
export const DATAGRAM_MAX_BYTES = 1472;
/** The seal's header 32 and tag 16; see membership-seal.ts. */
export const SEAL_OVERHEAD_BYTES = 48;
export const BODY_MAX_BYTES = DATAGRAM_MAX_BYTES - SEAL_OVERHEAD_BYTES;
/** What a body's claims may take together: the sender's 16, kind 1, probe 4, target 2 and count 1 come off. */
export const CLAIMS_MAX_BYTES = BODY_MAX_BYTES - 24;

/** A start's name: sixteen hexadecimal digits, drawn at random at each start of a process. */
export const START_BYTES = 8;
/** Incarnations above this are refused, so that there is always a higher one for a refutation. */
export const INCARNATION_MAX = 0xfffffff0;

/** A node's facts, apart from those with a field of their own. */
export type Facts = ReadonlyMap<string, string>;
export const FACTS_MAX = 8;
export const FACT_KEY_MAX_BYTES = 16;
/** In UTF-8. */
export const FACT_VALUE_MAX_BYTES = 48;
export const FACT_KEY = /^[a-z0-9.-]+$/;

/** `by` is who suspects, or suspected what is dead now: ascending, at most SUSPECTERS_TOLD_MAX. */
export const STATUSES = ['alive', 'suspect', 'dead'] as const;
export type Status = (typeof STATUSES)[number];
export const SUSPECTERS_TOLD_MAX = 4;

/** What a node says of itself; only it makes these. Of one start the higher sequence is the newer. */
export interface Description {
  readonly sequence: number;
  /** Its boot services answer. */
  readonly serving: boolean;
  /** False: it took leave, and is silent from then on. */
  readonly present: boolean;
  /** The generation of the registry that it follows; below 2^53. */
  readonly rosterGeneration: number;
  readonly facts: Facts;
}

/** What one node says of another, or of itself. Of one node the higher incarnation is the newer, whatever the start. */
export interface Claim {
  readonly node: number;
  readonly start: string;
  readonly incarnation: number;
  readonly status: Status;
  readonly by: readonly number[];
  readonly description: Description | undefined;
}

/** Which version of a node is known. */
export interface DigestEntry {
  readonly node: number;
  readonly start: string;
  readonly incarnation: number;
  readonly status: Status;
  /** Of its description; 0: none is known. */
  readonly sequence: number;
}

/** Numbers of a bucket: `node >> BUCKET_BITS` is the same for all. Its digest fits one datagram: 64 entries of 19 bytes. */
export const BUCKET_BITS = 6;
export const BUCKET_SIZE = 2 ** BUCKET_BITS;
/** Hashes in one comparison: they span 4,096 numbers. */
export const SYNC_BUCKETS_MAX = 64;
export const WANTED_MAX = BUCKET_SIZE;
/** Claims in one body; of the shortest kind, 16 bytes, so many take 1,024. */
export const CLAIMS_MAX = 64;

export interface BucketHash {
  readonly bucket: number;
  readonly hash: number;
}

export type MembershipBody =
  | { readonly kind: 'ping' | 'ack'; readonly probe: number; readonly claims: readonly Claim[] }
  /** The receiver is asked to ping `target`, and to pass on its answer, or to say that there was none. */
  | { readonly kind: 'ping-request'; readonly probe: number; readonly target: number; readonly claims: readonly Claim[] }
  | { readonly kind: 'nack'; readonly probe: number }
  /** Broadcast. */
  | { readonly kind: 'news'; readonly claims: readonly Claim[] }
  /** The sender's view, bucket by bucket: the receiver answers with digests of those that differ. */
  | { readonly kind: 'sync'; readonly buckets: readonly BucketHash[] }
  /** Ascending by node, all of one bucket. */
  | { readonly kind: 'digest'; readonly bucket: number; readonly entries: readonly DigestEntry[] }
  /** Asks for records of these nodes. Ascending. */
  | { readonly kind: 'want'; readonly nodes: readonly number[] }
  | { readonly kind: 'records'; readonly claims: readonly Claim[] };

/** Who sends, and what it says of itself in every datagram. */
export interface Sender {
  readonly node: number;
  readonly start: string;
  readonly incarnation: number;
  /** Of its newest description. */
  readonly sequence: number;
  readonly rosterGeneration: number;
}

export interface MembershipPacket {
  readonly from: Sender;
  readonly body: MembershipBody;
}

const CLAIM_HEAD_BYTES = 16;
const DESCRIPTION_HEAD_BYTES = 14;

/** Says what is wrong with facts that are to be told, or nothing. */
export function factsProblem(facts: Facts): string | undefined {
  if (facts.size > FACTS_MAX) return `there may be ${FACTS_MAX} facts; seen ${facts.size}`;
  for (const [key, value] of facts) {
    if (key.length > FACT_KEY_MAX_BYTES || !FACT_KEY.test(key)) return `a fact's name must be 1 to ${FACT_KEY_MAX_BYTES} of a-z, 0-9, dot and hyphen; seen ${key}`;
    if (!value.isWellFormed()) return `the fact ${key} must be text that UTF-8 has a form for`;
    if (encodeUtf8(value).length > FACT_VALUE_MAX_BYTES) return `the fact ${key} may have ${FACT_VALUE_MAX_BYTES} bytes; seen ${encodeUtf8(value).length}`;
  }
  return undefined;
}

/** The bytes that a claim takes in a body. */
export function claimBytes({ by, description }: Claim): number {
  let size = CLAIM_HEAD_BYTES + 2 * by.length;
  if (description === undefined) return size;
  size += DESCRIPTION_HEAD_BYTES;
  if (description.facts.size === 0) return size;
  for (const [key, value] of description.facts) size += 2 + key.length + encodeUtf8(value).length;
  return size;
}
