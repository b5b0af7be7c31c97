import { describe, expect, test } from 'vitest';
import { after, type Instant } from '../core/machine.ts';
import { PROBE_MS, ROUTER_SILENT_MS, Uplink, type UplinkInput, WELL_MS } from './uplink.ts';

const T0 = 1000 as Instant;

/** Runs a way out by its own deadline for so long; the router answers each probe where `answers` says so. Returns when it was usable, or not. */
class Way {
  readonly uplink: Uplink;
  readonly usable: string[] = [];
  probes = 0;
  now = T0;

  constructor(hasOutside: boolean) {
    this.uplink = new Uplink(hasOutside);
  }

  give(input: UplinkInput, answers = false): void {
    for (const effect of this.uplink.step(this.now, input)) {
      if (effect.kind === 'usable') this.usable.push(`${effect.usable ? 'usable' : 'dead'} at ${this.now - T0}`);
      if (effect.kind !== 'probe') continue;
      this.probes += 1;
      if (answers) this.give({ kind: 'answered' });
    }
  }

  links(up: boolean): void {
    this.give({ kind: 'carrier', link: 'inside', up });
    this.give({ kind: 'carrier', link: 'outside', up });
  }

  run(ms: number, answers: boolean): void {
    const end = after(this.now, ms);
    for (let due = this.uplink.deadline()!; due <= end; due = this.uplink.deadline()!) {
      this.now = due;
      this.give({ kind: 'tick' }, answers);
    }
    this.now = end;
  }
}

const well = (): Way => {
  const way = new Way(true);
  way.links(true);
  way.run(PROBE_MS, true);
  return way;
};

describe('the way out', () => {
  test('is usable with the first answer, and asks on', () => {
    const way = well();
    way.run(10 * PROBE_MS, true);
    expect([way.usable, way.probes]).toEqual([[`usable at ${PROBE_MS}`], 11]);
  });

  test('a router that falls silent is dead after four probes, and counts again when it was well for a while', () => {
    const way = well();
    way.run(ROUTER_SILENT_MS - PROBE_MS, false);
    expect(way.usable).toHaveLength(1);
    way.run(2 * PROBE_MS, false);
    expect(way.usable).toHaveLength(2);
    way.run(WELL_MS - PROBE_MS, true);
    expect(way.usable).toHaveLength(2);
    way.run(2 * PROBE_MS, true);
    expect(way.usable.at(-1)).toMatch(/^usable/);
  });

  test.each(['inside', 'outside'] as const)('a pulled plug (%s) is dead at once', (link) => {
    const way = well();
    way.give({ kind: 'carrier', link, up: false });
    expect([way.usable.at(-1), way.uplink.fault()]).toEqual([`dead at ${PROBE_MS}`, `${link} link down`]);
  });

  test('a link that comes and goes faster than it is trusted moves nothing more', () => {
    const way = well();
    for (let count = 0; count < 20; count++) {
      way.give({ kind: 'carrier', link: 'outside', up: count % 2 === 1 });
      way.run(WELL_MS / 4, true);
    }
    expect(way.usable).toHaveLength(2);
  });

  test('a stall of this process is no silence of the router', () => {
    const way = well();
    way.now = after(way.now, 60_000);
    way.give({ kind: 'tick' });
    expect([way.usable, way.uplink.fault()]).toEqual([[`usable at ${PROBE_MS}`], undefined]);
  });

  test('without an outside network the inside link is all, and nobody is asked', () => {
    const way = new Way(false);
    way.give({ kind: 'carrier', link: 'inside', up: true });
    way.run(PROBE_MS, false);
    expect([way.usable, way.probes]).toEqual([['usable at 0'], 0]);
  });
});
