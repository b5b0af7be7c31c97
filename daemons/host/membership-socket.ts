// The sockets of the membership. One is bound to the node's own address: it hears what is meant for this node alone, and everything is sent by
// it, so that it leaves by the boot network's interface (see dhcp-socket.ts); the other hears the broadcasts. Datagrams are sealed and opened here,
// so that the machine knows of no key.

import { randomBytes } from 'node:crypto';
import { toHex } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { LogEffect } from '../core/log-effect.ts';
import type { Machine } from '../core/machine.ts';
import type { Roster } from '../core/roster.ts';
import { clusterId } from '../wire/cluster-id.ts';
import { MEMBERSHIP_PORT, START_BYTES } from '../wire/membership-packet.ts';
import type { MembershipPacket } from '../wire/membership-packet.ts';
import { PacketOpener, PacketSealer } from '../wire/membership-seal.ts';
import type { RefusalReason } from '../wire/membership-seal.ts';
import { aesGcm } from './aes-gcm.ts';
import { now } from './clock.ts';
import { drainSockets } from './drain-sockets.ts';
import { MachineLoop } from './machine-loop.ts';
import { openUdp } from './udp.ts';

const ANY = '0.0.0.0' as Ipv4;
const EVERYBODY = '255.255.255.255';

/** What this shell tells the machine. */
export type MembershipShellInput =
  | { readonly kind: 'packet'; readonly packet: MembershipPacket }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly bytes: number }
  | { readonly kind: 'tick' };

/** What the machine may want of this shell; whatever else it says is news. */
export type MembershipShellEffect =
  | { readonly kind: 'send'; readonly to: number; readonly packet: MembershipPacket }
  | { readonly kind: 'broadcast'; readonly packet: MembershipPacket }
  | LogEffect;

export interface MembershipShellOptions<Input, News> {
  /** This node's address on the boot network, as it was booted. */
  readonly address: Ipv4;
  readonly node: number;
  /** The name of this start: see `startName`. */
  readonly start: string;
  readonly roster: Roster;
  /** The cluster's keys, the one that is sent with first. */
  readonly keys: readonly Uint8Array[];
  readonly machine: Machine<Input | MembershipShellInput, MembershipShellEffect | News>;
  readonly log: (effect: LogEffect) => void;
  readonly onNews: (news: News) => void;
  /** Default: MEMBERSHIP_PORT. */
  readonly port?: number;
}

/** The running membership of this node. */
export interface MembershipShell<Input> {
  input(input: Input): void;
  /** Other addresses, or another name of the cluster, from now on. To be called before the machine hears of them. */
  useRoster(roster: Roster): void;
  /** Other keys from now on; what was sealed with one that is not among them is refused. */
  useKeys(keys: readonly Uint8Array[]): void;
  stop(): void;
}

/** The name of one start of the process, never used again: the nonces of its datagrams hang on it. */
export const startName = (): string => toHex(randomBytes(START_BYTES));

const isOurs = <News>(effect: MembershipShellEffect | News): effect is MembershipShellEffect => ['send', 'broadcast', 'log'].includes((effect as MembershipShellEffect).kind);

/** Starts speaking and listening; the machine takes its first step when the node's own address is there. */
export function startMembership<Input, News>(options: MembershipShellOptions<Input, News>): MembershipShell<Input> {
  const { address, node, start, machine, log, onNews, port = MEMBERSHIP_PORT } = options;
  let { keys, roster } = options;
  let addresses = new Map<number, Ipv4>();
  const sealer = new PacketSealer({ aead: aesGcm, keys, cluster: clusterId(roster.clusterName), node, start });
  const opener = new PacketOpener({ aead: aesGcm, keys, cluster: clusterId(roster.clusterName) });
  const use = (): void => {
    addresses = new Map(roster.nodes.map((each) => [each.number, each.address]));
    sealer.use(clusterId(roster.clusterName), keys);
    opener.use(clusterId(roster.clusterName), keys);
  };
  use();

  let heard = 0;
  const send = (packet: MembershipPacket, to: string | undefined): void => {
    if (to !== undefined) own.send(sealer.seal(packet), { address: to, port });
  };
  const perform = (effect: MembershipShellEffect | News): void => {
    if (!isOurs(effect)) onNews(effect);
    else if (effect.kind === 'send') send(effect.packet, addresses.get(effect.to));
    else if (effect.kind === 'broadcast') send(effect.packet, EVERYBODY);
    else log(effect);
  };
  const loop = new MachineLoop<Input | MembershipShellInput, MembershipShellEffect | News>(machine, now, { kind: 'tick' }, perform, (then) => drainSockets(() => heard, then));
  // The first step introduces this node, so it waits until there is a way out; then the inputs come in their order.
  let early: Input[] | undefined = [];
  const onDatagram = (bytes: Uint8Array): void => {
    heard += 1;
    if (early !== undefined) return;
    const opened = opener.open(bytes);
    loop.step(opened.kind === 'packet' ? opened : { kind: 'refused', reason: opened.reason, bytes: bytes.length });
  };
  const own = openUdp({ address, port, log, onDatagram });
  const everywhere = openUdp({ address: ANY, port, log, onDatagram });
  void own.bound.then(() => {
    const inputs = early!;
    early = undefined;
    for (const input of inputs) loop.step(input);
    loop.step({ kind: 'tick' });
  });

  return {
    input(input) {
      if (early === undefined) loop.step(input);
      else early.push(input);
    },
    useRoster(next) {
      roster = next;
      use();
    },
    useKeys(next) {
      keys = next;
      use();
    },
    stop() {
      loop.stop();
      own.stop();
      everywhere.stop();
    },
  };
}
