import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConsoleRecord, PieceKind } from './console-log.ts';
import { parseProgress, STAGES } from './stage-parser.ts';

const record = (seconds: number, text: string, kind: PieceKind = 'line'): ConsoleRecord => ({ kind, seconds, text, wallClock: '2026-11-21T00:00:00.000Z' });
const boot = (...lines: [number, string][]): ConsoleRecord[] => [record(0, 'power on', 'remark'), ...lines.map(([at, text]) => record(at, text))];

describe('the stage a blade has reached', () => {
  test('a boot from firmware to serving, each stage with its time', () => {
    const progress = parseProgress(boot(
      [0.1, 'SeaBIOS (version 1.16.2-debian-1.16.2-1)'], [1.2, 'iPXE initialising devices...ok'], [2.5, 'mm-stage dhcp'], [2.9, 'mm-stage http vmlinuz'],
      [6, '[    3.217] mm-stage initrd login'], [9, 'mm-stage root'], [14.5, 'mm-stage serving node3'],
    ));
    expect(progress.reached).toEqual({ stage: 'serving', detail: 'node3', seconds: 14.5 });
    expect(progress.reports.map((report) => `${report.seconds} ${report.stage} ${report.detail}`)).toEqual([
      '0.1 firmware SeaBIOS', '1.2 firmware iPXE', '2.5 dhcp ', '2.9 http vmlinuz', '6 initrd login', '9 root ', '14.5 serving node3',
    ]);
    expect(progress.boots).toBe(1);
  });

  test('without a line it has power', () => {
    expect(parseProgress(boot()).reached).toEqual({ stage: 'power', detail: '', seconds: 0 });
    expect(parseProgress([]).reached.stage).toBe('power');
  });

  test.each(['BdsDxe: failed to load Boot0001', 'iPXE 1.0.0+git -- Open Source', '>>Start PXE over IPv4.'])('firmware is known by: %s', (line) => {
    expect(parseProgress(boot([3, line])).reached.stage).toBe('firmware');
  });

  test('a loader that starts over is back at dhcp', () => {
    expect(parseProgress(boot([2, 'mm-stage dhcp'], [3, 'mm-stage http'], [9, 'mm-stage dhcp'])).reached).toEqual({ stage: 'dhcp', detail: '', seconds: 9 });
  });

  test('from the initrd on an old line printed again takes nothing back', () => {
    expect(parseProgress(boot([6, 'mm-stage initrd login'], [9, 'mm-stage root'], [10, 'mm-stage initrd modules'], [11, 'mm-stage http'])).reached.stage).toBe('root');
  });

  test('the detail of a stage is the last one given', () => {
    expect(parseProgress(boot([6, 'mm-stage initrd modules'], [7, 'mm-stage initrd login'])).reached.detail).toBe('login');
  });

  test('a reset begins a new boot and forgets the trouble of the old one', () => {
    const progress = parseProgress([
      ...boot([9, 'mm-stage root'], [10, 'Kernel panic - not syncing: Attempted to kill init!']),
      record(20, 'watchdog fired (reset)', 'remark'), record(20, 'reset (guest-reset)', 'remark'), record(20.5, 'SeaBIOS (version 1)'),
    ]);
    expect(progress).toMatchObject({ boots: 2, reached: { stage: 'firmware', seconds: 20.5 }, reports: [{ stage: 'firmware' }] });
    expect(progress.trouble).toBeUndefined();
  });

  test("SeaBIOS's second reset after a reset by hand is the same boot", () => {
    const twice = [record(5, 'reset (host-qmp-system-reset)', 'remark'), record(5.1, 'reset (guest-reset)', 'remark')];
    expect(parseProgress([...boot([1, 'SeaBIOS (version 1)']), ...twice, record(5.2, 'SeaBIOS (version 1)'), ...twice]).boots).toBe(3);
  });

  test('trouble is told', () => {
    expect(parseProgress(boot([30, 'No bootable device.  Retrying in 5 seconds.'])).trouble).toBe('No bootable device.  Retrying in 5 seconds.');
  });

  test('foreign stages are passed over', () => {
    expect(parseProgress(boot([1, 'mm-stage dinner'], [2, 'mm-stage '], [3, 'mm-stage'])).reached.stage).toBe('power');
  });

  test('any text gives one of the stages and never throws', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom(...STAGES).map((stage) => `mm-stage ${stage}`));
    fc.assert(fc.property(fc.array(fc.tuple(line, fc.constantFrom<PieceKind>('line', 'rest', 'remark'))), (lines) => {
      expect(STAGES).toContain(parseProgress(lines.map(([text, kind], i) => record(i, text, kind))).reached.stage);
    }));
  });
});
