// Every bound of the cluster's membership, with the arithmetic behind it. The protocol is SWIM (Das, Gupta, Motivala: SWIM, DSN 2002) with
// Lifeguard (Dadgar, Phillips, Currey, DSN-W 2018); who watches whom is fixed by rings as in Rapid (Suresh et al., USENIX ATC 2018), and
// urgent news is broadcast, for all nodes share one LAN.

import { SUSPECTERS_TOLD_MAX } from '../wire/membership-packet.ts';

/** Each node is watched by so many others; so it watches as many itself, and its traffic does not hang on how many nodes there are. */
export const OBSERVERS = 4;
/** Each observer asks each node it watches once in this time. */
export const PROBE_INTERVAL_MS = 500;
/** Waited for the answer to a ping. On a LAN it takes less than a millisecond; the rest is for a process that waits for its turn. */
export const ACK_TIMEOUT_MS = 150;
/** Waited after that for the answer by way of relays, and for a second ping's. */
export const INDIRECT_TIMEOUT_MS = 250;
/** So many others are asked to ping a node that did not answer. */
export const RELAYS = 3;
/** A relay that heard nothing for so long says so: the asker learns that its own network is well. Before INDIRECT_TIMEOUT_MS is over. */
export const NACK_AFTER_MS = 200;
/** Pings that a node has out for others at once; who asks beyond that gets no answer. */
export const RELAYED_MAX = 64;

/**
 * Every node suspects a death within this time. A node dies at the worst just after it has answered: then an observer's next ping is
 * 500 ms away, and goes unanswered for 150 + 250 ms: 900 ms. The suspicion is one broadcast away from everybody; 100 ms are left for timers that
 * are late and for the broadcast. All four observers come to it within the same 900 ms and each broadcasts it: where 1 % of the datagrams are
 * lost, a node misses all four with a probability of 1e-8. It holds as long as one of the observers lives and is well; when a node dies
 * together with all of them, the next four are found as soon as they are suspected, one such time later. And as long as it answered within
 * ACK_TIMEOUT_MS before it died.
 */
export const SUSPECTED_BY_ALL_MS = PROBE_INTERVAL_MS + ACK_TIMEOUT_MS + INDIRECT_TIMEOUT_MS + 100;

/** A suspicion that every observer shares becomes a burial after this time, unless the suspected node refutes it. */
export const SUSPICION_MIN_MS = 4000;
/** One that nobody else shares: whoever suspects alone may be ill itself. */
export const SUSPICION_MAX_MS = 8000;
/** Who suspects a node, as told to others; also the most that a suspicion is shared by. */
export const SUSPECTERS_MAX = SUSPECTERS_TOLD_MAX;
/**
 * The burial by another counts only after so long a suspicion of one's own: a node that could not be heard for a while may have begun to suspect
 * long before there was a reason, and PAUSE_FORGIVEN_MS is promised to whoever stands still since. Between two sides of a network that have
 * buried each other and meet again, a living node has this time to be heard.
 */
export const OTHERS_BURIAL_AFTER_MS = SUSPICION_MIN_MS - ACK_TIMEOUT_MS - INDIRECT_TIMEOUT_MS;
/**
 * Every node is sure of a death within this time: suspected by all after 1 s, then 4 s with all observers' word, and 1 s for who lacks
 * one of three confirmations (8000 - 4000 * log 3 / log 4 = 4830 ms) and for late timers. The first that buries tells the others.
 */
export const DEAD_FOR_ALL_MS = SUSPECTED_BY_ALL_MS + SUSPICION_MIN_MS + 1000;
/**
 * A process that stands still for less than this is not buried: at the earliest it is suspected 150 + 250 ms after it stopped and buried 4 s later;
 * of these 4.4 s the 400 ms are for its refutation to be made and heard.
 */
export const PAUSE_FORGIVEN_MS = SUSPICION_MIN_MS;

/** Lifeguard's local health counts from 0 (well) to this; time-outs are multiplied by one more. The paper's S = 8. */
export const HEALTH_WORST = 7;
/**
 * Where a node's answers take longer, because it gets its processor seldom, it is waited for as long as they do take (RFC 6298's estimate, see
 * round-trip.ts), up to this. Such a node's death is suspected that much later; a slow one that lives is not suspected at each ping, nor do the
 * relays' pings and everybody's word of it come on top of what it cannot keep up with. It is as long as a node that doubts itself the most waits
 * for anybody, and the two are not multiplied: a judgement that comes long after its pings tells of a network that may be well by then.
 */
export const ACK_TIMEOUT_MAX_MS = (HEALTH_WORST + 1) * ACK_TIMEOUT_MS;
/** A judgement whose time came later than this is not made: the answers may wait in the socket, behind the timer that is handled first. */
export const LATE_MS = 50;
/** It is made after this time instead. */
export const JUDGE_AGAIN_MS = 50;
/** A machine that was stepped so late was itself stopped: it cannot tell who was silent meanwhile. */
export const STALLED_MS = 500;
/** After that every suspicion has at least so long to be refuted. */
export const STALL_GRACE_MS = 1000;
/** By how much such a stop makes the local health worse. */
export const STALL_PENALTY = 2;

/** Changes of the living set are gathered for so long before it is decided anew who watches whom. */
export const RETARGET_MS = 50;
/** The living set is told at most once in this time; the first change at once. Half a rack that dies is told of in a few pieces. */
export const LIVE_COALESCE_MS = 100;

/** Broadcasts that a node may send at once. */
export const BROADCAST_BURST = 4;
/** And one more in each such time. What waits meanwhile rides along with pings, and in the next broadcast all at once. */
export const BROADCAST_REFILL_MS = 250;
/**
 * A node that knows of no other alive says that it is there once in this time; and so does, of those that know each other, the one with the
 * lowest number as long as somebody is lost. Trying lost nodes one by one (SYNC_LOST_EVERY) takes long where most of a rack is switched off;
 * two sides of a network that meet again hear of each other by this broadcast, and there is one of them a second and side, whatever its size.
 */
export const ALONE_INTERVAL_MS = 1000;
/** News rides along so many times for each digit of the number of nodes (SWIM: a multiple of the logarithm). Broadcasts carry most of it. */
export const RUMOUR_REPEATS = 3;
/** News that rides along with one ping or answer. */
export const PIGGYBACK_CLAIMS_MAX = 8;
/** Its bytes. */
export const PIGGYBACK_BYTES_MAX = 480;

/** What is not urgent of a node's facts it tells at most once in this time … */
export const FACTS_INTERVAL_MS = 1000;
/** … and all nodes together so often in a second: each hears no more of it at 1,000 nodes than at 20. A node's facts are then up to 50 s old. */
export const FACTS_PER_SECOND = 20;

/** Each node compares its view with another's once in this time. */
export const SYNC_INTERVAL_MS = 2000;
/** Sooner when the last comparison found a difference. */
export const SYNC_AGAIN_MS = 200;
/**
 * At every so many comparisons one more is tried with a node that is not alive, if this one would be among its observers: so two sides that have buried each
 * other find together within 4 s, and a node that is switched off is called by four others, not by a thousand.
 */
export const SYNC_LOST_EVERY = 2;
/** Differing buckets that one comparison looks into. */
export const SYNC_DIGESTS_MAX = 2;
/** Datagrams of records that one message may cause. */
export const SYNC_RECORDS_MAX = 3;

/** A twin, a stranger, or a datagram under a wrong key, is logged once in this time. */
export const LOG_INTERVAL_MS = 60_000;
