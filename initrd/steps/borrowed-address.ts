// A boot from the DVD begins with the menu's address (.254), which the next DVD boot wants as well. The node gives it back as
// soon as iscsid can move the session: the address goes, the connection is closed, and iscsid connects anew from the node's own.

import type { BootHost } from '../boot-host.ts';
import type { BootRecord } from './handover.ts';

const WAIT_MS = 20_000;
const POLL_MS = 500;

/** Gives the address back if the node has one of its own on the interface. Leaves everything as it is when iscsid does not run. */
export async function releaseBorrowedAddress(host: BootHost, record: BootRecord): Promise<void> {
  const { bootAddress, interfaceName, prefixLength } = record;
  if (interfaceName === undefined) return;
  const shown = host.run(['ip', '-4', '-o', 'addr', 'show', 'dev', interfaceName]).said;
  const addresses = new Set([...shown.matchAll(/inet ([0-9.]+)\//g)].map((match) => match[1]));
  const own = (JSON.parse(host.readText('/etc/metamaster/node.json') ?? '{}') as { number?: number; roster?: { nodes: { number: number; address: string }[] } });
  const address = own.roster?.nodes.find((node) => node.number === own.number)?.address;
  if (address === undefined || address === bootAddress || !addresses.has(bootAddress) || !addresses.has(address)) return;
  for (let waited = 0; host.run(['busybox', 'pidof', 'iscsid']).code !== 0; waited += POLL_MS) {
    if (waited >= WAIT_MS) {
      host.print(`storage-agent: iscsid does not run; ${bootAddress} is kept, for the session could not move away from it`);
      return;
    }
    await host.sleep(POLL_MS);
  }
  // Without it the kernel takes every later address of the network away together with the first.
  host.writeText(`/proc/sys/net/ipv4/conf/${interfaceName}/promote_secondaries`, '1', 0o644);
  host.run(['ip', 'addr', 'del', `${bootAddress}/${prefixLength}`, 'dev', interfaceName]);
  const closed = host.run(['ss', '-K', 'src', bootAddress]);
  host.print(`storage-agent: gave ${bootAddress} back${closed.code === 0 ? '' : `; its connection closes by itself (${closed.said.trim()})`}`);
}
