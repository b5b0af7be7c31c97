// Cores with a fault of their own, for the trial of the checkers: each breaks one invariant, and nothing in the simulator knows of it.

import type { Instant, Machine } from '../../daemons/core/machine.ts';
import { clusterId, decodeBeacon, encodeBeacon } from '../../daemons/wire/beacon.ts';
import type { BeaconEffect, BeaconInput } from '../../daemons/membership/beacon-table.ts';
import type { DhcpEffect, DhcpInput, DhcpServer } from '../../daemons/dhcp/dhcp-server.ts';
import { addressValue, MESSAGE, messageTypeOf, OPTION } from '../../daemons/wire/dhcp-options.ts';
import { decodeDhcp, encodeDhcp } from '../../daemons/wire/dhcp-packet.ts';
import type { Protocols } from './adapter.ts';
import { beacons } from './beacon-adapter.ts';
import { dhcp } from './dhcp-adapter.ts';
import { PROTOCOLS } from './protocols.ts';
import { addressOf } from './rack-roster.ts';

/** A machine of which inputs and effects are changed on their way. */
function around<Input, Effect>(machine: Machine<Input, Effect>, change: { input?: (input: Input) => Input | undefined; effect?: (effect: Effect) => Effect | undefined }): Machine<Input, Effect> {
  return {
    step(now: Instant, given: Input) {
      const input = change.input === undefined ? given : change.input(given);
      const effects = input === undefined ? [] : machine.step(now, input);
      return change.effect === undefined ? effects : effects.flatMap((effect) => change.effect!(effect) ?? []);
    },
    deadline: () => machine.deadline(),
  };
}

const membership = (change: () => Parameters<typeof around<BeaconInput, BeaconEffect>>[1]): Protocols => ({ ...PROTOCOLS, membership: beacons((table) => around(table, change())) });
const server = (change: (host: { readonly number: number }) => Parameters<typeof around<DhcpInput, DhcpEffect>>[1]): Protocols => ({ ...PROTOCOLS, services: [dhcp((machine: DhcpServer, host) => around(machine, change(host)))] });

/** Whoever was alive once is so for ever. */
const neverExpires = membership(() => {
  const ever = new Set<number>();
  return {
    effect(effect) {
      if (effect.kind !== 'live') return effect;
      for (const node of effect.nodes) ever.add(node);
      return { ...effect, nodes: [...ever].sort((a, b) => a - b), serving: [...ever].sort((a, b) => a - b) };
    },
  };
});

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);

/** A peer is known by its first incarnation: who comes back is taken for a recording. */
const ignoresIncarnations = membership(() => {
  const first = new Map<number, string>();
  return {
    input(input) {
      const beacon = input.kind === 'datagram' ? decodeBeacon(KEY, input.bytes) : undefined;
      if (beacon === undefined) return input;
      if (!first.has(beacon.node)) first.set(beacon.node, beacon.incarnation);
      return first.get(beacon.node) === beacon.incarnation ? input : undefined;
    },
  };
});

/** Each beacon says that the boot services do not answer. */
const neverServes = membership(() => ({
  effect(effect) {
    if (effect.kind !== 'send-beacon') return effect;
    const beacon = decodeBeacon(KEY, effect.bytes)!;
    return { ...effect, bytes: encodeBeacon(KEY, { ...beacon, cluster: clusterId('simulated'), serving: false }) };
  },
}));

/** Nobody else is alive, as far as DHCP knows. */
const answersTwice = server(() => ({ input: (input) => (input.kind === 'live' ? undefined : input) }));

/** Only the one whose turn it is at first answers at all. */
const neverStandsIn = server(() => {
  const seen = new Set<number>();
  return {
    input(input) {
      const packet = input.kind === 'packet' ? decodeDhcp(input.bytes) : undefined;
      if (packet === undefined || messageTypeOf(packet.options) !== MESSAGE.discover) return input;
      const again = packet.secs > 0 || seen.has(packet.xid);
      seen.add(packet.xid);
      return again ? undefined : input;
    },
  };
});

/** Every REQUEST is taken for one to oneself. */
const takesEveryRequest = server(({ number }) => ({
  input(input) {
    const packet = input.kind === 'packet' ? decodeDhcp(input.bytes) : undefined;
    if (input.kind !== 'packet' || packet === undefined || messageTypeOf(packet.options) !== MESSAGE.request) return input;
    return { ...input, bytes: encodeDhcp({ ...packet, options: new Map(packet.options).set(OPTION.serverIdentifier, addressValue(addressOf(number))) }) };
  },
}));

/** A newer registry is not followed. */
const servesDrained = server(() => ({ input: (input) => (input.kind === 'roster' ? undefined : input) }));

/** Which invariant each of them breaks, and in which run of how many nodes that is seen. */
export const BROKEN: readonly (readonly [what: string, invariant: string, protocols: Protocols])[] = [
  ['a membership that never expires anybody', 'the dead are noticed', neverExpires],
  ['a membership that ignores incarnations', 'no live node is buried', ignoresIncarnations],
  ['a membership that keeps to itself who serves', 'all views converge', neverServes],
  ['a server that answers out of turn', 'one OFFER when all is calm', answersTwice],
  ['a server that never stands in for another', 'every DISCOVER is answered', neverStandsIn],
  ['a server that acknowledges for others', 'only the chosen server acknowledges', takesEveryRequest],
  ['a server that does not learn that it is drained', 'a drained node is silent', servesDrained],
];
