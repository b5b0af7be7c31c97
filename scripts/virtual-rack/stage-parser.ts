// How far a blade has come, from what it says on its console.
//
// The firmware is known by its banners; everything after it reports itself in lines that hold `mm-stage STAGE DETAIL`.

import type { ConsoleRecord } from './console-log.ts';

/** In the order of a boot. */
export const STAGES = ['power', 'firmware', 'dhcp', 'tftp', 'http', 'initrd', 'root', 'serving'] as const;
export type Stage = (typeof STAGES)[number];

/** A stage that was reported. */
export interface StageReport {
  readonly stage: Stage;
  /** E.g. `login`; empty when none was given. */
  readonly detail: string;
  /** Since power-on. */
  readonly seconds: number;
}

/** What the console tells of a blade since power-on. */
export interface BladeProgress {
  /** Where the present boot has got to. */
  readonly reached: StageReport;
  /** Every report of the present boot, in order. */
  readonly reports: readonly StageReport[];
  /** 1 after power-on, one more with each reset, whoever caused it. */
  readonly boots: number;
  /** The last line of the present boot that means harm. */
  readonly trouble?: string;
}

const REPORT = /mm-stage ([a-z-]+)(?: (.*))?/;
const FIRMWARE = /^(SeaBIOS \(version|iPXE [(\d]|iPXE initialising|BdsDxe:|>>Start (PXE|HTTP))/;
const TROUBLE = /(Kernel panic - not syncing|No bootable device|No more network devices|Invalidating snapshot|PXE-E\d\d|watchdog fired)/;

const rank = (stage: Stage): number => STAGES.indexOf(stage);
const isStage = (word: string): word is Stage => (STAGES as readonly string[]).includes(word);

const isReset = (record: ConsoleRecord): boolean => record.kind === 'remark' && record.text.startsWith('reset');

function reportOf(record: ConsoleRecord): StageReport | undefined {
  const match = REPORT.exec(record.text);
  if (match !== null && isStage(match[1]!)) return { stage: match[1], detail: (match[2] ?? '').trim(), seconds: record.seconds };
  const banner = FIRMWARE.test(record.text);
  return banner ? { stage: 'firmware', detail: /^\S+/.exec(record.text)![0].replace(/:$/, ''), seconds: record.seconds } : undefined;
}

/**
 * Where a report leads from where the blade is. A loader may start over (from http to dhcp), so among the stages of
 * firmware and loader the last report counts; from the initrd on only progress counts, since old lines may be printed again.
 */
function advance(reached: StageReport, report: StageReport): StageReport {
  const mayFallBack = rank(reached.stage) < rank('initrd') && report.stage !== 'firmware';
  return mayFallBack || rank(report.stage) >= rank(reached.stage) ? report : reached;
}

/**
 * Reads the joined records since the last power-on. A remark `reset…` begins a new boot.
 * Never throws: what it does not understand it passes over.
 */
export function parseProgress(records: readonly ConsoleRecord[]): BladeProgress {
  const started = records[0]?.seconds ?? 0;
  let reached: StageReport = { stage: 'power', detail: '', seconds: started };
  let reports: StageReport[] = [];
  let boots = 1;
  let trouble: string | undefined;
  let previous: ConsoleRecord | undefined;
  for (const record of records) {
    if (isReset(record)) {
      // SeaBIOS answers a warm start with a hard reset of its own: two events, one boot.
      if (previous === undefined || !isReset(previous)) boots += 1;
      previous = record;
      reached = { stage: 'power', detail: record.text, seconds: record.seconds };
      reports = [];
      trouble = undefined;
      continue;
    }
    previous = record;
    if (TROUBLE.test(record.text)) trouble = record.text.trim();
    const report = reportOf(record);
    if (report === undefined) continue;
    reports.push(report);
    reached = advance(reached, report);
  }
  return { reached, reports, boots, ...(trouble === undefined ? {} : { trouble }) };
}
