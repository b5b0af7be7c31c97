import { describe, expect, test } from 'vitest';
import type { BootFact } from '../daemons/boot-report/boot-fact.ts';
import { historyOf } from '../daemons/boot-report/fact-merge.ts';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import type { Mac } from '../daemons/core/mac.ts';
import { BootWatch, bootText } from './boot-report-text.ts';

const mac = '52:54:00:00:00:03' as Mac;
const server = '10.0.0.1' as Ipv4;
const T0 = Date.UTC(2026, 10, 21, 12);
const FACTS: readonly BootFact[] = [
  { kind: 'served', t: T0, mac, step: 'dhcp', detail: 'OFFER 10.0.0.3', server },
  { kind: 'served', t: T0 + 1_500, mac, step: 'http', detail: 'vmlinuz', server },
  { kind: 'stage', t: T0 + 9_000, mac, server, report: { mac, step: 'login', detail: '', boot: '0123456789abcdef', tries: 1 } },
  { kind: 'kernel', t: T0 + 9_100, mac, line: 'connection1:0: detected conn error' },
  { kind: 'stage', t: T0 + 12_000, mac, server, report: { mac, step: 'login', detail: 'no route', boot: '0123456789abcdef', failed: true, tries: 2, retryS: 4 } },
];
const boot = historyOf(FACTS).boots(mac)[0]!;

describe('a boot for a person', () => {
  test('stage by stage, and why it stands still', () => {
    expect(bootText('node3', boot, T0 + 13_000, true)).toBe(`node3: boot of 2026-11-21 12:00:00 UTC (0123456789abcdef), stands still
  since  took  stage   server    tries
    0.0   1.5  dhcp    10.0.0.1  1
    1.5   7.5  kernel  10.0.0.1  1
    9.0        login   10.0.0.1  2      1 failed

stands still at login for 4.0 s (MM-STALL-LOGIN)
  waits for: the iSCSI login to the SAN
  reason: no route
  it tries again in 3.0 s
  usual cause: the SAN is off, or its cable or switch port is
  usual cause: storage_ip, storage_port or ivid do not fit the SAN
  usual cause: the target does not let this initiator in
  what to do: Check that the SAN answers at its address, and what it logs; the blade tries again by itself.

last kernel lines (1 of 1)
  12:00:09  connection1:0: detected conn error
`);
  });

  test('one that was followed by another stands still no more', () => {
    expect(bootText('node3', boot, T0 + 1e7, false)).not.toContain('stands still');
    expect(bootText('node3', boot, T0 + 1e7, false)).toContain('followed by a later one');
  });

  test('one of which only kernel lines are known', () => {
    const [only] = historyOf([{ kind: 'kernel', t: T0, mac, line: 'Oops' }]).boots(mac);
    expect(bootText('node3', only!, T0, true)).toMatch(/on its way\n {2}no stage of it was seen\n\nlast kernel lines \(1 of 1\)\n {2}12:00:00 {2}Oops\n$/);
  });
});

describe('a watch', () => {
  test('a line a fact, with the time since the boot began', () => {
    expect(new BootWatch(() => 'node3', undefined).take(FACTS)).toEqual([
      '12:00:00  node3  +0.0 s  dhcp OFFER 10.0.0.3 from 10.0.0.1', '12:00:01  node3  +1.5 s  http vmlinuz from 10.0.0.1', '12:00:09  node3  +9.0 s  login, told to 10.0.0.1',
      '12:00:09  node3  +9.1 s  kernel: connection1:0: detected conn error', '12:00:12  node3  +12.0 s  login failed (try 2, next in 4 s): no route',
    ]);
  });

  test('who stands still is told once for each reason; others are not shown', () => {
    const watch = new BootWatch(() => 'node3', [mac]);
    watch.take(FACTS);
    expect(watch.standing(T0 + 13_000)[0]).toBe('12:00:13  node3  stands still at login for 4.0 s (MM-STALL-LOGIN)');
    expect(watch.standing(T0 + 14_000)).toEqual([]);
    watch.take([{ ...FACTS[4]!, t: T0 + 20_000, report: { mac, step: 'login', detail: 'refused', failed: true } } as BootFact]);
    expect(watch.standing(T0 + 21_000).join()).toContain('reason: refused');
    expect(new BootWatch(() => 'x', ['52:54:00:00:00:01' as Mac]).take(FACTS)).toEqual([]);
  });
});
