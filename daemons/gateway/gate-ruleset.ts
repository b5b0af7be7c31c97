// The packet filter of a candidate as text for `nft -f`: the gate, source NAT, port forwards, and what may come in from outside. It is loaded when the candidate starts and is
// the same in every role: while the gate is shut nothing is forwarded, so a takeover has nothing to load; what comes in is filtered always.
//
// The gate is one element with a time-out in a set. The datagram that the holder sends to itself with each beat (`GATE_MARK`, over the
// loopback) renews it in passing: 3.5 µs a beat, no netlink transaction that could wait for the kernel's locks, and on kernels before 6.12 as
// well, where adding an element that is there leaves its time-out as it was. SO_MARK takes CAP_NET_ADMIN: nobody else can open the gate.
// Sets belong to a table, and only the netdev family sees ARP as it leaves *and* a datagram, so there are two tables with a set each.

import { encodeUtf8, toHex } from '../core/bytes.ts';
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from '../core/ipv4.ts';
import { sha256 } from '../core/sha256.ts';
import { GATEWAY_BEAT_PORT } from '../wire/gateway-beat.ts';
import { beatTiming } from './beat-timing.ts';
import type { GatewayConfig, PublicSide } from './gateway-config.ts';
import { gatedAdvertisements, translation6 } from './ipv6-rules.ts';
import type { Ipv6Side } from './ipv6-side.ts';
import { OUTSIDE_COUNTERS, outsideInputRules } from './outside-input.ts';
import { ownFlows } from './own-flows.ts';

/** The name of both tables. */
export const GATE_TABLE = 'metamaster_gateway';
/** SO_MARK of the datagram that renews the gate: `MMGW`. It goes to 127.0.0.1, port GATEWAY_BEAT_PORT, and never arrives. */
export const GATE_MARK = 0x4d4d4757;
/** The table's own name of its content, as an empty chain: the only text that every release of nft lists again as it was written. */
const VERSION_PREFIX = 'version_';

/** One table: its chains, each with the lines that declare it and its rules. */
interface Table {
  readonly family: 'netdev' | 'inet';
  readonly head: readonly string[];
  readonly chains: readonly Chain[];
}

interface Chain {
  readonly name: string;
  /** Undefined: no hook. */
  readonly hook: string | undefined;
  readonly rules: readonly string[];
}

/** A ruleset and how to know it again. */
export interface Ruleset {
  readonly text: string;
  /** Tables, chains, and the number of rules in each, as `rulesetShape` reads them back. */
  readonly shape: string;
}

const set = (name: string, type: string, rest: string): string => `set ${name} { type ${type}; ${rest} }`;

/** The key of the gate's element is what all packets of it have in common: that they are, or ask for, IPv4. Where there is IPv6 it has an element of its own. */
const GATE_SET = set('gate', 'ether_type', 'flags dynamic,timeout; size 4;');
const renewal = (gateMs: number): string => `meta mark 0x${GATE_MARK.toString(16)} udp dport ${GATEWAY_BEAT_PORT} update @gate { meta protocol timeout ${gateMs}ms }`;

/**
 * ARP of a moving address leaves only while the gate is open. Replies are what makes a frozen holder keep its neighbours; but requests
 * as well enter the sender's address in their caches.
 */
function arpTable(interfaces: readonly string[], moving: readonly Ipv4[], ipv6: Ipv6Side | undefined, gateMs: number): Table {
  const advertisements = ipv6 && gatedAdvertisements(ipv6);
  return {
    family: 'netdev',
    head: [GATE_SET, set('moving', 'ipv4_addr', `elements = { ${moving.join(', ')} };`), ...(advertisements === undefined ? [] : [advertisements.set])],
    chains: [
      { name: 'renew', hook: 'type filter hook ingress device "lo" priority 0; policy accept;', rules: [`${renewal(gateMs)} drop`] },
      ...interfaces.map((name, at) => ({
        name: `arp_${at}`, hook: `type filter hook egress device "${name}" priority 0; policy accept;`,
        rules: ['arp saddr ip @moving arp ptype != @gate counter drop', ...(advertisements?.rules ?? [])],
      })),
    ],
  };
}

