// Boots as text: a table of one boot stage by stage, and the lines of a watch.

import type { BootFact, UnixMs } from '../daemons/boot-report/boot-fact.ts';
import { type Boot, BootHistory, standingOf, type Standing } from '../daemons/boot-report/boot-history.ts';
import type { Mac } from '../daemons/core/mac.ts';

/** Kernel lines that a table shows; `--json` has all. */
const KERNEL_SHOWN = 20;

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const clock = (at: UnixMs): string => new Date(at).toISOString().slice(11, 19);
const day = (at: UnixMs): string => new Date(at).toISOString().replace('T', ' ').slice(0, 19);

/** Lines with the columns under each other; the first is the head. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => `  ${row.map((cell, column) => (column < 2 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ')}`.trimEnd());
}

/** What a blade that stands still waits for, what usually causes that, and what to do. */
function standingLines({ stage, sinceMs, reason, retryAt, rule }: Standing, now: UnixMs): string[] {
  const retry = retryAt === undefined ? [] : [retryAt > now ? `  it tries again in ${seconds(retryAt - now)} s` : '  its next try was due: nothing was heard of it since'];
  return [
    `stands still at ${stage} for ${seconds(sinceMs)} s (${rule.code})`,
    `  waits for: ${rule.waitsFor}`,
    ...(reason === undefined ? [] : [`  reason: ${reason}`]), ...retry,
    ...rule.causes.map((cause) => `  usual cause: ${cause}`),
    `  what to do: ${rule.remedy}`,
  ];
}

/** How the boot ended, or how it stands. */
export function outcomeOf(boot: Boot, now: UnixMs): 'serving' | 'silent' | 'stands still' | 'on its way' {
  const last = boot.stages.at(-1)?.stage;
  if (last === 'serving' || last === 'silent') return last;
  return standingOf(boot, now) === undefined ? 'on its way' : 'stands still';
}

/** One boot for a person. `current`: it is the blade's latest, so that it can still stand still. */
export function bootText(name: string, boot: Boot, now: UnixMs, current: boolean): string {
  const { stages, kernel } = boot;
  const rows = stages.map(({ stage, at, server, tries, failures }, i) => {
    const end = stages[i + 1]?.at;
    return [seconds(at - boot.startedAt), end === undefined ? '' : seconds(end - at), stage, server ?? '', String(tries), failures > 0 ? `${failures} failed` : ''];
  });
  const standing = current ? standingOf(boot, now) : undefined;
  const last = kernel.slice(-KERNEL_SHOWN);
  return [
    `${name}: boot of ${day(boot.startedAt)} UTC${boot.boot === undefined ? '' : ` (${boot.boot})`}, ${current ? outcomeOf(boot, now) : 'followed by a later one'}`,
    ...(boot.stagesLost > 0 ? [`  ${boot.stagesLost} earlier stages are not kept`] : []),
    ...(rows.length === 0 ? ['  no stage of it was seen'] : table([['since', 'took', 'stage', 'server', 'tries', ''], ...rows])),
    ...(standing === undefined ? [] : ['', ...standingLines(standing, now)]),
    ...(last.length === 0 ? [] : ['', `last kernel lines (${last.length} of ${kernel.length + boot.kernelLost})`, ...last.map(({ at, line }) => `  ${clock(at)}  ${line}`)]),
    '',
  ].join('\n');
}

/** Makes lines of facts as they come; says once of each boot and stage that it stands still. */
export class BootWatch {
  readonly #nameOf: (mac: Mac) => string;
  readonly #only: ReadonlySet<Mac> | undefined;
  readonly #history = new BootHistory();
  readonly #said = new Map<Mac, string>();

  /** @param only the blades to be shown; undefined: all */
  constructor(nameOf: (mac: Mac) => string, only: readonly Mac[] | undefined) {
    this.#nameOf = nameOf;
    this.#only = only === undefined ? undefined : new Set(only);
  }

  /** Takes facts in the order of their times; returns their lines. */
  take(facts: readonly BootFact[]): string[] {
    return facts.flatMap((fact) => {
      if (this.#only !== undefined && !this.#only.has(fact.mac)) return [];
      this.#history.apply(fact);
      const boot = this.#history.boots(fact.mac).at(-1);
      const since = boot === undefined ? '' : `+${seconds(fact.t - boot.startedAt)} s`;
      return [`${clock(fact.t)}  ${this.#nameOf(fact.mac)}  ${since}  ${factText(fact)}`];
    });
  }

  /** The lines that are due because time went by. */
  standing(now: UnixMs): string[] {
    return this.#history.macs().flatMap((mac) => {
      const boot = this.#history.boots(mac).at(-1);
      const standing = boot && standingOf(boot, now);
      const key = `${boot?.startedAt} ${standing?.stage} ${standing?.reason}`;
      if (standing === undefined || this.#said.get(mac) === key) return [];
      this.#said.set(mac, key);
      return standingLines(standing, now).map((line) => `${clock(now)}  ${this.#nameOf(mac)}  ${line}`);
    });
  }
}

function factText(fact: BootFact): string {
  switch (fact.kind) {
    case 'served': return `${fact.step} ${fact.detail} from ${fact.server}`;
    case 'stage': {
      const { step, detail, failed, tries, retryS } = fact.report;
      if (failed !== true) return `${step}${detail === '' ? '' : ` ${detail}`}, told to ${fact.server}`;
      return `${step} failed (try ${tries ?? 1}${retryS === undefined ? '' : `, next in ${retryS} s`}): ${detail}`;
    }
    case 'kernel': return `kernel: ${fact.line}`;
    case 'live': return fact.serving ? 'serves' : 'is silent';
    default: return fact satisfies never;
  }
}
