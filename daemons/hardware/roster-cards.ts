// The MAC addresses of a blade against those that the roster has for it: a second card that may boot, a card that was changed.

import { nodeOfMac, type Roster, type RosterNode } from '../core/roster.ts';
import type { Problem } from '../core/problem.ts';
import type { HardwareFacts } from './hardware-facts.ts';

/**
 * What does not fit: MM-HARDWARE-MAC (a card on the PCI bus, which may boot, and is not in the roster), MM-HARDWARE-MAC-OTHER (it is another node's),
 * MM-HARDWARE-MAC-GONE (the roster has an address that no card of the blade has). A card that sits elsewhere, as a BMC's on USB, does not boot.
 */
export function cardProblems(roster: Roster, node: RosterNode, { nics }: HardwareFacts): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { name, mac, pciId } of nics) {
    if (mac === undefined || node.macs.includes(mac)) continue;
    const other = nodeOfMac(roster, mac);
    const where = `${node.name}: ${name}`;
    if (other !== undefined) {
      problems.push({ code: 'MM-HARDWARE-MAC-OTHER', where, rule: `a card whose address the roster has for ${other.name}`, seen: mac, remedy: `Was the card moved, or copied by a setting? While both run, one of the two does not boot. Correct the MAC addresses of ${node.name} and ${other.name}.` });
    } else if (pciId !== undefined) {
      problems.push({ code: 'MM-HARDWARE-MAC', where, rule: 'a card that may boot should be in the roster', seen: mac, remedy: `When the blade is to boot by this card too, add ${mac} to the MAC addresses of ${node.name}, behind those that it has; otherwise take it out of the firmware's boot order.` });
    }
  }
  for (const mac of node.macs) {
    if (nics.some((nic) => nic.mac === mac)) continue;
    problems.push({ code: 'MM-HARDWARE-MAC-GONE', where: node.name, rule: 'every address of the roster should be that of a card', seen: mac, remedy: 'Where the card was changed, correct the roster; where not, the card is dead or its driver did not load: see `dmesg`.' });
  }
  return problems;
}
