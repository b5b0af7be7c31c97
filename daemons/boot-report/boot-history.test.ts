import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { StageReport } from '../wire/stage-report.ts';
import type { BootFact } from './boot-fact.ts';
import { BOOTS_MAX, BootHistory, KERNEL_LINES_MAX, LATE_OFFER_MS, QUIET_MS, STAGES_MAX, standingOf, TOLD_LATE_MS } from './boot-history.ts';

const mac = '52:54:00:00:00:02' as Mac;
const [S1, S2] = ['10.0.0.1', '10.0.0.3'] as Ipv4[] as [Ipv4, Ipv4];
const NONCE = '0123456789abcdef';
/** Seconds, for the eye. */
const s = (seconds: number): number => 1_800_000_000_000 + Math.round(seconds * 1000);
const dhcp = (at: number, detail = 'ACK 10.0.0.2', server = S1): BootFact => ({ kind: 'served', t: s(at), mac, step: 'dhcp', detail, server });
const file = (at: number, detail: string, server = S1): BootFact => ({ kind: 'served', t: s(at), mac, step: 'http', detail, server });
const step = (at: number, name: string, more: Partial<StageReport> = {}): BootFact => ({ kind: 'stage', t: s(at), mac, server: S1, report: { mac, step: name, detail: '', boot: NONCE, ...more } });
const kernel = (at: number, line: string): BootFact => ({ kind: 'kernel', t: s(at), mac, line });
const live = (at: number, serving: boolean): BootFact => ({ kind: 'live', t: s(at), mac, serving });

function bootsOf(facts: readonly BootFact[]) {
  const history = new BootHistory();
  for (const fact of facts) history.apply(fact);
  return history.boots(mac);
}
const rowsOf = (facts: readonly BootFact[]) => bootsOf(facts).map(({ stages }) => stages.map(({ stage, at, tries }) => `${stage} ${(at - s(0)) / 1000} ${tries}`));

/** A boot as it goes: the first reports wait until the interface is up. */
const GOOD: readonly BootFact[] = [
  dhcp(0, 'OFFER 10.0.0.2'), dhcp(0.1), file(1, 'boot.ipxe'), file(2, 'vmlinuz'), file(3, 'initrd.img', S2),
  step(9, 'modules', { uptimeS: 3 }), step(9, 'interface', { uptimeS: 4 }), step(9, 'login', { uptimeS: 5 }), step(11, 'registry', { uptimeS: 7 }), step(14, 'root', { uptimeS: 10 }), live(20, true),
];

