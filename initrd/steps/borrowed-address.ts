// A boot from the DVD begins with the menu's address (.254), which the next DVD boot wants as well. The node gives it back once
// iscsid has the session in hand. The root lies behind that very connection, so at no moment may it be without its address:
// first the node's own address becomes the network's first one, from which new connections start, and the borrowed one stays as a
// plain address of the host; then the connection is closed and iscsid opens it anew; only when nothing uses it does the address go.

import type { BootHost } from '../boot-host.ts';
import type { BootRecord } from './handover.ts';

const WAIT_MS = 60_000;
const POLL_MS = 500;
const BATCH_FILE = '/run/metamaster/addresses';

/** The node's own address, by the identity that the initrd has laid down. */
function ownAddress(host: BootHost): string | undefined {
  const own = JSON.parse(host.readText('/etc/metamaster/node.json') ?? '{}') as { number?: number; roster?: { nodes: { number: number; address: string }[] } };
  return own.roster?.nodes.find((node) => node.number === own.number)?.address;
}

/** Gives the address back if the node has one of its own. Call it when iscsid has proved that it works: by an open control session. */
export async function releaseBorrowedAddress(host: BootHost, record: BootRecord): Promise<void> {
  const { bootAddress, interfaceName, prefixLength } = record;
  const own = ownAddress(host);
  if (interfaceName === undefined || own === undefined || own === bootAddress) return;
  const shown = host.run(['ip', '-4', '-o', 'addr', 'show', 'dev', interfaceName]).said;
  const addresses = new Set([...shown.matchAll(/inet ([0-9.]+)\//g)].map((match) => match[1]));
  if (!addresses.has(bootAddress) || !addresses.has(own)) return;
  if (shown.includes(`inet ${bootAddress}/${prefixLength} `)) {
    // Without it the kernel takes every later address of the network away together with the first.
    host.writeText(`/proc/sys/net/ipv4/conf/${interfaceName}/promote_secondaries`, '1', 0o644);
    // One process for both changes: between two there would be time for the root to need its connection.
    host.writeText(BATCH_FILE, `addr del ${bootAddress}/${prefixLength} dev ${interfaceName}\naddr add ${bootAddress}/32 dev ${interfaceName}\n`, 0o600);
    const changed = host.run(['ip', '-batch', BATCH_FILE]);
    if (changed.code !== 0) {
      // Whichever of the two failed, the address must be there for the connection that still uses it.
      host.run(['ip', 'addr', 'replace', `${bootAddress}/32`, 'dev', interfaceName]);
      host.print(`storage-agent: ${bootAddress} is kept: ${changed.said.trim()}`);
      return;
    }
  }
  const connections = (): string => host.run(['ss', '-H', '-t', '-n', 'state', 'established', 'src', bootAddress]).said.trim();
  for (let waited = 0; connections() !== ''; waited += POLL_MS) {
    if (waited >= WAIT_MS) {
      host.print(`storage-agent: ${bootAddress} is kept: its connections do not close: ${connections()}`);
      return;
    }
    host.run(['ss', '-K', 'src', bootAddress]);
    await host.sleep(POLL_MS);
  }
  host.run(['ip', 'addr', 'del', `${bootAddress}/32`, 'dev', interfaceName]);
  host.print(`storage-agent: gave ${bootAddress} back`);
}
