// A boot from the DVD begins with the menu's address (.254), which the next DVD boot wants as well. The root lies behind a
// connection from that address, so it may never be without: in the initrd the node's own address becomes the network's first one,
// from which new connections start, and the borrowed one steps aside to a plain address of the host; then, in the root, iscsid takes
// the session over, which opens its connection anew; and only when nothing uses the borrowed address does it go.

import { mustRun, type BootHost } from '../boot-host.ts';
import type { BootRecord } from './handover.ts';

const WAIT_MS = 60_000;
const POLL_MS = 500;
const TAKEN_REMEDY = 'See dmesg. Another machine may use the address.';

/** An IPv4 address and the length of its network's prefix. */
export interface InterfaceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/**
 * Gives the interface the node's own address, and makes it the one from which connections start. The borrowed one stays, for the
 * connection that uses it. For the initrd, whose programs are in memory: for a moment the borrowed address is not there.
 * @throws StepError
 */
export function preferOwnAddress(host: BootHost, device: string, own: InterfaceAddress, borrowed: InterfaceAddress): void {
  // Without it the kernel takes every later address of the network away together with the first.
  host.writeText(`/proc/sys/net/ipv4/conf/${device}/promote_secondaries`, '1', 0o644);
  mustRun(host, 'MM-BOOT-ADDRESS', ['ip', 'addr', 'replace', `${own.address}/${own.prefixLength}`, 'brd', '+', 'dev', device], `The node's address ${own.address} cannot be set. ${TAKEN_REMEDY}`);
  const first = `${borrowed.address}/${borrowed.prefixLength}`;
  if (host.run(['ip', '-4', 'addr', 'show', 'dev', device]).said.includes(`inet ${first} `)) mustRun(host, 'MM-BOOT-ADDRESS', ['ip', 'addr', 'del', first, 'dev', device], TAKEN_REMEDY);
  mustRun(host, 'MM-BOOT-ADDRESS', ['ip', 'addr', 'replace', `${borrowed.address}/32`, 'dev', device], TAKEN_REMEDY);
}

/** Gives the address back if it was only borrowed. Call it when iscsid has the session in hand: then it mends a connection that is closed. */
export async function releaseBorrowedAddress(host: BootHost, record: BootRecord): Promise<void> {
  const { bootAddress, interfaceName } = record;
  if (interfaceName === undefined) return;
  const borrowed = `${bootAddress}/32`;
  if (!host.run(['ip', '-4', '-o', 'addr', 'show', 'dev', interfaceName]).said.includes(`inet ${borrowed} `)) return;
  const connections = (): string => host.run(['ss', '-H', '-t', '-n', 'state', 'established', 'src', bootAddress]).said.trim();
  for (let waited = 0; connections() !== ''; waited += POLL_MS) {
    if (waited >= WAIT_MS) {
      host.print(`storage-agent: MM-AGENT-ADDRESS: ${bootAddress} is kept: its connections do not close: ${connections()}`);
      return;
    }
    host.run(['ss', '-K', 'src', bootAddress]);
    await host.sleep(POLL_MS);
  }
  host.run(['ip', 'addr', 'del', borrowed, 'dev', interfaceName]);
  host.print(`storage-agent: gave ${bootAddress} back`);
}
