// The sockets of the liveness beacons: one hears the broadcasts, one bound to the node's own address sends them, so that
// they leave by the boot network's interface (see dhcp-socket.ts).

import type { Ipv4 } from '../core/ipv4.ts';
import type { LogEffect } from '../core/log-effect.ts';
import type { Machine } from '../core/machine.ts';
import { BEACON_PORT } from '../wire/beacon.ts';
import { now } from './clock.ts';
import { MachineLoop } from './machine-loop.ts';
import { openUdp } from './udp.ts';

const ANY = '0.0.0.0' as Ipv4;
const EVERYBODY = { address: '255.255.255.255', port: BEACON_PORT };

/** What this shell tells the machine. */
export type BeaconShellInput = { readonly kind: 'datagram'; readonly bytes: Uint8Array } | { readonly kind: 'tick' };

/** What the machine may want; `live` and `newer-roster` go to `onNews`. */
export type BeaconNews = { readonly kind: 'live'; readonly nodes: readonly number[]; readonly serving: readonly number[] } | { readonly kind: 'newer-roster'; readonly generation: number; readonly node: number };
export type BeaconShellEffect = { readonly kind: 'send-beacon'; readonly bytes: Uint8Array } | BeaconNews | LogEffect;

export interface BeaconShellOptions<Input> {
  /** This node's address on the boot network. */
  readonly address: Ipv4;
  readonly machine: Machine<Input | BeaconShellInput, BeaconShellEffect>;
  readonly log: (effect: LogEffect) => void;
  readonly onNews: (news: BeaconNews) => void;
}

/** A running sender and hearer of beacons. */
export interface BeaconShell<Input> {
  input(input: Input): void;
  stop(): void;
}

/** Starts speaking and listening; the first beacon is sent when the socket is bound. */
export function startBeacons<Input>({ address, machine, log, onNews }: BeaconShellOptions<Input>): BeaconShell<Input> {
  const loop = new MachineLoop<Input | BeaconShellInput, BeaconShellEffect>(machine, now, { kind: 'tick' }, (effect) => {
    if (effect.kind === 'send-beacon') own.send(effect.bytes, EVERYBODY);
    else if (effect.kind === 'log') log(effect);
    else onNews(effect);
  });
  // Nothing is expected at the own address: a peer that cannot broadcast is no peer of the boot network.
  const own = openUdp({ address, port: BEACON_PORT, log, onDatagram: () => {} });
  const everywhere = openUdp({ address: ANY, port: BEACON_PORT, log, onDatagram: (bytes) => loop.step({ kind: 'datagram', bytes }) });
  void own.bound.then(() => loop.step({ kind: 'tick' }));
  return {
    input: (input) => loop.step(input),
    stop() {
      loop.stop();
      own.stop();
      everywhere.stop();
    },
  };
}
