// Carries a plan out: step by step, each told on the console, a failed one explained and tried again until it succeeds.

import type { ChapLogin } from '../daemons/core/chap.ts';
import { InputError } from '../daemons/core/problem.ts';
import type { BootHost } from './boot-host.ts';
import { refuse, StepError } from './boot-host.ts';
import { retryDelayMs, type BootStep } from './boot-plan.ts';
import { BootReports } from './boot-reports.ts';
import type { BootState } from './steps/boot-state.ts';
import { wantsSanLogin } from './steps/san-secret.ts';

/** Does one step, for the nth time. Throws StepError (or an Error of the machine's) when it failed. */
export type StepRunner = (step: BootStep, tries: number) => Promise<void> | void;

/** What the plan's runner needs besides the machine. */
export interface PlanConsole {
  /** Waits that long, or until the administrator asked for the debug console and left it again. */
  pause(ms: number): Promise<void>;
  /** Opens the debug console if it was asked for since the last step. */
  betweenSteps(): Promise<void>;
  /** Asks the administrator for the SAN's login; undefined when nobody answers. */
  askSanLogin(): Promise<ChapLogin | undefined>;
}

function stamp(host: BootHost): string {
  return `[${host.uptimeSeconds().toFixed(2).padStart(7)}]`;
}

/** Whatever was thrown as a StepError; what the machine threw (a write that failed) has a code as well. */
function failureOf(error: unknown): StepError {
  if (error instanceof StepError) return error;
  if (error instanceof InputError) return refuse(error.problems);
  return new StepError('MM-BOOT-MACHINE', error instanceof Error ? error.message : String(error), 'See dmesg at the debug console (Esc).');
}

function explain(host: BootHost, step: BootStep, error: unknown, tries: number, delayMs: number): void {
  const { message, remedy } = failureOf(error);
  host.print(`${stamp(host)} metamaster: step ${step.kind} FAILED (try ${tries})`);
  for (const line of message.split('\n')) host.print(`    why:  ${line}`);
  host.print(`    what to do: ${remedy}`);
  host.print(`    next try in ${delayMs / 1000} s; Esc opens the debug console.`);
  host.print(`mm-stage initrd ${step.kind} failed: ${message.split('\n')[0]}`);
}

/** Runs every step of the plan in order; comes back only when all of them are done. */
export async function runPlan(host: BootHost, plan: readonly BootStep[], state: BootState, runStep: StepRunner, admin: PlanConsole): Promise<void> {
  const reports = new BootReports(host, state);
  for (const step of plan) {
    await admin.betweenSteps();
    host.print(`mm-stage initrd ${step.kind}`);
    reports.begins(step.kind);
    for (let tries = 1; ; tries++) {
      try {
        await runStep(step, tries);
        state.stages.push({ step: step.kind, endedSeconds: host.uptimeSeconds(), tries });
        break;
      } catch (error) {
        const delayMs = retryDelayMs(tries);
        explain(host, step, error, tries, delayMs);
        reports.failed(step.kind, error, tries, delayMs);
        if (wantsSanLogin(state, error)) {
          // What failed is forgotten: the next try looks for a stick again.
          delete state.sanLogin;
          const typed = await admin.askSanLogin();
          if (typed !== undefined) {
            state.sanLogin = typed;
            continue;
          }
        }
        await admin.pause(delayMs);
      }
    }
  }
  reports.begins('root');
}
