// A newer configuration for a daemon that runs: is it followed? Everything that comes from the roster is; what the node was booted as is not,
// for sockets, addresses and volumes rest on it.

import { type Problem, problemLine } from '../core/problem.ts';
import { nodeOfNumber } from '../core/roster.ts';
import { type NodeConfig, parseNodeConfigText } from './node-config.ts';

/** What is to be done about a configuration that was put in the place of another. */
export type Reload =
  /** It is newer, and good. */
  | { readonly kind: 'follow'; readonly config: NodeConfig }
  /** It is the one that is followed already. */
  | { readonly kind: 'same' }
  /** The running one stays. */
  | { readonly kind: 'refuse'; readonly problem: Problem };

/** What of a configuration a running node cannot change, by the name that it has in the file. */
function bootedAs({ number, interface: device, bootNonce, roster }: NodeConfig): Readonly<Record<string, string | number>> {
  return { number, interface: device, bootNonce, 'address of this node': nodeOfNumber(roster, number)?.address ?? 'none' };
}

/**
 * Judges the text of a configuration file by the running configuration.
 * @param where the file, for the problem: MM-CONFIG-RELOAD (it breaks a rule), -OLDER (an older registry), -NODE (this node would be another)
 */
export function judgeReload(running: NodeConfig, text: string, where: string): Reload {
  const refuse = (problem: Omit<Problem, 'where'>): Reload => ({ kind: 'refuse', problem: { where, ...problem } });
  const read = parseNodeConfigText(text, where, running);
  if (!read.ok) {
    const seen = read.problems.map(problemLine).join(' ');
    return refuse({ code: 'MM-CONFIG-RELOAD', rule: 'a configuration without a mistake', seen, remedy: 'The running one stays. Correct the roster in the registry; the storage agent then writes the file again.' });
  }
  const config = read.value;
  const [before, now] = [bootedAs(running), bootedAs(config)];
  const other = Object.keys(before).filter((name) => before[name] !== now[name]);
  if (other.length > 0) {
    const seen = other.map((name) => `${name} ${now[name]} in place of ${before[name]}`).join(', ');
    return refuse({ code: 'MM-CONFIG-RELOAD-NODE', rule: 'the node that was booted', seen, remedy: 'The running one stays. Boot this node again.' });
  }
  if (config.rosterGeneration === running.rosterGeneration) return { kind: 'same' };
  if (config.rosterGeneration < running.rosterGeneration) {
    const remedy = 'The running one stays; nothing needs to be done, unless the registry itself went back: then see `metamaster san check`.';
    return refuse({ code: 'MM-CONFIG-RELOAD-OLDER', rule: `a later registry than generation ${running.rosterGeneration}`, seen: String(config.rosterGeneration), remedy });
  }
  return { kind: 'follow', config };
}
