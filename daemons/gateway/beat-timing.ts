// How often a candidate speaks, how long a silence is a death, and why: the arithmetic of the gateway's takeover in one place.
//
// Everything hangs on the beat B. With its default of 12 ms: the gate lapses after G = 3 B = 36 ms, the holder is dead after D = 4 B = 48 ms,
// each further candidate waits S = B = 12 ms more, and a step that is late counts for L = 1.5 B = 18 ms at most.
//
// *The outage*, seen by a ping each 10 ms, from the last answer to the next one, when the holder dies straight after a beat:
//   10 (the ping before the death) + 48 (D) + 2.7 (the timer is late; 0.3 at a real-time priority) + 0.1 (the sockets are drained)
//   + 0.8 (address and ARP) + 10 (the next ping) = 72 ms; when it dies straight before a beat, 60. Of the 100 ms that are allowed, 28 are left for a
// machine that does other work: at 15 ms the worst of 30 deaths on such a one took 100.3.
//
// *A false takeover* takes D without a single beat in any socket of the backup.
// - The holder's process must be late by D − B = 36 ms: 13 times what a loaded machine shows at p99 without a real-time priority (2.7 ms),
//   130 times what it shows with one. This is the one jitter that no care of the backup's can make up for.
// - The network must lose D / B = 4 beats in a row on each of n networks: p^4n for a loss of p. With 83 beats a second and p = 1 %: once in
//   14 days on one network, once in 4 million years on two. With p = 10 %: every 2 minutes on one, once in 14 days on two. Besides, no queue
//   of one network, and no switch that restarts, is a silence while the other network is quick.
// - The backup's own stall is none, however long: (1) silence counts on a clock that stands still while the backup does (AttendedClock):
//   a stall of 50 ms, 200 ms or 2 s counts for L; (2) nobody is judged before every socket was read empty *after* the clock said so: what the
//   holder sent during the stall lies in the socket and is heard first. Were even the socket empty, because the whole machine was suspended:
//   silence before it ≤ B, and L for it, is 30 ms, so another 18 attended milliseconds must pass, in which a living holder speaks.
//   That is where L ≤ D − 2 B comes from.
//
// *Two who answer.* A holder that is frozen renews its gate no more: its kernel answers no ARP and forwards nothing from G = 36 ms after its last
// beat on (the kernel rounds to its tick, 4 ms at 250 Hz), and nobody takes over before D = 48 ms after it: 8 ms at least in which none answers,
// rather than one in which two do. A holder that wakes later than G reads its sockets before it renews the gate; later than D, with other
// candidates about, it steps down, for by then one of them must have taken over, or will.
// S: the first candidate's claim must lie in the second's socket when the second would judge: the first may be late by S less the network's
// delay. Where it is later, two claim one epoch; the higher rank wins, and the loser is quiet when it hears the winner's next beat: within B.

/** The default beat. */
export const BEAT_MS = 12;
/** Below, the timers of a loaded machine are no longer good enough; above, a dead gateway is a matter of seconds. */
export const BEAT_MIN_MS = 10;
export const BEAT_MAX_MS = 1000;

/** The times that follow from the beat, in milliseconds. */
export interface BeatTiming {
  /** Each candidate speaks once in this time. */
  readonly beatMs: number;
  /** So long after a holder's beat its kernel answers ARP for the moving addresses and forwards. */
  readonly gateMs: number;
  /** Silence on all networks from which on a holder is suspected; nothing follows from it but a line of the record. */
  readonly suspectAfterMs: number;
  /** Silence on all networks that makes a holder dead. */
  readonly deadAfterMs: number;
  /** Each place in the order of candidates waits so much longer. */
  readonly staggerMs: number;
  /** A step that comes later than this was kept from running, and counts for this much. */
  readonly lateMaxMs: number;
}

/** The times for a beat of so many milliseconds. */
export function beatTiming(beatMs: number): BeatTiming {
  return { beatMs, gateMs: 3 * beatMs, suspectAfterMs: 2.5 * beatMs, deadAfterMs: 4 * beatMs, staggerMs: beatMs, lateMaxMs: 1.5 * beatMs };
}
