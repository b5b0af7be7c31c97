// The boots of each blade, made of facts: which stage when, by which server, at which try, and the last words of the kernel. It is made
// alike in a daemon, which warns of a blade that stands still, and by the command line from the recorder's files.

import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { BootFact, UnixMs } from './boot-fact.ts';
import { ruleOf, type Stage, type StageRule, stageOfFile, stageOfStep } from './boot-stages.ts';

/** Boots of a blade that are remembered. */
export const BOOTS_MAX = 8;
/** Stages of one boot: two rounds of the loader and every step of the initrd are 30; a blade that goes round for ever shows its last. */
export const STAGES_MAX = 64;
/** The last kernel lines of a boot: a whole oops. */
export const KERNEL_LINES_MAX = 96;
/** Blades: as many as a roster has nodes, each with a card or two. */
export const BLADES_MAX = 4096;
/** A blade that asks DHCP again after so long was switched off in between: the boot script asks each two seconds. */
export const QUIET_MS = 180_000;
/** Two servers offer at once, and one of them may be slow: an offer so soon after another one tells of no new round, its ACK would. */
export const LATE_OFFER_MS = 10_000;
/** A boot that nobody served (from the disc) is told of once there is a network and the registry is read, so its begin is told of late: by a day at most. */
export const TOLD_LATE_MS = 86_400_000;

/** A failed try. */
export interface StageFailure {
  readonly reason: string;
  readonly at: UnixMs;
  /** When the blade said that it would try again. */
  readonly retryAt: UnixMs | undefined;
}

/** One stage of one boot. */
export interface BootStage {
  readonly stage: Stage;
  readonly at: UnixMs;
  /** The node that served it, or that the blade told of it. */
  readonly server: Ipv4 | undefined;
  readonly tries: number;
  /** The last failure; undefined once a later stage was reached, too. */
  readonly failure: StageFailure | undefined;
  readonly failures: number;
}

/** One boot. */
export interface Boot {
  readonly startedAt: UnixMs;
  /** The latest fact about it. */
  readonly lastAt: UnixMs;
  /** The first digits of the boot nonce, once the initrd has spoken. */
  readonly boot: string | undefined;
  readonly stages: readonly BootStage[];
  /** Stages that had to make room. */
  readonly stagesLost: number;
  readonly kernel: readonly { readonly at: UnixMs; readonly line: string }[];
  readonly kernelLost: number;
}

/** A blade that does not go on. */
export interface Standing {
  readonly stage: Stage;
  readonly sinceMs: number;
  readonly reason: string | undefined;
  readonly retryAt: UnixMs | undefined;
  readonly rule: StageRule;
}

interface Row {
  readonly stage: Stage;
  readonly heardAt: UnixMs;
  /** Seconds since the blade's kernel started, where the blade said so. */
  readonly uptimeS: number | undefined;
  server: Ipv4 | undefined;
  tries: number;
  failure: StageFailure | undefined;
  failures: number;
}

interface OpenBoot {
  startedAt: UnixMs;
  /** Where the boot before this one ended: it did not begin earlier. */
  readonly formerEnd: UnixMs;
  lastAt: UnixMs;
  boot: string | undefined;
  /** When the blade's kernel started: the earliest that its reports allow, for some of them waited until there was a network. */
  kernelAt: UnixMs;
  readonly rows: Row[];
  stagesLost: number;
  readonly kernel: { at: UnixMs; line: string }[];
  kernelLost: number;
}

/** Row `at`: by the blade's own clock where it gave one, but never before the boot began. */
function timeOf(boot: OpenBoot, { heardAt, uptimeS }: Row): UnixMs {
  return uptimeS === undefined ? heardAt : Math.min(heardAt, Math.max(boot.startedAt, Math.round(boot.kernelAt + uptimeS * 1000)));
}

function closed(boot: OpenBoot): Boot {
  const { startedAt, lastAt, stagesLost, kernel, kernelLost, rows } = boot;
  const stages = rows.map((row, i): BootStage => ({
    stage: row.stage, at: timeOf(boot, row), server: row.server, tries: row.tries, failure: i === rows.length - 1 ? row.failure : undefined, failures: row.failures,
  }));
  return { startedAt, lastAt, boot: boot.boot, stages, stagesLost, kernel: [...kernel], kernelLost };
}

/** What the blade waits for at `now`; undefined while it goes on, and once it serves. */
export function standingOf(boot: Boot, now: UnixMs): Standing | undefined {
  const last = boot.stages.at(-1);
  if (last === undefined) return undefined;
  const rule = ruleOf(last.stage);
  const sinceMs = Math.max(0, now - last.at);
  if (last.failure === undefined && now - Math.max(last.at, boot.lastAt) < rule.patienceMs) return undefined;
  return { stage: last.stage, sinceMs, reason: last.failure?.reason, retryAt: last.failure?.retryAt, rule };
}

export class BootHistory {
  readonly #blades = new Map<Mac, OpenBoot[]>();

  /** Takes the next fact; those of one blade come in the order of their times. */
  apply(fact: BootFact): void {
    const boot = this.#bootOf(fact);
    if (boot === undefined) return;
    boot.lastAt = Math.max(boot.lastAt, fact.t);
    switch (fact.kind) {
      case 'served': return this.#served(boot, fact);
      case 'stage': return this.#told(boot, fact);
      case 'kernel': return this.#kernel(boot, fact);
      case 'live': return this.#row(boot, fact.serving ? 'serving' : 'silent', fact.t, undefined, undefined);
      default: return fact satisfies never;
    }
  }

