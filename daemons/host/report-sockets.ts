// The sockets of what is told about blades: kernel lines from blades, by broadcast; and facts that nodes tell each other, heard by one
// socket and sent by another that is bound to the node's own address, so that they leave by the boot network (see dhcp-socket.ts).

import type { Ipv4 } from '../core/ipv4.ts';
import type { LogEffect } from '../core/log-effect.ts';
import { RELAY_PORT } from '../wire/fact-relay.ts';
import { NETCONSOLE_PORT } from '../wire/netconsole.ts';
import { openUdp } from './udp.ts';

const ANY = '0.0.0.0' as Ipv4;
const EVERYBODY = { address: '255.255.255.255', port: RELAY_PORT };

export interface ReportSocketsOptions {
  /** This node's address on the boot network. */
  readonly address: Ipv4;
  readonly log: (effect: LogEffect) => void;
  readonly onKernel: (from: Ipv4, bytes: Uint8Array) => void;
  /** A datagram from RELAY_PORT; this node's own are among them. */
  readonly onRelay: (bytes: Uint8Array) => void;
}

export interface ReportSockets {
  /** Resolves when all of them are bound. */
  readonly bound: Promise<unknown>;
  /** To all nodes; false when there is no network just now. */
  relay(bytes: Uint8Array): boolean;
  stop(): void;
}

/** Opens the sockets, each again and again until it is there. */
export function openReportSockets({ address, log, onKernel, onRelay }: ReportSocketsOptions): ReportSockets {
  const kernel = openUdp({ address: ANY, port: NETCONSOLE_PORT, log, onDatagram: (bytes, from) => onKernel(from.address, bytes) });
  const heard = openUdp({ address: ANY, port: RELAY_PORT, log, onDatagram: onRelay });
  const own = openUdp({ address, port: RELAY_PORT, log, onDatagram: () => {} });
  const all = [kernel, heard, own];
  return {
    bound: Promise.all(all.map(({ bound }) => bound)),
    relay: (bytes) => own.send(bytes, EVERYBODY),
    stop: () => all.forEach((socket) => socket.stop()),
  };
}
