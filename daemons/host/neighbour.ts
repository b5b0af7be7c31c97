// Which network card has an address, by the kernel's own ARP table (proc(5), /proc/net/arp).

import { readFileSync } from 'node:fs';
import type { Ipv4 } from '../core/ipv4.ts';
import { type Mac, parseMac } from '../core/mac.ts';

/** The flag of an entry that was answered (linux/if_arp.h, ATF_COM). */
const COMPLETE = 0x2;

/** The MAC address of a neighbour in the text of /proc/net/arp; undefined when it has not answered. */
export function macInArpTable(text: string, address: Ipv4): Mac | undefined {
  for (const row of text.split('\n').slice(1)) {
    const [ip, , flags = '', mac = ''] = row.split(/\s+/);
    if (ip === address && (Number(flags) & COMPLETE) !== 0) return parseMac(mac);
  }
  return undefined;
}

/** The MAC address of a neighbour that this machine has spoken to. */
export function macOfNeighbour(address: Ipv4): Mac | undefined {
  try {
    return macInArpTable(readFileSync('/proc/net/arp', 'utf8'), address);
  } catch {
    return undefined; // a sandbox without /proc/net: the address alone must do
  }
}
