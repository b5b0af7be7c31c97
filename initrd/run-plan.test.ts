import { describe, expect, test } from 'vitest';
import { InputError } from '../daemons/core/problem.ts';
import { StepError } from './boot-host.ts';
import type { BootStep } from './boot-plan.ts';
import { ModelBlade } from './model-blade.test-kit.ts';
import { ModelSan } from './model-san.test-kit.ts';
import { runPlan } from './run-plan.ts';
import type { BootState } from './steps/boot-state.ts';

const PLAN: readonly BootStep[] = [{ kind: 'claim' }, { kind: 'check' }, { kind: 'mount' }];

/** Runs the plan; `run` says how a step goes at its nth try. */
async function runWith(run: (step: string, tries: number) => void | Promise<void>) {
  const blade = new ModelBlade(new ModelSan());
  const state: BootState = { parameters: { servers: [] } as never, bootNonce: '', stages: [], warnings: [] };
  const events: string[] = [];
  const tries = new Map<string, number>();
  await runPlan(blade, PLAN, state, (step) => {
    tries.set(step.kind, (tries.get(step.kind) ?? 0) + 1);
    events.push(step.kind);
    return run(step.kind, tries.get(step.kind)!);
  }, { pause: async (ms) => void events.push(`pause ${ms}`), betweenSteps: async () => void events.push('between'), askSanLogin: async () => void events.push('ask') });
  return { events, state, console: blade.console };
}

describe('running a plan', () => {
  test('takes the steps in order, with the debug console offered before each', async () => {
    const { events, state } = await runWith(() => undefined);
    expect(events).toEqual(['between', 'claim', 'between', 'check', 'between', 'mount']);
    expect(state.stages).toEqual(['claim', 'check', 'mount'].map((step) => ({ step, endedSeconds: 1, tries: 1 })));
  });

  test('repeats a failed step, and only that, after a pause', async () => {
    const { events, state } = await runWith(async (step, tries) => {
      if (step === 'check' && tries < 3) throw new Error('not yet');
    });
    expect(events).toEqual(['between', 'claim', 'between', 'check', 'pause 1000', 'check', 'pause 2000', 'check', 'between', 'mount']);
    expect(state.stages.map(({ tries }) => tries)).toEqual([1, 3, 1]);
  });

  test('tells step, why, what to do and when it is tried again, and a line for the rack\'s log', async () => {
    const { console } = await runWith((step, tries) => {
      if (step === 'claim' && tries === 1) throw new StepError('MM-BOOT-X', 'two\nlines', 'do this');
    });
    expect(console.slice(1, 7)).toEqual([
      '[   1.00] metamaster: step claim FAILED (try 1)', '    why:  MM-BOOT-X: two', '    why:  lines', '    what to do: do this', '    next try in 1 s; Esc opens the debug console.', 'mm-stage initrd claim failed: MM-BOOT-X: two',
    ]);
  });

  test('problems of an input, thrown from deeper down, keep their codes and the remedy of the first', async () => {
    const problem = (code: 'MM-A' | 'MM-B') => ({ code, where: 'w', rule: 'r', seen: 's', remedy: `mend ${code}` });
    const { console } = await runWith((step, tries) => {
      if (step === 'claim' && tries === 1) throw new InputError([problem('MM-A'), problem('MM-B')]);
    });
    expect(console.slice(2, 5)).toEqual(['    why:  MM-A: w: r; seen s', '    why:  MM-B: w: r; seen s', '    what to do: mend MM-A']);
    expect(console).toContain('mm-stage initrd claim failed: MM-A: w: r; seen s');
  });

  test('an error of the machine\'s, or something thrown that is none, is told as well', async () => {
    const { console } = await runWith((step, tries) => {
      if (step === 'claim' && tries === 1) throw new Error('Input/output error');
      if (step === 'mount' && tries === 1) throw 'a word';
    });
    expect(console.join('\n')).toContain('why:  MM-BOOT-MACHINE: Input/output error\n    what to do: See dmesg at the debug console (Esc).');
    expect(console).toContain('    why:  MM-BOOT-MACHINE: a word');
  });
});
