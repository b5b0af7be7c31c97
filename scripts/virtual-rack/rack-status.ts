// What `rack status` shows, gathered into one value, and its table.

import { existsSync } from 'node:fs';
import type { RackContext } from './rack-state.ts';
import { sincePowerOn } from './console-log.ts';
import { ConsoleReader } from './console-reader.ts';
import { bladeFiles, bladeMac, bladeUuid, MAX_BLADES } from './identity.ts';
import { listCaptures } from './rack-capture.ts';
import { bladeRole } from './rack-blade.ts';
import { isUp } from './rack-lifecycle.ts';
import { sanStatus, type SanStatus } from './rack-san.ts';
import { readBlade, readSettings } from './rack-state.ts';
import { parseProgress, type StageReport } from './stage-parser.ts';

/** One blade. */
export interface BladeStatus {
  readonly number: number;
  readonly power: 'on' | 'off';
  readonly pid: number | null;
  readonly mac: string;
  readonly uuid: string;
  /** The stage it has reached; null without power. */
  readonly stage: string | null;
  readonly detail: string;
  /** When it reached the stage, in seconds since power-on. */
  readonly stageSeconds: number | null;
  /** Since power-on. */
  readonly uptimeSeconds: number | null;
  /** 1 after power-on, one more with each reset. */
  readonly boots: number;
  readonly reports: readonly StageReport[];
  /** The last line on the console that means harm, if any. */
  readonly trouble: string | null;
  readonly dvd: string | null;
  readonly consoleLog: string;
}

/** The rack. */
export interface RackStatus {
  readonly id: string;
  readonly stateDir: string;
  readonly up: boolean;
  readonly accelerator: string | null;
  readonly acceleratorReason: string | null;
  readonly san: SanStatus;
  readonly outside: boolean;
  readonly capture: string | null;
  readonly blades: readonly BladeStatus[];
}

function bladeStatus(context: RackContext, blade: number, nowMs: number): BladeStatus {
  const { identity } = context;
  const record = context.processes.find(bladeRole(blade));
  const state = readBlade(identity, blade);
  const { consoleLog } = bladeFiles(identity, blade);
  const progress = record === undefined ? undefined : parseProgress(sincePowerOn(new ConsoleReader(consoleLog).records()));
  return {
    number: blade,
    power: record === undefined ? 'off' : 'on',
    pid: record?.pid ?? null,
    mac: state.mac ?? bladeMac(identity.id, blade),
    uuid: state.uuid ?? bladeUuid(identity.id, blade),
    stage: progress?.reached.stage ?? null,
    detail: progress?.reached.detail ?? '',
    stageSeconds: progress?.reached.seconds ?? null,
    uptimeSeconds: record === undefined ? null : Math.round((nowMs - record.startedAtMs) / 100) / 10,
    boots: progress?.boots ?? 0,
    reports: progress?.reports ?? [],
    trouble: progress?.trouble ?? null,
    dvd: state.dvd ?? null,
    consoleLog,
  };
}

/** The rack's status. Blades beyond the rack's number are shown when they have power. */
export async function rackStatus(context: RackContext, nowMs: number): Promise<RackStatus> {
  const settings = readSettings(context.identity);
  const numbers = Array.from({ length: MAX_BLADES }, (_, i) => i + 1);
  const shown = numbers.filter((blade) => blade <= (settings?.blades ?? 0) || context.processes.find(bladeRole(blade)) !== undefined);
  return {
    id: context.identity.id,
    stateDir: context.identity.stateDir,
    up: existsSync(context.identity.runDir) && isUp(context),
    accelerator: settings?.accelerator ?? null,
    acceleratorReason: settings?.acceleratorReason ?? null,
    san: await sanStatus(context),
    outside: context.processes.find('web') !== undefined,
    capture: listCaptures(context).find((capture) => capture.running)?.file ?? null,
    blades: shown.map((blade) => bladeStatus(context, blade, nowMs)),
  };
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const seconds = (value: number | null): string => (value === null ? '-' : `${value.toFixed(1)} s`);

/** The status for a person: a few lines and a table. */
export function statusTable(status: RackStatus): string {
  const { san } = status;
  const lines = [
    `rack ${status.id}  ${status.up ? 'up' : 'down'}  ${status.accelerator === null ? '' : `${status.accelerator} (${status.acceleratorReason})`}`.trimEnd(),
    `state    ${status.stateDir}`,
    `SAN      ${san.running ? `${san.portal} ${san.target}, ${san.initiators.length} sessions` : 'off'}, ${gib(san.sizeBytes)}, ${gib(san.usedBytes)} used`,
    `outside  ${status.outside ? 'on' : 'off'}`,
    ...(status.capture === null ? [] : [`capture  ${status.capture}`]),
    '',
  ];
  const rows = status.blades.map((blade) => [
    String(blade.number), blade.power, blade.stage === null ? '-' : `${blade.stage} ${blade.detail}`.trim(),
    seconds(blade.stageSeconds), seconds(blade.uptimeSeconds), blade.power === 'on' ? String(blade.boots) : '-', blade.mac,
    blade.dvd === null ? '-' : blade.dvd.split('/').at(-1)!, blade.trouble ?? '',
  ]);
  const table = [['blade', 'power', 'stage', 'at', 'uptime', 'boots', 'mac', 'dvd', 'trouble'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table) lines.push(row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd());
  return `${lines.join('\n')}\n`;
}
