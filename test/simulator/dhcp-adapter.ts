// The DHCP server of each node, as daemons/boot-services.ts wires it: it hears ports 67 and 68, is told who serves, and what blades fetch
// afterwards. Of TFTP there is no more than the first block, which tells a blade that its server lives.

import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { macFromBytes } from '../../daemons/core/mac.ts';
import type { Machine } from '../../daemons/core/machine.ts';
import { type DhcpEffect, type DhcpInput, DhcpServer } from '../../daemons/dhcp/dhcp-server.ts';
import { messageName, messageTypeOf } from '../../daemons/wire/dhcp-options.ts';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, decodeDhcp } from '../../daemons/wire/dhcp-packet.ts';
import { encodeTftp } from '../../daemons/wire/tftp-packet.ts';
import { type Adapter, type Datagram, fit, type Fit, type Host } from './adapter.ts';
import { addressOf, macOf, numberOfAddress } from './rack-roster.ts';

export const TFTP_PORT = 69;
/** Where a blade expects what it reads. */
export const TFTP_CLIENT_PORT = 2070;
const FIRST_BLOCK = encodeTftp({ kind: 'data', block: 1, data: new Uint8Array(512) });
const NO_ADDRESS = '0.0.0.0' as Ipv4;
const LIMITED_BROADCAST = '255.255.255.255';

function hear({ from, fromPort, port, bytes, unicast }: Datagram, host: Host): DhcpInput {
  if (port !== TFTP_PORT) return { kind: 'packet', bytes, from: { address: fromPort === DHCP_CLIENT_PORT ? NO_ADDRESS : addressOf(from), port: fromPort }, unicast };
  host.send({ fromPort: TFTP_PORT, port: TFTP_CLIENT_PORT, bytes: FIRST_BLOCK, to: from });
  return { kind: 'progress', mac: macOf(from) };
}

function send({ bytes, to, broadcast }: DhcpEffect & { kind: 'send' }, host: Host): void {
  const { xid, chaddr, options } = decodeDhcp(bytes)!;
  host.observe({ kind: 'answer', node: host.number, blade: host.roster.nodes.find(({ macs }) => macs[0] === macFromBytes(chaddr))!.number, message: messageName(messageTypeOf(options)!), xid });
  const unicast = broadcast || to.address === LIMITED_BROADCAST ? {} : { to: numberOfAddress(to.address) };
  host.send({ fromPort: DHCP_SERVER_PORT, port: to.port, bytes, ...unicast });
}

/** The DHCP server on a node; `machine` wraps it for trials of the checkers. */
export function dhcp(machine: (server: DhcpServer, host: Host) => Machine<DhcpInput, DhcpEffect> = (server) => server): Fit {
  const adapter: Adapter<DhcpInput, DhcpEffect> = {
    name: 'DHCP',
    ports: [DHCP_SERVER_PORT, DHCP_CLIENT_PORT, TFTP_PORT],
    machine: (host) => machine(new DhcpServer({ roster: host.roster, self: host.number }), host),
    first: [],
    hear,
    told(news) {
      if (news.kind === 'live') return { kind: 'live', nodes: news.serving, suspects: news.suspects };
      return news.kind === 'roster' ? { kind: 'roster', roster: news.roster } : undefined;
    },
    perform(effect, host) {
      if (effect.kind === 'send') send(effect, host);
    },
  };
  return fit(adapter);
}
