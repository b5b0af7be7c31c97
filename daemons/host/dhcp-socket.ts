// The sockets of the DHCP server. Two are needed: broadcasts are heard only by one bound to 0.0.0.0, and one bound to the
// node's own address sends, because for 255.255.255.255 Linux picks the interface by the source address, even without any
// route (ip_route_output_key_hash in net/ipv4/route.c). A third one listens to port 68 for the offers of foreign servers.

import type { Ipv4 } from '../core/ipv4.ts';
import type { LogEffect } from '../core/log-effect.ts';
import type { Mac } from '../core/mac.ts';
import type { Machine } from '../core/machine.ts';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from '../wire/dhcp-packet.ts';
import { now } from './clock.ts';
import { macOfNeighbour } from './neighbour.ts';
import { openUdp } from './udp.ts';
import type { UdpSocket } from './udp.ts';

const ANY = '0.0.0.0' as Ipv4;
/** RFC 863: whoever listens there throws it away. */
const DISCARD_PORT = 9;
/** ARP asks three times, a second apart, and gives up (arp(7): mcast_solicit, retrans_time); who is there answers the first. */
const ARP_WAIT_MS = 1_000;

/** What these sockets tell the machine. `unicast`: it came to this node's own address. */
export interface DhcpPacketInput {
  readonly kind: 'packet';
  readonly bytes: Uint8Array;
  readonly from: { readonly address: string; readonly port: number };
  readonly unicast: boolean;
}

/** How far a blade has come. */
export interface DhcpStage {
  readonly kind: 'stage';
  readonly mac: Mac;
  readonly node: number;
  readonly stage: 'dhcp';
  readonly detail: string;
}

/** What the machine may want. */
export type DhcpShellEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array; readonly to: { readonly address: Ipv4; readonly port: number }; readonly broadcast: boolean }
  | DhcpStage
  | { readonly kind: 'find-mac'; readonly address: Ipv4 }
  | LogEffect;

/** The card that has an address which the machine asked for. */
export interface MacFoundInput {
  readonly kind: 'mac-found';
  readonly address: string;
  readonly mac: Mac;
}

export interface DhcpShellOptions<Input> {
  /** This node's address on the boot network. */
  readonly address: Ipv4;
  readonly machine: Machine<Input | DhcpPacketInput | MacFoundInput, DhcpShellEffect>;
  readonly log: (effect: LogEffect) => void;
  readonly onStage: (stage: DhcpStage) => void;
  /** Default true: false on a machine whose port 68 belongs to somebody else. */
  readonly listenForForeignServers?: boolean;
}

/** A running DHCP server. */
export interface DhcpShell<Input> {
  /** Resolves when both sockets were bound for the first time. */
  readonly ready: Promise<void>;
  /** Hands the machine an input that is no packet: who lives, a new roster, a blade's progress. */
  input(input: Input): void;
  stop(): void;
}

/** Starts serving. A socket that fails is opened again; nothing here throws but a fault in the machine itself. */
export function startDhcp<Input>({ address, machine, log, onStage, listenForForeignServers = true }: DhcpShellOptions<Input>): DhcpShell<Input> {
  const perform = (effect: DhcpShellEffect): void => {
    switch (effect.kind) {
      case 'send':
        own.send(effect.bytes, effect.to);
        break;
      case 'stage':
        onStage(effect);
        break;
      case 'find-mac':
        // The kernel asks by ARP whose address it is before it sends; the datagram itself is for nobody.
        own.send(new Uint8Array(0), { address: effect.address, port: DISCARD_PORT });
        later(effect.address);
        break;
      case 'log':
        log(effect);
        break;
    }
  };
  // No timer: the server has no deadline, only clients make it speak.
  const step = (input: Input | DhcpPacketInput | MacFoundInput): void => machine.step(now(), input).forEach(perform);
  const lookUps = new Set<NodeJS.Timeout>();
  const later = (address: Ipv4): void => {
    const timer = setTimeout(() => {
      lookUps.delete(timer);
      const mac = macOfNeighbour(address);
      if (mac !== undefined) step({ kind: 'mac-found', address, mac });
    }, ARP_WAIT_MS);
    timer.unref();
    lookUps.add(timer);
  };
  const open = (bind: Ipv4, port: number, unicast: boolean): UdpSocket =>
    openUdp({ address: bind, port, log, onDatagram: (bytes, from) => step({ kind: 'packet', bytes, from, unicast }) });
  const own = open(address, DHCP_SERVER_PORT, true);
  const everywhere = open(ANY, DHCP_SERVER_PORT, false);
  const sockets = [own, everywhere, ...(listenForForeignServers ? [open(ANY, DHCP_CLIENT_PORT, false)] : [])];
  return {
    ready: Promise.all([own.bound, everywhere.bound]).then(() => {}),
    input: step,
    stop() {
      for (const timer of lookUps) clearTimeout(timer);
      for (const socket of sockets) socket.stop();
    },
  };
}
