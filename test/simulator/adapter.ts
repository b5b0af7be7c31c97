// How a protocol's core comes onto the simulated LAN: an adapter is to it what its shell in daemons/host/ and its lines in the composition
// root are to the real one. It makes the machine, turns datagrams and what the node's other services say into inputs, and effects into
// datagrams and news. The simulator knows nothing of any protocol but this.
//
// What replaces a core replaces an adapter: another membership brings its own `MembershipFit`, with the bounds that it promises. Further
// protocols are further `Fit`s on the same node, or, as the gateway's, in a process of its own. Leases want a SAN beside the networks:
// reads and writes as datagrams to a host that never dies, which the same faults reach. Virtual clusters only take and give news.

import type { Instant, Machine } from '../../daemons/core/machine.ts';
import type { SuccessionStatus } from '../../daemons/gateway/succession-types.ts';
import type { Roster } from '../../daemons/core/roster.ts';
import type { Observation } from './observation.ts';
import type { Random } from './random.ts';

/** All nodes are on the boot network; candidates for the gateway meet on the public one as well. */
export type Network = 'boot' | 'public';

/** The gateway of a run. */
export interface GatewaySetting {
  /** In the order of the succession. */
  readonly candidates: readonly number[];
  readonly beatMs: number;
  readonly preemption: boolean;
}

/** How much a membership holds. */
export interface TableSizes {
  /** Nodes that it has a row of. */
  readonly members: number;
  /** Nodes that it asks whether they live. */
  readonly watched: number;
}

/** What passes on a network. */
export interface Datagram {
  /** The number of the host that sent it. */
  readonly from: number;
  readonly fromPort: number;
  readonly port: number;
  readonly network: Network;
  readonly bytes: Uint8Array;
  /** It came to this host's own address. */
  readonly unicast: boolean;
  /** What the bytes mean, as the protocol of this port made it out for the first that heard it: its copies, and a broadcast's hearers, have the same. */
  meaning: unknown;
}

/** What the services of one node tell each other, as the composition root passes it on. */
export type News =
  /** Who seems alive, who of these serves, and who of these may be dead; all ascending. */
  | { readonly kind: 'live'; readonly alive: readonly number[]; readonly serving: readonly number[]; readonly suspects: readonly number[] }
  | { readonly kind: 'roster'; readonly roster: Roster; readonly generation: number }
  /** This node's boot services answer. */
  | { readonly kind: 'serving' }
  /** The way out is usable, or not. */
  | { readonly kind: 'uplink'; readonly usable: boolean }
  /** The administrator wants this node as the gateway, or, if it is, another. */
  | { readonly kind: 'switch' };

/** The node that a service runs on. */
export interface Host {
  readonly number: number;
  /** The registry as it was read last. */
  readonly roster: Roster;
  readonly generation: number;
  /** Chance of this start of the node. */
  readonly random: Random;
  /** What a right wall clock showed at this start: seconds since 1970. */
  readonly unixSeconds: number;
  readonly gateway: GatewaySetting | undefined;
  /** Without `to`: a broadcast, which this node hears as well. Without `network`: on the boot network. */
  send(datagram: { readonly fromPort: number; readonly port: number; readonly bytes: Uint8Array; readonly to?: number; readonly network?: Network }): void;
  /** What waits in the sockets of these ports, the oldest first; undefined: they are empty. */
  waiting(ports: readonly number[]): Datagram | undefined;
  /** The kernel answers for the moving addresses for so long from now on; of its own time, whatever becomes of the process. */
  openGate(forMs: number): void;
  /** The last epoch of the gateway that the registry knows of. */
  readonly gatewayEpoch: number;
  /** What the membership of this node holds, whenever it is asked. */
  membershipHolds(sizes: () => TableSizes): void;
  /** How this candidate sees the succession. */
  gatewayIs(status: () => SuccessionStatus): void;
  /** The moving addresses are announced to all. */
  announce(): void;
  /** The registry notes an epoch of the gateway, some time. */
  saveEpoch(epoch: number): void;
  /** To every service of this node. */
  tell(news: News): void;
  observe(seen: Observation): void;
  /** A blade's ROM has what it boots. */
  loaded(server: number): void;
  /** The registry is to be read again, as soon as may be. */
  readRegistry(): void;
}

/** One protocol, for a machine with these inputs and effects. */
export interface Adapter<Input, Effect> {
  readonly name: string;
  /** The UDP ports that it listens to. */
  readonly ports: readonly number[];
  machine(host: Host): Machine<Input, Effect>;
  /** A process that was kept from running reads its sockets before it looks at its timers. Otherwise its timers come first. */
  readonly drainsFirst?: true;
  /** The input that says: the deadline has come. */
  readonly due?: Input;
  /** What is taken as soon as the node starts. */
  readonly first: readonly Input[];
  hear(datagram: Datagram, host: Host): Input | undefined;
  told(news: News): Input | undefined;
  perform(effect: Effect, host: Host): void;
}

/** A service that runs on a node; the times are those of its clock. */
export interface Service {
  readonly ports: readonly number[];
  readonly drainsFirst: boolean;
  start(now: Instant): void;
  hear(now: Instant, datagram: Datagram): void;
  told(now: Instant, news: News): void;
  due(now: Instant): void;
  deadline(): Instant | undefined;
}

/** An adapter whose machine's types nobody outside has to know. */
export interface Fit {
  readonly name: string;
  on(host: Host): Service;
}

/** What a membership promises; in milliseconds of the simulation. */
export interface MembershipBounds {
  /** A node that lives, and that has been in whole connection with everybody who is connected with anybody of its side, is in all their views after that. */
  readonly buriedMaxMs: number;
  /** A node that is off is in nobody's view after that, whatever else went wrong before. */
  readonly deadNoticedMs: number;
  /** Each node that is left looks after so many others at once … */
  readonly watchedAtOnce: number;
  /** … and turns to the next ones after so long, where all of a side together cannot look after all that are lost. */
  readonly nextLookMs: number;
  /** A crash among nodes of which nothing was wrong: every other node suspects it after that … */
  readonly suspectedByAllMs: number;
  /** … and is sure of it after that. */
  readonly deadForAllMs: number;
  /** A process that stands still for less than this is buried by nobody. */
  readonly pauseForgivenMs: number;
  /** A node of so many sends so many datagrams in a second at most, whatever happens; a broadcast is one. */
  sentPerSecondMax(nodes: number): number;
}

export interface MembershipFit extends Fit {
  readonly bounds: MembershipBounds;
}

/** Everything that runs on a node, and what a blade's ROM is. */
export interface Protocols {
  readonly membership: MembershipFit;
  /** In the order in which they are started, after the membership. */
  readonly services: readonly Fit[];
  /** In a process of its own, on the candidates. */
  readonly gateway: Fit;
  readonly rom: Fit;
}

/** Makes an adapter fit for the simulator. */
export function fit<Input, Effect>(adapter: Adapter<Input, Effect>): Fit {
  return {
    name: adapter.name,
    on(host) {
      const machine = adapter.machine(host);
      const step = (now: Instant, input: Input | undefined): void => {
        if (input === undefined) return;
        for (const effect of machine.step(now, input)) adapter.perform(effect, host);
      };
      return {
        ports: adapter.ports,
        drainsFirst: adapter.drainsFirst === true,
        start: (now) => adapter.first.forEach((input) => step(now, input)),
        hear: (now, datagram) => step(now, adapter.hear(datagram, host)),
        told: (now, news) => step(now, adapter.told(news)),
        due: (now) => step(now, adapter.due),
        deadline: () => machine.deadline(),
      };
    },
  };
}