describe('a boot', () => {
  test('its stages have the blade\'s own times, also those that had to wait for the network', () => {
    expect(rowsOf(GOOD)).toEqual([['dhcp 0 1', 'script 1 1', 'kernel 2 1', 'initrd 3 1', 'modules 7 1', 'interface 8 1', 'login 9 1', 'registry 11 1', 'root 14 1', 'serving 20 1']]);
    expect(bootsOf(GOOD)[0]).toMatchObject({ startedAt: s(0), boot: NONCE, stagesLost: 0 });
    expect(bootsOf(GOOD)[0]!.stages.map(({ server }) => server)).toEqual([S1, S1, S1, S2, S1, S1, S1, S1, S1, undefined]);
  });

  test('one from the disc, which nobody served, is told of late and has its own times too', () => {
    const disc = [step(29, 'modules', { uptimeS: 3 }), step(29, 'login', { uptimeS: 5 }), step(29.2, 'claim', { uptimeS: 8.2 }), live(40, true)];
    expect(rowsOf(disc)).toEqual([['modules 24 1', 'login 26 1', 'claim 29.2 1', 'serving 40 1']]);
    expect(bootsOf(disc)[0]!.startedAt).toBe(s(21));
    // It began after the boot before it, and a blade may claim a day at most.
    expect(bootsOf([dhcp(0), live(25, true), live(26, false), ...disc]).map(({ startedAt }) => startedAt)).toEqual([s(0), s(26)]);
    expect(bootsOf([step(29, 'modules', { uptimeS: 1e8 })])[0]!.startedAt).toBe(s(29) - TOLD_LATE_MS);
  });

  test('a server that dies in mid-transfer: the other one, and the round that it took, are seen', () => {
    const facts = [dhcp(0), file(1, 'boot.ipxe'), file(2, 'vmlinuz'), file(8, 'vmlinuz', S2), dhcp(20, 'OFFER 10.0.0.2', S2), dhcp(20, 'ACK 10.0.0.2', S2), dhcp(24, 'OFFER 10.0.0.2', S2), file(25, 'vmlinuz', S2)];
    expect(rowsOf(facts)).toEqual([['dhcp 0 1', 'script 1 1', 'kernel 2 2', 'dhcp 20 2', 'kernel 25 1']]);
    expect(bootsOf(facts)[0]!.stages.find(({ stage }) => stage === 'kernel')!.server).toBe(S2);
  });

  test('the offer of a slow server, while the blade fetches by another one, is no stage; a round that the loader goes is one', () => {
    const offer = (at: number) => dhcp(at, 'OFFER 10.0.0.2', S2);
    const late = [...GOOD.slice(0, 4), offer(2.5), ...GOOD.slice(4, 5), offer(3.5), ...GOOD.slice(5, 8), offer(9.5), ...GOOD.slice(8)];
    expect(rowsOf(late)).toEqual(rowsOf(GOOD));
    expect(rowsOf([...GOOD.slice(0, 5), offer(4), dhcp(4.1, 'ACK 10.0.0.2', S2)])[0]!.at(-1)).toBe('dhcp 4.1 1');
    expect(rowsOf([...GOOD.slice(0, 5), offer(0.1 + LATE_OFFER_MS / 1000)])[0]!.at(-1)).toBe('dhcp 10.1 1');
  });

  test('tries and failures are counted; a failure that was overcome stands still no more', () => {
    const failing = [...GOOD.slice(0, 8), step(10, 'login', { failed: true, detail: 'no route', tries: 1, retryS: 1 }), step(12, 'login', { failed: true, detail: 'still none', tries: 2, retryS: 2 })];
    expect(bootsOf(failing)[0]!.stages.at(-1)).toMatchObject({ stage: 'login', tries: 2, failures: 2, failure: { reason: 'still none', retryAt: s(14) } });
    expect(bootsOf([...failing, step(15, 'registry')])[0]!.stages.slice(-2)).toMatchObject([{ stage: 'login', failures: 2, failure: undefined }, { stage: 'registry', failures: 0 }]);
  });

  test('a blade cannot set its times before its boot, nor into the future', () => {
    expect(rowsOf([dhcp(0), step(5, 'modules', { uptimeS: 1e8 }), step(6, 'interface', { uptimeS: 0 })])).toEqual([['dhcp 0 1', 'modules 5 1', 'interface 0 1']]);
  });
});

describe('where one boot ends and the next begins', () => {
  test.each<[string, readonly BootFact[], readonly number[]]>([
    ['DHCP after the initrd spoke', [...GOOD.slice(0, 8), dhcp(30)], [7, 1]],
    ['DHCP after it served', [...GOOD, dhcp(30)], [10, 1]],
    ['DHCP again within the loader', [dhcp(0), file(1, 'vmlinuz'), dhcp(10)], [3]],
    ['DHCP after a long silence', [dhcp(0), dhcp(QUIET_MS / 1000 + 1)], [1, 1]],
    ['another boot nonce', [...GOOD.slice(0, 8), step(30, 'modules', { boot: 'f'.repeat(16) })], [7, 1]],
    ['a report after it fell silent', [...GOOD, live(30, false), step(40, 'modules')], [11, 1]],
    ['a file that somebody fetches from a node that is up', [...GOOD, file(30, 'vmlinuz')], [10]],
    ['a file alone', [file(30, 'vmlinuz')], []],
    ['a node that was up before this one', [live(30, true)], []],
    ['the death of a node whose boot was not seen', [live(30, false)], [1]],
    ['a word that is no step', [step(30, 'serving'), step(31, 'nonsense')], []],
  ])('%s', (_name, facts, rows) => expect(bootsOf(facts).map(({ stages }) => stages.length)).toEqual(rows));
});

