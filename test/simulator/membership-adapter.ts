// The membership of a node: who seems alive. The counterpart of its shell and its lines in the composition root. Packets are encoded and
// decoded as real ones are; the seal is left out, for its cipher would take most of a run's time: the sender's node and start stand open
// in front of the body, which is what the seal's header says of them. So what is sent twice comes twice, which the real seal would not let pass.

import type { Machine } from '../../daemons/core/machine.ts';
import { Membership, type MembershipEffect, type MembershipInput } from '../../daemons/membership/membership.ts';
import {
  ACK_TIMEOUT_MS, DEAD_FOR_ALL_MS, HEALTH_WORST, INDIRECT_TIMEOUT_MS, LIVE_COALESCE_MS, NACK_AFTER_MS, OBSERVERS, PAUSE_FORGIVEN_MS, PROBE_INTERVAL_MS, RELAYED_MAX, SUSPECTED_BY_ALL_MS, SUSPICION_MAX_MS, SYNC_INTERVAL_MS, SYNC_LOST_EVERY,
} from '../../daemons/membership/membership-limits.ts';
import { decodeBody, encodeBody } from '../../daemons/wire/membership-body.ts';
import { readStart, writeStart } from '../../daemons/wire/start-text.ts';
import type { MembershipPacket } from '../../daemons/wire/membership-packet.ts';
import { type Adapter, type Datagram, fit, type Host, type MembershipFit } from './adapter.ts';
import { atMost, PACKET_MAX_MS, STARVE_MAX_MS, TIMER_LATE_MS } from './limits.ts';

/** Any port that no other service of the simulation has. */
export const MEMBERSHIP_PORT = 7373;
const START_DIGITS = 16;
const HEAD_BYTES = 10;
const UINT32_MAX = 0xffffffff;
/** A wall clock whose battery is dead begins at 1970. */
const CLOCK_IS_WRONG = 0.3;

export type MembershipMachine = Machine<MembershipInput, MembershipEffect>;

/** The datagram of a packet. */
export function sealMembership(packet: MembershipPacket): Uint8Array {
  const { node, start } = packet.from;
  const bytes = encodeBody(packet, HEAD_BYTES);
  bytes[0] = node >> 8;
  bytes[1] = node;
  writeStart(bytes, 2, start);
  return bytes;
}

/** A broadcast is the same bytes for all its hearers, and what they mean is made out once. */
export function openMembership(datagram: Datagram): MembershipPacket {
  if (datagram.meaning !== undefined) return datagram.meaning as MembershipPacket;
  const { bytes } = datagram;
  const packet = decodeBody((bytes[0]! << 8) | bytes[1]!, readStart(bytes, 2), bytes, HEAD_BYTES);
  if (packet === undefined) throw new Error(`a membership datagram of ${bytes.length} bytes that its own codec does not read`);
  datagram.meaning = packet;
  return packet;
}

/** The membership on a node; `machine` wraps it for trials of the checkers. */
export function membershipAdapter(machine: (core: Membership, host: Host) => MembershipMachine = (core) => core): Adapter<MembershipInput, MembershipEffect> {
  return {
    name: 'membership',
    ports: [MEMBERSHIP_PORT],
    drainsFirst: true,
    machine(host) {
      const { roster, generation, number: self, random, unixSeconds } = host;
      const firstIncarnation = random.chance(CLOCK_IS_WRONG) ? 1 : unixSeconds;
      const core = new Membership({ roster, generation, self, start: random.hex(START_DIGITS), firstIncarnation, seed: random.whole(0, UINT32_MAX) });
      host.membershipHolds(() => ({ members: core.rows, watched: core.watches }));
      return machine(core, host);
    },
    due: { kind: 'tick' },
    first: [{ kind: 'tick' }],
    hear: (datagram) => ({ kind: 'packet', packet: openMembership(datagram) }),
    told(news) {
      if (news.kind === 'roster') return news;
      return news.kind === 'serving' ? { kind: 'serving', serving: true } : undefined;
    },
    perform(effect: MembershipEffect, host: Host): void {
      switch (effect.kind) {
        case 'send':
          return host.send({ fromPort: MEMBERSHIP_PORT, port: MEMBERSHIP_PORT, bytes: sealMembership(effect.packet), to: effect.to });
        case 'broadcast':
          return host.send({ fromPort: MEMBERSHIP_PORT, port: MEMBERSHIP_PORT, bytes: sealMembership(effect.packet) });
        case 'newer-roster':
          return host.readRegistry();
        case 'live': {
          const { nodes: alive, serving, suspects } = effect;
          host.observe({ kind: 'view', node: host.number, alive, serving, suspects });
          return host.tell({ kind: 'live', alive, serving, suspects });
        }
        case 'log':
      }
    },
  };
}

/** From the time when a node wants to do something until another has taken notice: both may be starved. */
const NOTICE_MS = TIMER_LATE_MS + STARVE_MAX_MS + PACKET_MAX_MS + STARVE_MAX_MS;
/** A probe of a node that doubts itself the most. */
const PROBE_MAX_MS = PROBE_INTERVAL_MS + (HEALTH_WORST + 1) * (ACK_TIMEOUT_MS + INDIRECT_TIMEOUT_MS);

/** Of all services together: some forty when all is well; answers and records to a whole rack that has just come back are most of the rest. */
const SENT_PER_SECOND_MAX = 400;
/** Where few of many are well, all others ask these for their pings: a ping for each, and word that there was no answer. */
const RELAYED_PER_SECOND_MAX = (2 * RELAYED_MAX * 1000) / NACK_AFTER_MS;
/** Each of the others watches so many nodes, and may ask for each of them at each of its probes. */
const RELAYED_FOR_EACH = (2 * OBSERVERS * 1000) / PROBE_INTERVAL_MS;

export const membership = (machine?: (core: Membership, host: Host) => MembershipMachine): MembershipFit => ({
  ...fit(membershipAdapter(machine)),
  bounds: {
    buriedMaxMs: atMost(3 * SYNC_LOST_EVERY * SYNC_INTERVAL_MS) + NOTICE_MS,
    deadNoticedMs: atMost(PROBE_MAX_MS + SUSPICION_MAX_MS) + NOTICE_MS,
    watchedAtOnce: OBSERVERS,
    nextLookMs: atMost(PROBE_MAX_MS) + NOTICE_MS,
    suspectedByAllMs: atMost(SUSPECTED_BY_ALL_MS + LIVE_COALESCE_MS),
    deadForAllMs: atMost(DEAD_FOR_ALL_MS + LIVE_COALESCE_MS),
    pauseForgivenMs: PAUSE_FORGIVEN_MS,
    sentPerSecondMax: (nodes) => SENT_PER_SECOND_MAX + Math.min(RELAYED_PER_SECOND_MAX, RELAYED_FOR_EACH * nodes),
  },
});
