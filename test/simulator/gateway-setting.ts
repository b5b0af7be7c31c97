// Which nodes may become the gateway in a run, and how it is written: `gateway 2 1 3 beat 15ms preemption`.

import { BEAT_MS } from '../../daemons/gateway/beat-timing.ts';
import type { GatewaySetting } from './adapter.ts';
import type { Random } from './random.ts';

const CANDIDATES = [1, 4] as const;
const PREEMPTION = 0.2;
/** The default most of all. Slower ones are cheaper, and meet other faults in other states. */
const BEATS_MS = [BEAT_MS, BEAT_MS, 60, 250];

export function drawGateway(random: Random, nodes: number): GatewaySetting {
  const [fewest, most] = CANDIDATES;
  const candidates = random.sample(Array.from({ length: nodes }, (_, i) => i + 1), random.whole(fewest, Math.min(most, nodes)));
  return { candidates: random.chance(0.5) ? candidates : candidates.toReversed(), beatMs: random.pick(BEATS_MS), preemption: random.chance(PREEMPTION) };
}

export const formatGateway = ({ candidates, beatMs, preemption }: GatewaySetting): string => `gateway ${candidates.join(' ')} beat ${beatMs}ms${preemption ? ' preemption' : ''}`;

/** Reads what `formatGateway` writes, without its first word. Throws RangeError for anything else. */
export function parseGateway(text: string): GatewaySetting {
  const part = /^(?<candidates>\d+( \d+)*) beat (?<beat>\d+)ms(?<preemption> preemption)?$/.exec(text)?.groups;
  if (part === undefined) throw new RangeError(`gateway ${text}: it is written "gateway NODES beat MILLISECONDSms [preemption]"`);
  return { candidates: part['candidates']!.split(' ').map(Number), beatMs: Number(part['beat']), preemption: part['preemption'] !== undefined };
}
