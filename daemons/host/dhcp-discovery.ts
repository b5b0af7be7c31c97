// Asks a network for its DHCP servers without configuring anything: DISCOVERs as broadcasts, and whatever comes to the client's port.

import type { Ipv4 } from '../core/ipv4.ts';
import type { LogEffect } from '../core/log-effect.ts';
import type { Mac } from '../core/mac.ts';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from '../wire/dhcp-packet.ts';
import { macOfNeighbour } from './neighbour.ts';
import { openUdp } from './udp.ts';

const ANY = '0.0.0.0' as Ipv4;
const EVERYBODY = '255.255.255.255' as Ipv4;
/** RFC 863: whoever listens there throws it away. */
const DISCARD_PORT = 9;
/** A socket is there at once, or something is in its way that will not go. */
const BIND_MS = 1_000;
/** Said twice, for a datagram may be lost. */
const ROUNDS = 2;
const ROUND_MS = 1_000;
/** dnsmasq pings an address for 3 s before it offers it (PING_WAIT), ISC's server for one. */
export const LISTEN_MS = 5_000;
/** Datagrams that are kept: some servers with several offers each, and a flood costs no memory. */
const HEARD_MAX = 256;

/** What is to be asked. */
export interface DhcpDiscovery {
  /** An own address on the network; it chooses the interface (see dhcp-socket.ts). */
  readonly address: Ipv4;
  readonly messages: readonly Uint8Array[];
  /** Default: broadcast, DHCP's ports and LISTEN_MS. */
  readonly to?: { readonly address: Ipv4; readonly port: number };
  readonly clientPort?: number;
  readonly listenMs?: number;
}

/** A datagram that came to the client's port; the sender's network card, where the kernel has found it out. */
export interface HeardDatagram {
  readonly bytes: Uint8Array;
  readonly from: Ipv4;
  readonly mac: Mac | undefined;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Everything that came to the client's port while it listened. @throws Error with the reason when nothing could be sent or heard */
export async function askForOffers({ address, messages, to = { address: EVERYBODY, port: DHCP_SERVER_PORT }, clientPort = DHCP_CLIENT_PORT, listenMs = LISTEN_MS }: DhcpDiscovery): Promise<readonly HeardDatagram[]> {
  const heard: { bytes: Uint8Array; from: Ipv4 }[] = [];
  let trouble: string | undefined;
  const log = ({ level, fields }: LogEffect): void => {
    if (level === 'warn') trouble = String(fields['reason']);
  };
  const onDatagram = (bytes: Uint8Array, { address: from }: { readonly address: Ipv4 }): void => {
    if (heard.length >= HEARD_MAX) return;
    heard.push({ bytes, from });
    // The kernel asks by ARP whose address it is before it sends; the datagram itself is for nobody.
    own.send(new Uint8Array(0), { address: from, port: DISCARD_PORT });
  };
  const own = openUdp({ address, port: clientPort, log, onDatagram });
  const everywhere = openUdp({ address: ANY, port: clientPort, log, onDatagram });
  try {
    const bound = await Promise.race([Promise.all([own.bound, everywhere.bound]).then(() => true), pause(BIND_MS).then(() => false)]);
    if (!bound) throw new Error(trouble ?? `port ${clientPort} cannot be had`);
    for (let round = 0; round < ROUNDS; round++) {
      for (const message of messages) own.send(message, to);
      await pause(Math.min(ROUND_MS, listenMs / ROUNDS));
    }
    await pause(Math.max(0, listenMs - ROUNDS * ROUND_MS));
    if (heard.length === 0 && trouble !== undefined) throw new Error(trouble);
    return heard.map(({ bytes, from }) => ({ bytes, from, mac: macOfNeighbour(from) }));
  } finally {
    own.stop();
    everywhere.stop();
  }
}
