import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { DETAIL_MAX, readStage, type StageReport, stageTarget } from './stage-report.ts';

const MAC = '52:54:00:00:00:02' as Mac;
const queryOf = (target: string): ReadonlyMap<string, string> => new Map(new URL(target, 'http://node').searchParams);
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const reports: fc.Arbitrary<StageReport> = fc.record({
  step: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), detail: fc.stringMatching(/^[\x20-\x7e]{0,160}$/), failed: some(fc.constant(true)), boot: some(fc.stringMatching(/^[0-9a-f]{16}$/)),
  uptimeS: some(fc.nat(1_000_000).map((value) => value / 100)), tries: some(fc.integer({ min: 1, max: 1000 })), retryS: some(fc.constantFrom(1, 2, 30)), node: some(fc.integer({ min: 1, max: 2000 })),
  server: some(fc.constant('10.0.0.1' as Ipv4)),
  mac: fc.constant(MAC),
}).map((fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as unknown as StageReport);

describe('a stage report', () => {
  test('as a web server sees it', () => {
    const report: StageReport = { mac: MAC, step: 'login', detail: 'no route & more', failed: true, boot: '0123456789abcdef', uptimeS: 7.125, tries: 2, retryS: 4, node: 2, server: '10.0.0.1' as Ipv4 };
    expect(stageTarget(report)).toBe('/stage?mac=52%3A54%3A00%3A00%3A00%3A02&step=login&detail=no%20route%20%26%20more&failed=1&boot=0123456789abcdef&up=7.13&try=2&retry=4&node=2&server=10.0.0.1');
  });

  test('what is written is read again', () => {
    fc.assert(fc.property(reports, (report) => void expect(readStage(queryOf(stageTarget(report)))).toEqual(report)));
  });

  test('a detail stays one printable line, cut', () => {
    expect(readStage(queryOf(stageTarget({ mac: MAC, step: 'x', detail: `a\nb\u001b[2J\u202e${'y'.repeat(300)}` })))).toMatchObject({ detail: `a b [2J ${'y'.repeat(DETAIL_MAX - 8)}` });
  });

  test('the longest report fits into the URL that the web server takes', () => {
    expect(stageTarget({ mac: MAC, step: 'x'.repeat(32), detail: '%'.repeat(500), failed: true, boot: 'f'.repeat(16), uptimeS: 3e8, tries: 1e6, retryS: 3e8, node: 65535, server: '255.255.255.255' as Ipv4 }).length).toBeLessThan(1024);
  });

  test.each(['up=-1', 'up=1e9', 'try=0', 'try=x', 'boot=0123', 'boot=0123456789ABCDEF', 'retry=', 'node=0', 'node=65536', 'server=10.0.0.256', 'failed=yes'])('%s is refused by its name', (field) => {
    expect(readStage(queryOf(`/stage?mac=${MAC}&step=x&${field}`))).toMatch(new RegExp(`^${field.split('=')[0]}: `));
  });

  test('what a newer initrd adds is passed over', () => {
    expect(readStage(queryOf(`/stage?mac=${MAC}&step=x&colour=red`))).toEqual({ mac: MAC, step: 'x', detail: '' });
  });

  test('fuzz: whatever the query, it is refused by a text or every field keeps its form', () => {
    const name = fc.constantFrom('mac', 'step', 'detail', 'failed', 'boot', 'up', 'try', 'retry', 'node', 'server');
    fc.assert(fc.property(fc.array(fc.tuple(name, fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(MAC, 'login', '1', '0'.repeat(16))))), (pairs) => {
      const read = readStage(new Map([['mac', MAC], ['step', 'x'], ...pairs]));
      if (typeof read === 'string') return;
      expect(read.detail).toMatch(/^[\x20-\x7e]{0,160}$/);
      expect(read.boot ?? '0'.repeat(16)).toMatch(/^[0-9a-f]{16}$/);
      for (const value of [read.uptimeS, read.tries, read.retryS, read.node]) expect(value === undefined || (Number.isFinite(value) && value >= 0)).toBe(true);
    }));
  });
});
