// Cores with a fault of their own, for the trial of the checkers: each breaks one invariant, and nothing in the simulator knows of it.

import type { Instant, Machine } from '../../daemons/core/machine.ts';
import type { Membership, MembershipEffect, MembershipInput } from '../../daemons/membership/membership.ts';
import type { DhcpEffect, DhcpInput, DhcpServer } from '../../daemons/dhcp/dhcp-server.ts';
import { addressValue, MESSAGE, messageTypeOf, OPTION } from '../../daemons/wire/dhcp-options.ts';
import { decodeDhcp, encodeDhcp } from '../../daemons/wire/dhcp-packet.ts';
import type { Protocols } from './adapter.ts';
import type { SuccessionEffect, SuccessionInput } from '../../daemons/gateway/succession-types.ts';
import { decodeGatewayBeat } from '../../daemons/wire/gateway-beat.ts';
import { dhcp } from './dhcp-adapter.ts';
import { GATEWAY_KEY, succession } from './gateway-adapter.ts';
import { parseFault } from './fault.ts';
import type { Schedule } from './fault-schedule.ts';
import { membership } from './membership-adapter.ts';
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

const broken = (change: (core: Membership) => Parameters<typeof around<MembershipInput, MembershipEffect>>[1]): Protocols => ({ ...PROTOCOLS, membership: membership((core) => around(core, change(core))) });
const server = (change: (host: { readonly number: number }) => Parameters<typeof around<DhcpInput, DhcpEffect>>[1]): Protocols => ({ ...PROTOCOLS, services: [dhcp((machine: DhcpServer, host) => around(machine, change(host)))] });

/** Whoever was alive once is so for ever. */
const neverExpires = broken(() => {
  const ever = new Set<number>();
  return {
    effect(effect) {
      if (effect.kind !== 'live') return effect;
      for (const node of effect.nodes) ever.add(node);
      return { ...effect, nodes: [...ever].sort((a, b) => a - b), serving: [...ever].sort((a, b) => a - b) };
    },
  };
});

/** A peer is known by its first start: who comes back is taken for a recording. */
const ignoresStarts = broken(() => {
  const first = new Map<number, string>();
  return {
    input(input) {
      if (input.kind !== 'packet') return input;
      const { node, start } = input.packet.from;
      if (!first.has(node)) first.set(node, start);
      return first.get(node) === start ? input : undefined;
    },
  };
});

/** What others say of this node is not heard. */
const neverRefutes = broken(() => {
  let self = 0;
  return {
    effect(effect) {
      if (effect.kind === 'send' || effect.kind === 'broadcast') self = effect.packet.from.node;
      return effect;
    },
    input(input) {
      if (input.kind !== 'packet' || !('claims' in input.packet.body)) return input;
      const { body } = input.packet;
      return { ...input, packet: { ...input.packet, body: { ...body, claims: body.claims.filter(({ node }) => node !== self) } } };
    },
  };
});

/** Nobody learns whom it suspects. */
const suspectsInSilence = broken(() => ({
  effect: (effect) => (effect.kind === 'live' ? { ...effect, suspects: [] } : effect),
}));

/** Of all who suspect a node it believes the first one only. */
const believesOne = broken(() => ({
  input(input) {
    if (input.kind !== 'packet' || !('claims' in input.packet.body)) return input;
    const { body } = input.packet;
    return { ...input, packet: { ...input.packet, body: { ...body, claims: body.claims.map(({ node, start, incarnation, status, by, description }) => ({ node, start, incarnation, status, by: by.slice(0, 1), description })) } } };
  },
}));

/** One of those that serve is kept from the node's services. */
const hidesServers = broken(() => ({ effect: (effect) => (effect.kind === 'live' ? { ...effect, serving: effect.serving.slice(1) } : effect) }));

/** Whoever is heard is told everything. */
const talkative: Protocols = {
  ...PROTOCOLS,
  membership: membership((core) => ({
    step: (now, input) => core.step(now, input).flatMap((effect): readonly MembershipEffect[] => (effect.kind === 'send' ? Array.from({ length: 40 }, () => effect) : [effect])),
    deadline: () => core.deadline(),
  })),
};

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

