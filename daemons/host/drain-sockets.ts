// Reading before judging. A process that was stopped, or waited for a processor, finds a timer that is due and datagrams that wait; libuv may
// run the timer first (it does when the wait for events was broken off by a signal, as SIGCONT does). Who judges others by their silence
// must read what they said before.

/**
 * Turns of the event loop that are waited for at most. In each, libuv reads up to 32 datagrams from a socket (uv__udp_recvmsg), so this is
 * more than a receive buffer of 1 MiB holds of full ones. With a flood that never ends the timer comes to its right all the same.
 */
export const DRAIN_TURNS_MAX = 64;

/**
 * Calls `then` after a turn of the event loop in which nothing was read.
 * @param heard how many datagrams were read so far
 */
export function drainSockets(heard: () => number, then: () => void): void {
  let turns = 0;
  const turn = (before: number): void => {
    // Immediates run behind the poll for events of the same turn.
    setImmediate(() => {
      turns += 1;
      const now = heard();
      if (now === before || turns >= DRAIN_TURNS_MAX) then();
      else turn(now);
    });
  };
  turn(heard());
}