  /** The blade's boots, the oldest first. */
  boots(mac: Mac): readonly Boot[] {
    return (this.#blades.get(mac) ?? []).map(closed);
  }

  macs(): readonly Mac[] {
    return [...this.#blades.keys()];
  }

  /** The boot that a fact belongs to; undefined when it says nothing of a boot. */
  #bootOf(fact: BootFact): OpenBoot | undefined {
    const current = this.#blades.get(fact.mac)?.at(-1);
    switch (fact.kind) {
      case 'served':
        // A file alone begins no boot: an administrator may look at one from a node that is up.
        if (fact.step !== 'dhcp') return current === undefined || isPastLoader(current) ? undefined : current;
        if (isLateOffer(current, fact)) return undefined;
        return current === undefined || isPastLoader(current) || fact.t - current.lastAt > QUIET_MS ? this.#begin(fact) : current;
      case 'stage':
        if (stageOfStep(fact.report.step) === undefined) return undefined;
        return current === undefined || isOtherBoot(current, fact.report.boot) ? this.#begin(fact) : current;
      case 'kernel': return current ?? this.#begin(fact);
      case 'live': {
        const last = current?.rows.at(-1)?.stage;
        // A node that this one merely met, having started later itself, has not begun to serve now.
        if (fact.serving) return current === undefined || last === 'serving' ? undefined : current;
        return last === undefined || last === 'serving' ? (current ?? this.#begin(fact)) : undefined;
      }
      default: return fact satisfies never;
    }
  }

  #begin({ mac, t }: BootFact): OpenBoot {
    const former = this.#blades.get(mac) ?? [];
    const boot: OpenBoot = { startedAt: t, formerEnd: former.at(-1)?.lastAt ?? Number.NEGATIVE_INFINITY, lastAt: t, boot: undefined, kernelAt: Number.POSITIVE_INFINITY, rows: [], stagesLost: 0, kernel: [], kernelLost: 0 };
    const boots = [...former, boot].slice(-BOOTS_MAX);
    this.#blades.delete(mac);
    this.#blades.set(mac, boots);
    const oldest = this.#blades.keys().next();
    if (this.#blades.size > BLADES_MAX && !oldest.done) this.#blades.delete(oldest.value);
    return boot;
  }

  #row(boot: OpenBoot, stage: Stage, t: UnixMs, server: Ipv4 | undefined, uptimeS: number | undefined): void {
    boot.rows.push({ stage, heardAt: t, uptimeS, server, tries: 1, failure: undefined, failures: 0 });
    if (boot.rows.length <= STAGES_MAX) return;
    boot.rows.shift();
    boot.stagesLost += 1;
  }

  #served(boot: OpenBoot, { step, detail, server, t }: Extract<BootFact, { kind: 'served' }>): void {
    const stage = step === 'dhcp' ? 'dhcp' : stageOfFile(detail);
    if (stage === undefined) return;
    const last = boot.rows.at(-1);
    if (last?.stage !== stage) return this.#row(boot, stage, t, server, undefined);
    last.server = server;
    // An OFFER and its ACK are one try.
    if (step !== 'dhcp' || detail.startsWith('OFFER')) last.tries += 1;
  }

  #told(boot: OpenBoot, { report, server, t }: Extract<BootFact, { kind: 'stage' }>): void {
    const stage = stageOfStep(report.step)!;
    boot.boot ??= report.boot;
    if (report.uptimeS !== undefined) boot.kernelAt = Math.min(boot.kernelAt, t - report.uptimeS * 1000);
    if (boot.rows.every(({ stage }) => ruleOf(stage).source === 'blade')) boot.startedAt = Math.min(boot.startedAt, Math.round(Math.max(boot.kernelAt, boot.formerEnd, t - TOLD_LATE_MS)));
    if (boot.rows.at(-1)?.stage !== stage) this.#row(boot, stage, t, server, report.uptimeS);
    const row = boot.rows.at(-1)!;
    row.server = server;
    row.tries = Math.max(row.tries, report.tries ?? 1);
    if (report.failed !== true) return;
    row.failures += 1;
    row.failure = { reason: report.detail, at: t, retryAt: report.retryS === undefined ? undefined : t + report.retryS * 1000 };
  }

  #kernel(boot: OpenBoot, { line, t }: Extract<BootFact, { kind: 'kernel' }>): void {
    boot.kernel.push({ at: t, line });
    if (boot.kernel.length <= KERNEL_LINES_MAX) return;
    boot.kernel.shift();
    boot.kernelLost += 1;
  }
}

/** True for an offer to a blade that has taken another one a moment ago and is fetching files by it. */
function isLateOffer(current: OpenBoot | undefined, { detail, t }: Extract<BootFact, { kind: 'served' }>): boolean {
  const asked = current?.rows.findLast(({ stage }) => stage === 'dhcp');
  return detail.startsWith('OFFER') && asked !== undefined && asked !== current?.rows.at(-1) && t - asked.heardAt <= LATE_OFFER_MS;
}

/** True when the blade has left firmware and loader: what it fetches next belongs to another boot. */
function isPastLoader({ boot, rows }: OpenBoot): boolean {
  const last = rows.at(-1);
  return boot !== undefined || (last !== undefined && ruleOf(last.stage).source !== 'served');
}

function isOtherBoot(current: OpenBoot, boot: string | undefined): boolean {
  const last = current.rows.at(-1);
  if (last !== undefined && ruleOf(last.stage).source === 'live') return true;
  return boot !== undefined && current.boot !== undefined && boot !== current.boot;
}
