// Edits of the registry that put another machine in a node's place: its MAC addresses, the bar of the machine it was, and the opening
// by which an unknown blade may take its number.

import type { Mac } from '../core/mac.ts';
import type { Result } from '../core/problem.ts';
import { BARRED_MAX, type BarredMachine, barOfMac, REPLACEMENT_MAX_MS, type ReplacementPolicy, type Roster } from '../core/roster.ts';
import type { Registry } from './registry.ts';
import { against, macProblems, nodeOfRequest, refused, replacementsBut, settled, withNode, withReplacement } from './registry-edit.ts';

/** Another machine for a node. */
export interface HardwareRequest {
  readonly node: number;
  /** Of the new machine; the first is the boot interface. */
  readonly macs: readonly Mac[];
  readonly atUnixMs: number;
  /** Of the machine that goes, as its owner records have it. */
  readonly formerHardwareId?: string;
}

/** The roster with other bars; without any, the property goes. */
function withBarred(roster: Roster, machines: readonly BarredMachine[]): Roster {
  const { barred: _, ...rest } = roster;
  return machines.length === 0 ? rest : { ...rest, barred: machines };
}

/**
 * Gives a node other MAC addresses; number, name, address, keys and volumes stay. Those it no longer has are barred, with the hardware id
 * unless that ends in an address that stays (another card in the same machine). An open replacement of this node is closed.
 * Nothing here proves the former machine dead: that is asked for when the volumes are claimed.
 * Problems: MM-EDIT-NODE, -MAC, -MAC-TAKEN, -MAC-BARRED, -BAR-LIMIT, -RESULT.
 */
export function replaceHardware(registry: Registry, { node: number, macs, atUnixMs, formerHardwareId }: HardwareRequest): Result<Registry> {
  const { roster } = registry;
  const found = nodeOfRequest(roster, number);
  if (!found.ok) return found;
  const former = found.value.macs;
  const problems = [...macProblems(roster, macs, number)];
  if (macs.join() === former.join()) problems.push(against('MM-EDIT-MAC', 'macs', `other addresses than node ${number} has`, macs.join(', '), 'Give those of the new machine.'));
  const gone = former.filter((mac) => !macs.includes(mac));
  const known = formerHardwareId !== undefined && !macs.some((mac) => formerHardwareId.toLowerCase().endsWith(`/${mac}`));
  const bar: BarredMachine = { node: number, macs: gone, ...(known ? { hardwareId: formerHardwareId } : {}), sinceUnixMs: atUnixMs };
  const barred = gone.length === 0 ? (roster.barred ?? []) : [...(roster.barred ?? []), bar];
  if (barred.length > BARRED_MAX) {
    problems.push(against('MM-EDIT-BAR-LIMIT', 'roster.barred', `at most ${BARRED_MAX} barred machines`, `${barred.length} with this one`, 'Lift the bars of machines that are scrapped or wiped: none is dropped by itself, for it might still be plugged in.'));
  }
  if (problems.length > 0) return refused(...problems);
  const nodes = withNode(roster, found.value, { ...found.value, macs });
  return settled({ ...registry, roster: withReplacement(withBarred({ ...roster, nodes }, barred), replacementsBut(roster, number)) });
}

/** Takes the bar off the machine that has this MAC address, with all its addresses. Problem MM-EDIT-BAR-NONE. */
export function liftBar(registry: Registry, { mac }: { readonly mac: Mac }): Result<Registry> {
  const { roster } = registry;
  const bar = barOfMac(roster, mac);
  if (bar === undefined) return refused(against('MM-EDIT-BAR-NONE', 'mac', 'a MAC address of a barred machine', mac, 'Look at the list of barred machines again: was the bar lifted meanwhile?'));
  return settled({ ...registry, roster: withBarred(roster, roster.barred!.filter((one) => one !== bar)) });
}

/** Opens a node's number to the next unknown blade. */
export interface OpeningRequest {
  readonly node: number;
  readonly atUnixMs: number;
  readonly untilUnixMs: number;
  readonly policy: ReplacementPolicy;
}

/** An opening whose time is over is replaced. Problems: MM-EDIT-NODE, -REPLACEMENT-OPEN (there is one), -REPLACEMENT-TIME, -RESULT. */
export function openReplacement(registry: Registry, { node: number, atUnixMs, untilUnixMs, policy }: OpeningRequest): Result<Registry> {
  const { roster } = registry;
  const found = nodeOfRequest(roster, number);
  const problems = found.ok ? [] : [...found.problems];
  const open = roster.replacement?.find((one) => one.node === number && one.untilUnixMs > atUnixMs);
  if (open !== undefined) problems.push(against('MM-EDIT-REPLACEMENT-OPEN', 'node', 'a node without an open replacement', `node ${number}, open by '${open.policy}' until ${open.untilUnixMs}`, 'Let it be, or close it first.'));
  const lastsMs = untilUnixMs - atUnixMs;
  if (!(lastsMs > 0 && lastsMs <= REPLACEMENT_MAX_MS)) {
    problems.push(against('MM-EDIT-REPLACEMENT-TIME', 'untilUnixMs', `later than now (${atUnixMs}), by ${REPLACEMENT_MAX_MS} ms at most`, String(untilUnixMs), 'Open it for as long as it takes to plug the blade in; it can be opened again.'));
  }
  if (problems.length > 0) return refused(...problems);
  return settled({ ...registry, roster: withReplacement(roster, [...replacementsBut(roster, number), { node: number, policy, sinceUnixMs: atUnixMs, untilUnixMs }]) });
}

/** Problem MM-EDIT-REPLACEMENT-NONE: none is open, for instance because a blade took the number meanwhile. */
export function closeReplacement(registry: Registry, { node: number }: { readonly node: number }): Result<Registry> {
  const { roster } = registry;
  const rest = replacementsBut(roster, number);
  if (rest.length === (roster.replacement ?? []).length) {
    return refused(against('MM-EDIT-REPLACEMENT-NONE', 'node', 'a node with an open replacement', String(number), 'Look at the node\'s MAC addresses: a blade that took its number closed the replacement.'));
  }
  return settled({ ...registry, roster: withReplacement(roster, rest) });
}