/** Translation by `snat to`: flows of `masquerade` die with the address, and could not go on at another node. */
function natChains({ movingAddress, insideInterface, insidePrefix, forwards, services, ipv6 }: GatewayConfig, outside: PublicSide): readonly Chain[] {
  const mask = ((0xffffffff << (32 - insidePrefix)) & ipv4ToNumber(movingAddress)) >>> 0;
  const inside = `${ipv4FromNumber(mask)}/${insidePrefix}`;
  const [from, to] = [`iifname "${outside.interface}"`, `oifname "${outside.interface}"`];
  const own = ownFlows(insideInterface, inside, ipv6);
  return [
    { name: 'own_sent', hook: 'type filter hook output priority raw; policy accept;', rules: own.sent },
    { name: 'own_received', hook: 'type filter hook prerouting priority raw; policy accept;', rules: own.received },
    {
      name: 'prerouting', hook: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: forwards.map((forward) => `${from} ip daddr ${outside.address} ${forward.protocol} dport ${forward.port} dnat ip to ${forward.to}:${forward.toPort}`),
    },
    { name: 'postrouting', hook: 'type nat hook postrouting priority srcnat; policy accept;', rules: [`${to} ip saddr ${inside} snat ip to ${outside.address}`, ...(ipv6 === undefined ? [] : [translation6(ipv6, outside.interface)])] },
    { name: 'from_outside', hook: undefined, rules: outsideInputRules(services) },
    {
      // A packet in the middle of a flow whose state has not arrived: the kernel would answer it with a reset. Its sender tries again.
      name: 'input', hook: 'type filter hook input priority filter; policy accept;',
      rules: [`${from} ip daddr ${outside.address} ct state invalid,new tcp flags & (fin|syn|rst|ack) != syn counter drop`, `${from} jump from_outside`],
    },
    {
      name: 'forward_outside', hook: 'type filter hook forward priority filter; policy accept;',
      rules: [`${from} oifname "${insideInterface}" ct state established,related counter accept`, `${from} oifname "${insideInterface}" ct status dnat counter accept`, `${from} counter name ${OUTSIDE_COUNTERS.forward} drop`],
    },
  ];
}

function forwardTable(config: GatewayConfig, interfaces: readonly string[], gateMs: number): Table {
  const either = `{ ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
  return {
    family: 'inet',
    head: [GATE_SET, ...(config.publicSide === undefined ? [] : Object.values(OUTSIDE_COUNTERS).map((name) => `counter ${name} { }`))],
    chains: [
      { name: 'renew', hook: 'type filter hook output priority filter; policy accept;', rules: [`oifname "lo" ${renewal(gateMs)}`] },
      { name: 'forward', hook: 'type filter hook forward priority filter - 10; policy accept;', rules: [`iifname ${either} oifname ${either} meta protocol != @gate counter drop`] },
      ...(config.publicSide === undefined ? [] : natChains(config, config.publicSide)),
    ],
  };
}

const chainText = ({ name, hook, rules }: Chain): string => [`\tchain ${name} {`, ...[...(hook === undefined ? [] : [hook]), ...rules].map((line) => `\t\t${line}`), '\t}'].join('\n');
const tableText = ({ family, head, chains }: Table): string => [`table ${family} ${GATE_TABLE} {`, ...head.map((line) => `\t${line}`), ...chains.map(chainText), '}'].join('\n');
/** Adding first makes the deletion succeed whether the table was there or not; all is one transaction. */
const removal = (family: Table['family']): string => `table ${family} ${GATE_TABLE} {}\ndelete table ${family} ${GATE_TABLE}`;

/** Removes both tables, whether they are there or not. */
export const NO_RULESET: Ruleset = { text: `${removal('netdev')}\n${removal('inet')}\n`, shape: '' };

/** One line of a shape. */
export const chainShape = (family: string, chain: string, rules: number): string => `${family} ${chain} ${rules}`;

/** The ruleset of a candidate. Loading it replaces the former one in one transaction; the gate is shut then until the next beat. */
export function gateRuleset(config: GatewayConfig): Ruleset {
  const { gateMs } = beatTiming(config.beatMs);
  const interfaces = [config.insideInterface, ...(config.publicSide === undefined ? [] : [config.publicSide.interface])];
  const moving = [config.movingAddress, ...(config.publicSide === undefined ? [] : [config.publicSide.address])];
  const [arp, forward] = [arpTable(interfaces, moving, config.ipv6, gateMs), forwardTable(config, interfaces, gateMs)];
  const content = `${tableText(arp)}\n${tableText(forward)}`;
  const version: Chain = { name: `${VERSION_PREFIX}${toHex(sha256(encodeUtf8(content)).subarray(0, 6))}`, hook: undefined, rules: [] };
  const tables = [arp, { ...forward, chains: [...forward.chains, version] }];
  return {
    text: `${NO_RULESET.text}${tables.map(tableText).join('\n')}\n`,
    shape: tables.flatMap(({ family, chains }) => chains.map(({ name, rules }) => chainShape(family, name, rules.length))).sort().join('; '),
  };
}