type Stepped = (now: Instant, input: SuccessionInput, step: (now: Instant, input: SuccessionInput) => readonly SuccessionEffect[]) => readonly SuccessionEffect[];

/** Successions of which the steps are changed. */
const successions = (change: () => Stepped): Protocols => ({
  ...PROTOCOLS,
  gateway: succession((core) => {
    const changed = change();
    return { step: (now, input) => changed(now, input, (at, what) => core.step(at, what)), deadline: () => core.deadline(), status: () => core.status() };
  }),
});

/** The claims of other holders are not heard. */
const neverYields = successions(() => (now, input, step) => {
  const beat = input.kind === 'datagram' ? decodeGatewayBeat([GATEWAY_KEY], input.bytes) : undefined;
  return beat?.role === 'holder' ? [] : step(now, input);
});

/** It never says that it has read its sockets, and so never judges. */
const neverTakesOver = successions(() => (now, input, step) => (input.kind === 'drained' ? [] : step(now, input)));

/** Beats are lost to it, fifteen of sixteen. */
const hardOfHearing = successions(() => {
  let heard = 0;
  return (now, input, step) => (input.kind === 'datagram' && (heard += 1) % 16 !== 0 ? [] : step(now, input));
});

/** The state of the way out is not listened to after the first word. */
const ignoresUplink = successions(() => (now, input, step) => (input.kind === 'uplink' && !input.usable ? [] : step(now, input)));

/** Each candidate announces itself at its first takeover only, and the first candidate alone has one from the beginning. */
const announcesOnce = successions(() => {
  let hasHeard = false;
  return (now, input, step) => {
    hasHeard ||= input.kind === 'datagram' && decodeGatewayBeat([GATEWAY_KEY], input.bytes)?.role === 'holder';
    return step(now, input).filter(({ kind }) => kind !== 'announce' || !hasHeard);
  };
});

const story = (off: readonly number[], ...faults: readonly string[]): Schedule => ({ off, faults: faults.map(parseFault) });

const gatewayStory = (...faults: readonly string[]): Schedule => ({ ...story([], ...faults), gateway: { candidates: [1, 2, 3], beatMs: 15, preemption: false } });

/** Which invariant each of them breaks; in the runs of seeds, or, where that is seldom seen, whenever these faults happen to five nodes. */
export const BROKEN: readonly (readonly [what: string, invariant: string, protocols: Protocols, schedule?: Schedule])[] = [
  ['a membership that never expires anybody', 'the dead are noticed', neverExpires],
  ['a membership that knows a peer by its first start', 'no live node is buried', ignoresStarts],
  ['a membership that does not refute', 'nobody is buried without a cause', neverRefutes],
  ['a membership that keeps its suspicions to itself', 'a death is suspected by all', suspectsInSilence],
  ['a membership that counts one suspecter only', 'a death is certain for all', believesOne, story([], 'at 8s crash 2')],
  ['a membership that leaves out one that serves', 'all views converge', hidesServers],
  ['a membership that says everything forty times', 'tables and traffic are bounded', talkative],
  ['a gateway that never yields', 'at most one gateway in a connected group', neverYields, gatewayStory('at 8s split 1 for 4s')],
  ['a candidate that never takes over', 'a gateway exists', neverTakesOver, gatewayStory()],
  ['a candidate that is hard of hearing', 'no takeover without a cause', hardOfHearing, gatewayStory()],
  ['a gateway that ignores its uplink', 'the gateway has a way out', ignoresUplink, gatewayStory('at 8s no-uplink 1 for 30s')],
  ['a gateway that is not announced again', 'all agree who the gateway is', announcesOnce, gatewayStory('at 8s freeze 1 for 1s')],
  ['a server that answers out of turn', 'one OFFER when all is calm', answersTwice],
  ['a server that never stands in for another', 'every DISCOVER is answered', neverStandsIn],
  ['a server that acknowledges for others', 'only the chosen server acknowledges', takesEveryRequest],
  ['a server that does not learn that it is drained', 'a drained node is silent', servesDrained, story([5], 'at 8s drain 4 for 40s', 'at 14s power-on 5')],
];
