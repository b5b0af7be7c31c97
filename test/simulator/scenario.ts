// A story as a file: how many nodes, what goes wrong when, what is to be so at which time, and below a line what happened, as it was written
// by a run. The words of faults are those of fault.ts.

import { type Fault, parseFault, seconds, toMs } from './fault.ts';
import { formatNumbers, parseNumbers } from './number-list.ts';
import type { Observation } from './observation.ts';
import { PROTOCOLS } from './protocols.ts';
import type { GatewaySetting } from './adapter.ts';
import { parseGateway } from './gateway-setting.ts';
import { INVARIANTS } from './explore.ts';
import { simulate } from './simulation.ts';
import { Transcript } from './transcript.ts';

/** What follows it is written by the simulator. */
export const WRITTEN_BELOW = '--- what happened';

/** Something that is to be so. */
export interface Expectation {
  readonly line: string;
  readonly atMs: number;
  /** What is wrong; undefined: it is so. */
  judge(story: Story): string | undefined;
}

/** What was seen until a time. */
export interface Story {
  readonly views: ReadonlyMap<number, { readonly alive: readonly number[]; readonly suspects: readonly number[] }>;
  readonly states: ReadonlyMap<number, string>;
  /** Of candidates: gateway or backup. */
  readonly roles: ReadonlyMap<number, string>;
  readonly offers: ReadonlyMap<number, number>;
}

export interface Scenario {
  /** The lines above the mark, as they are. */
  readonly head: string;
  readonly seed: number;
  readonly nodes: number;
  readonly off: readonly number[];
  readonly gateway?: GatewaySetting;
  readonly untilMs: number;
  readonly faults: readonly Fault[];
  readonly expectations: readonly Expectation[];
  /** The lines below the mark. */
  readonly transcript: string;
}

/** `expect at 9s 1-2 see 1-2 4`, `expect at 9s 1 suspects nobody`, `expect at 9s 3 is running`, `expect at 9s 2 is the gateway`, `expect at 9s 1 OFFER to 3`. */
function parseExpectation(line: string): Expectation {
  const part = /^expect at (?<at>[\d.]+)s (?<who>\d[\d -]*) (?<verb>sees?|suspects?|is the|is|are|OFFERs? to) (?<what>.+)$/.exec(line)?.groups;
  if (part === undefined) throw new RangeError(`${line}: an expectation is "expect at SECONDSs NODES see NODES", "… NODE suspects NODES or nobody", "… NODE is STATE" or "… COUNT OFFER to NODE"`);
  const who = parseNumbers(part['who']!);
  const what = part['what']!;
  const judge = ({ views, states, roles, offers }: Story): string | undefined => {
    if (part['verb']!.startsWith('OFFER')) {
      const made = offers.get(Number(what)) ?? 0;
      return made === who[0] ? undefined : `${made} were made`;
    }
    const seen = (number: number): string => {
      const view = views.get(number);
      if (part['verb']!.startsWith('see')) return formatNumbers(view?.alive ?? []);
      if (part['verb'] === 'is the') return roles.get(number) ?? 'nothing';
      return part['verb']!.startsWith('suspect') ? formatNumbers(view?.suspects ?? []) || 'nobody' : (states.get(number) ?? 'off');
    };
    const wrong = who.find((number) => seen(number) !== what);
    return wrong === undefined ? undefined : `${wrong}: ${seen(wrong)}`;
  };
  return { line, atMs: toMs(part['at']!), judge };
}

/** Reads a scenario. Throws RangeError with the line that is wrong. */
export function parseScenario(text: string): Scenario {
  const [head = '', transcript = ''] = text.split(`${WRITTEN_BELOW}\n`);
  const lines = head.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  const value = (name: string, otherwise?: string): string => {
    const found = lines.filter((line) => line.startsWith(`${name} `));
    if (found.length > 1 || (found.length === 0 && otherwise === undefined)) throw new RangeError(`a scenario has one line that begins with "${name}"; this one has ${found.length}`);
    return found[0]?.slice(name.length + 1) ?? otherwise!;
  };
  const unknown = lines.find((line) => !/^(seed|nodes|off|gateway|until|at|expect) /.test(line));
  if (unknown !== undefined) throw new RangeError(`${unknown}: a line begins with seed, nodes, off, gateway, until, at, expect or #`);
  const gateway = value('gateway', '');
  return {
    ...(gateway !== '' && { gateway: parseGateway(gateway) }), head, transcript, seed: Number(value('seed', '1')), nodes: Number(value('nodes')), off: parseNumbers(value('off', '')), untilMs: toMs(value('until').replace(/s$/, '')),
    faults: lines.filter((line) => line.startsWith('at ')).map(parseFault), expectations: lines.filter((line) => line.startsWith('expect ')).map(parseExpectation),
  };
}

/** What a scenario's run came to. */
export interface Told {
  /** Broken invariants and expectations that were not met. */
  readonly problems: readonly string[];
  readonly transcript: string;
}

/** Plays a scenario. */
export function play({ seed, nodes, off, gateway, untilMs, faults, expectations }: Scenario): Told {
  const transcript = new Transcript();
  const story = { views: new Map<number, Observation & { kind: 'view' }>(), states: new Map<number, string>(), roles: new Map<number, string>(), offers: new Map<number, number>() };
  const problems: string[] = [];
  const open = [...expectations].sort((a, b) => a.atMs - b.atMs);
  const judgeUntil = (atMs: number): void => {
    while (open.length > 0 && open[0]!.atMs < atMs) {
      const expectation = open.shift()!;
      const wrong = expectation.judge(story);
      if (wrong !== undefined) problems.push(`${expectation.line}; ${wrong}`);
    }
  };
  const watch = (atMs: number, seen: Observation): void => {
    judgeUntil(atMs);
    if (seen.kind === 'view') story.views.set(seen.node, seen);
    if (seen.kind === 'state') {
      story.states.set(seen.node, seen.state);
      story.views.delete(seen.node);
      story.roles.delete(seen.node);
    }
    if (seen.kind === 'gateway') story.roles.set(seen.node, seen.role === 'holder' ? 'gateway' : seen.role);
    if (seen.kind === 'answer' && seen.message === 'OFFER') story.offers.set(seen.blade, (story.offers.get(seen.blade) ?? 0) + 1);
    transcript.note(atMs, seen);
  };
  const { violation } = simulate({ seed, nodes, off, ...(gateway && { gateway }), untilMs, faults, protocols: PROTOCOLS, invariants: INVARIANTS, watch });
  judgeUntil(Infinity);
  if (violation !== undefined) problems.unshift(`${violation.invariant}, broken at ${seconds(violation.atMs)}: ${violation.what}`);
  return { problems, transcript: `${transcript.lines().join('\n')}\n` };
}

/** A scenario's file with this transcript. */
export const withTranscript = ({ head }: Scenario, transcript: string): string => `${head.trimEnd()}\n\n${WRITTEN_BELOW}\n${transcript}`;
