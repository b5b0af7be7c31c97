// Facts from several places as one history: the recorder's files lag behind when the SAN stands still, the daemon's memory begins with
// the daemon.

import type { Mac } from '../core/mac.ts';
import { type BootFact, formatFact, parseFact } from './boot-fact.ts';
import { BootHistory } from './boot-history.ts';

/** The facts of all lines, each once, in the order of their times; `unread` counts the lines that are none. */
export function mergeFacts(...sources: readonly (readonly string[])[]): { readonly facts: readonly BootFact[]; readonly unread: number } {
  const facts = new Map<string, BootFact>();
  let unread = 0;
  for (const line of sources.flat()) {
    const fact = parseFact(line);
    if (fact === undefined) unread += 1;
    else facts.set(formatFact(fact), fact);
  }
  return { facts: [...facts.values()].sort((a, b) => a.t - b.t), unread };
}

/** The history that facts make, of one blade's if `macs` is given. */
export function historyOf(facts: readonly BootFact[], macs?: readonly Mac[]): BootHistory {
  const history = new BootHistory();
  for (const fact of facts) if (macs === undefined || macs.includes(fact.mac)) history.apply(fact);
  return history;
}
