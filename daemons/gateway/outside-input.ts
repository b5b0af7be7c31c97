// What the network outside may say to a candidate itself: as lines of nft, for a chain that every packet from the outside card goes through,
// whatever the node's role. What is forwarded does not come by here.

import type { PublicService } from './public-service.ts';

/** Echo requests that are answered, of each family: a monitor's pings and somebody's flood pass the same rule. */
const ECHO_PER_SECOND = 50;

/** The counter of what was dropped; beside it stands that of what was not let through (`OUTSIDE_COUNTERS`). */
export const OUTSIDE_COUNTERS = { input: 'outside_input', forward: 'outside_forward' } as const;

/** Linux takes a packet to any of its addresses on any card: here only what the card itself has counts, so on a candidate that does not hold none. */
const TO_THIS_CARD = 'fib daddr . iif type local';

/**
 * Errors about this node's own packets are `related` where a flow is known, and are let in besides: without them path MTU discovery (RFC 1191, RFC
 * 8201) fails in silence. Of ICMPv6 also what RFC 4890 section 4.4.1 has a host need: neighbour discovery (the kernel takes it with hop limit 255 alone, RFC 4861
 * section 7.1), and the querier of a switch that snoops. No router advertisement: the router is an answer.
 */
const ICMP = 'icmp type { destination-unreachable, time-exceeded, parameter-problem } accept';
const ICMP6 = 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept';

const echo = (type: 'icmp' | 'icmpv6'): string => `${TO_THIS_CARD} ${type} type echo-request limit rate ${ECHO_PER_SECOND}/second burst ${ECHO_PER_SECOND} packets accept`;

function openPorts(services: readonly PublicService[], protocol: PublicService['protocol']): readonly string[] {
  const ports = services.flatMap((service) => (service.protocol === protocol ? [service.port] : []));
  return ports.length === 0 ? [] : [`${TO_THIS_CARD} ${protocol} dport { ${ports.join(', ')} } accept`];
}

/** The rules, in their order; the last one drops. */
export function outsideInputRules(services: readonly PublicService[]): readonly string[] {
  return ['ct state established,related accept', ICMP, ICMP6, echo('icmp'), echo('icmpv6'), ...openPorts(services, 'tcp'), ...openPorts(services, 'udp'), `counter name ${OUTSIDE_COUNTERS.input} drop`];
}