describe('standing still', () => {
  const standing = (facts: readonly BootFact[], at: number) => standingOf(bootsOf(facts).at(-1)!, s(at));

  test('only after the stage\'s patience, counted from what was heard last', () => {
    const facts = GOOD.slice(0, 5);
    expect(standing(facts, 60)).toBeUndefined();
    expect(standing(facts, 64)).toMatchObject({ stage: 'initrd', sinceMs: 61_000, reason: undefined, rule: { code: 'MM-STALL-START' } });
  });

  test('at once when a step failed, with its reason', () => {
    expect(standing([...GOOD.slice(0, 8), step(10, 'login', { failed: true, detail: 'no route', tries: 1, retryS: 1 })], 10)).toMatchObject({ stage: 'login', reason: 'no route', retryAt: s(11), rule: { code: 'MM-STALL-LOGIN' } });
  });

  test('never while it serves; when it falls silent, that and its last words are told', () => {
    expect(standing(GOOD, 1e6)).toBeUndefined();
    const dead = [...GOOD, kernel(100, 'Kernel panic - not syncing: x'), live(104, false)];
    expect(standing(dead, 105)).toMatchObject({ stage: 'silent', rule: { code: 'MM-STALL-SILENT' } });
    expect(bootsOf(dead)[0]!.kernel).toEqual([{ at: s(100), line: 'Kernel panic - not syncing: x' }]);
  });
});

describe('bounds', () => {
  test('boots, stages and kernel lines make room, and say how much', () => {
    const loop = Array.from({ length: 100 }, (_, i) => [dhcp(i), file(i + 0.5, 'vmlinuz')]).flat();
    expect(bootsOf(loop)[0]).toMatchObject({ startedAt: s(0), stagesLost: 200 - STAGES_MAX });
    const many = Array.from({ length: 300 }, (_, i) => kernel(i, `line ${i}`));
    expect(bootsOf(many)[0]).toMatchObject({ kernelLost: 300 - KERNEL_LINES_MAX });
    expect(bootsOf(many)[0]!.kernel.at(-1)!.line).toBe('line 299');
    const boots = bootsOf(Array.from({ length: 20 }, (_, i) => dhcp(i * 1000)));
    expect(boots.map(({ startedAt }) => startedAt)).toEqual(Array.from({ length: BOOTS_MAX }, (_, i) => s((20 - BOOTS_MAX + i) * 1000)));
  });

  test('fuzz: whatever order facts come in, the bounds hold and no stage is before its boot', () => {
    const any = fc.nat(10_000).chain((at) => fc.constantFrom<readonly BootFact[]>(
      [dhcp(at)], [file(at, 'vmlinuz')], [file(at, 'x')], [step(at, 'login', { uptimeS: at })], [step(at, 'root', { boot: 'f'.repeat(16), uptimeS: 1 })], [kernel(at, 'x')], [live(at, true)], [live(at, false)],
    ));
    fc.assert(fc.property(fc.array(any, { maxLength: 200 }), (facts) => {
      const boots = bootsOf(facts.flat().sort((a, b) => a.t - b.t));
      expect(boots.length).toBeLessThanOrEqual(BOOTS_MAX);
      for (const boot of boots) {
        expect(boot.stages.length).toBeLessThanOrEqual(STAGES_MAX);
        for (const { at } of boot.stages) expect(at >= boot.startedAt && at <= boot.lastAt).toBe(true);
      }
    }));
  });
});
