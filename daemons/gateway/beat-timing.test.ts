import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { after, type Instant } from '../core/machine.ts';
import { AttendedClock } from './attended-clock.ts';
import { BEAT_MAX_MS, BEAT_MIN_MS, BEAT_MS, beatTiming } from './beat-timing.ts';

/** One tick of a kernel at 250 Hz, to which it rounds the gate's time-out. */
const TICK_MS = 4;
const T0 = 1000 as Instant;

describe('the times', () => {
  test('for every beat: the gate has lapsed before a death, and a sleeper hears a living holder before it judges', () => {
    for (let beatMs = BEAT_MIN_MS; beatMs <= BEAT_MAX_MS; beatMs++) {
      const { gateMs, suspectAfterMs, deadAfterMs, lateMaxMs } = beatTiming(beatMs);
      expect(gateMs + TICK_MS).toBeLessThan(deadAfterMs);
      expect(lateMaxMs).toBeLessThan(deadAfterMs - 2 * beatMs);
      expect(suspectAfterMs).toBeLessThan(deadAfterMs);
    }
  });

  test('with the default, the outage that a ping each 10 ms sees stays below 100 ms', () => {
    const pings = 2 * 10;
    const [timerLate, drain, addressAndArp] = [2.7, 0.1, 0.8];
    expect(beatTiming(BEAT_MS).deadAfterMs + timerLate + drain + addressAndArp + pings).toBeLessThan(100 - BEAT_MS);
  });
});

describe('the attended clock', () => {
  test('goes with true time as long as it is stepped in time, and stands still while it is not', () => {
    const clock = new AttendedClock(20);
    const gaps = [0, 10, 30, 2030, 2040].map((ms) => clock.advance(after(T0, ms)));
    expect([gaps, clock.ms, clock.instantOf(clock.ms + 5)]).toEqual([[0, 10, 20, 2000, 10], 60, T0 + 2045]);
  });

  test('never goes back, whatever the clock below it does, and no step counts for more than its most', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: -5, max: 500, noNaN: true })), (gaps) => {
      const clock = new AttendedClock(20);
      let [now, before] = [T0, 0];
      for (const gap of gaps) {
        now = after(now, gap);
        clock.advance(now);
        expect(clock.ms).toBeGreaterThanOrEqual(before);
        before = clock.ms;
      }
      expect(clock.ms).toBeLessThanOrEqual(20 * gaps.length);
    }));
  });
});
