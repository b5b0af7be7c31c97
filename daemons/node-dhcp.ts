// The DHCP machine of one node, from what the node has read.

import type { NodeConfig } from './agent/node-config.ts';
import { LOADER_FACTS } from './core/boot-file-names.ts';
import { parseLoaderFacts } from './core/loader-facts.ts';
import { DhcpServer } from './dhcp/dhcp-server.ts';
import type { BootFileTable } from './host/boot-files.ts';

/** Boot files without `loader.json` are older than it, or none at all: then no iPXE is told from ours, and none is replaced. */
export function dhcpServerOf({ roster, number }: NodeConfig, files: BootFileTable | undefined): DhcpServer {
  const facts = parseLoaderFacts(files?.get(LOADER_FACTS)?.bytes);
  return new DhcpServer({ roster, self: number, ...(facts && { ourIpxeVersion: facts.ipxeVersion }) });
}
