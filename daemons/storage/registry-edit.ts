// Edits of the registry are pure functions from a registry and a request to another registry, or to everything that speaks against it
// (MM-EDIT-…). This file holds what they share; the edits themselves: registry-edit-hardware.ts, registry-edit-nodes.ts,
// registry-edit-volumes.ts. How a result comes onto the SAN: registry-change.ts.

import type { Mac } from '../core/mac.ts';
import type { MessageCode, Problem, Result } from '../core/problem.ts';
import { barOfMac, nodeOfMac, nodeOfNumber, type OpenReplacement, type Roster, type RosterNode } from '../core/roster.ts';
import { decodeRegistry, encodeRegistry, type Registry } from './registry.ts';

/** One thing that speaks against an edit; `where` is the request's field. */
export const against = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem => ({ code, where, rule, seen, remedy });

/** The refusal of an edit. */
export const refused = (...problems: readonly Problem[]): { readonly ok: false; readonly problems: readonly Problem[] } => ({ ok: false, problems });

/**
 * An edit's result, read back as a blade will read it: what is refused here would stop every boot. Problem MM-EDIT-RESULT for each rule of
 * form and relation that no check of the edit's own has told more plainly, with its path in the registry.
 */
export function settled(edited: Registry): Result<Registry> {
  const read = decodeRegistry(encodeRegistry(edited));
  return read.ok ? read : refused(...read.problems.map(({ where, rule, seen }) => against('MM-EDIT-RESULT', where, rule, seen, 'Correct the request: the registry would not be one any more.')));
}

/** The node that a request names. Problem MM-EDIT-NODE. */
export function nodeOfRequest(roster: Roster, number: number): Result<RosterNode> {
  const node = nodeOfNumber(roster, number);
  if (node !== undefined) return { ok: true, value: node };
  return refused(against('MM-EDIT-NODE', 'node', 'the number of a node of the roster', String(number), 'Look at the roster again: was the node removed meanwhile?'));
}

/** What speaks against these MAC addresses for a node: none at all, one twice, one that is another node's, one that is barred. */
export function macProblems(roster: Roster, macs: readonly Mac[], number?: number): readonly Problem[] {
  if (macs.length === 0) return [against('MM-EDIT-MAC', 'macs', 'at least one MAC address', 'none', 'Give the address of the card that boots first, then those of further ones.')];
  return macs.flatMap((mac, i): readonly Problem[] => {
    const at = `macs[${i}]`;
    const owner = nodeOfMac(roster, mac);
    const bar = barOfMac(roster, mac);
    if (macs.indexOf(mac) < i) return [against('MM-EDIT-MAC', at, 'each MAC address once', mac, 'Leave one of the two out.')];
    if (owner !== undefined && owner.number !== number) return [against('MM-EDIT-MAC-TAKEN', at, `a MAC address that no other node has; node ${owner.number} (${owner.name}) has it`, mac, 'Correct the address, or give that node other ones or remove it first.')];
    if (bar !== undefined) return [against('MM-EDIT-MAC-BARRED', at, `a machine that is not barred; this one was node ${bar.node} until it was replaced`, mac, 'If this machine is to come back, lift its bar first.')];
    return [];
  });
}

/** The roster with other open replacements; without any, the property goes. */
export function withReplacement(roster: Roster, open: readonly OpenReplacement[]): Roster {
  const { replacement: _, ...rest } = roster;
  return open.length === 0 ? rest : { ...rest, replacement: open };
}

/** The nodes with another in the place of one of them. */
export const withNode = (roster: Roster, former: RosterNode, now: RosterNode): readonly RosterNode[] => roster.nodes.with(roster.nodes.indexOf(former), now);

/** The open replacements of all nodes but one. */
export const replacementsBut = (roster: Roster, node: number): readonly OpenReplacement[] => (roster.replacement ?? []).filter((one) => one.node !== node);
