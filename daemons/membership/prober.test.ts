import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import { LocalHealth } from './local-health.ts';
import { ACK_TIMEOUT_MS, INDIRECT_TIMEOUT_MS, PROBE_INTERVAL_MS } from './membership-limits.ts';
import { Prober } from './prober.ts';
import { SeededChance } from './seeded-chance.ts';
import { TimerHeap } from './timer-heap.ts';

const TARGET = 2;

/** A prober that watches one node, which answers after so long, or (undefined) not, to the pings in turn. Gives the times between the pings. */
function gaps(count: number, answersAfterMs: readonly (number | undefined)[]): readonly number[] {
  const timers = new TimerHeap();
  const pings: { readonly at: number; readonly number: number }[] = [];
  const answers: { readonly at: number; readonly number: number }[] = [];
  let nowMs = 0;
  const prober = new Prober({ timers, chance: new SeededChance(1), health: new LocalHealth() }, {
    ping(_to, number) {
      pings.push({ at: nowMs, number });
      const afterMs = answersAfterMs[(pings.length - 1) % answersAfterMs.length];
      if (afterMs !== undefined) answers.push({ at: nowMs + afterMs, number });
    },
    askRelay() {}, ack() {}, nack() {}, relays: () => [], silent() {},
  });
  prober.watch(nowMs as Instant, [TARGET]);
  while (pings.length <= count) {
    const next = timers.next()!;
    const answer = answers.toSorted((a, b) => a.at - b.at)[0];
    if (answer !== undefined && answer.at <= next) {
      nowMs = answer.at;
      answers.splice(answers.indexOf(answer), 1);
      prober.answered(nowMs as Instant, TARGET, answer.number);
    } else {
      nowMs = next;
      const { number } = timers.takeDue(next)!;
      prober.probeTimer(next, number);
    }
  }
  return pings.slice(1).map(({ at }, before) => at - pings[before]!.at);
}

describe('how long an answer is waited for', () => {
  test('where each first ping is lost, and the second is answered at once: no longer than ever', () => {
    const waited = gaps(40, [undefined, 1]).filter((_, at) => at % 2 === 0);
    expect(waited).toEqual(waited.map(() => ACK_TIMEOUT_MS));
  });

  test('where the node takes its time for each: as long as it takes, and there is no second ping', () => {
    const [first, ...others] = gaps(20, [ACK_TIMEOUT_MS + INDIRECT_TIMEOUT_MS - 1]);
    expect(first).toBe(ACK_TIMEOUT_MS);
    for (const ms of others.slice(1)) expect(ms).toBe(PROBE_INTERVAL_MS);
  });
});
