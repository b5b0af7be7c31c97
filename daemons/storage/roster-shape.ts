// The roster as JSON: the form of its values, and how they must fit together. The registry holds it, and the file that the initrd
// lays down for the node's daemons repeats it.

import { broadcastOf, networkOf, parseIpv4, prefixLength, sameNetwork } from '../core/ipv4.ts';
import { parseMac } from '../core/mac.ts';
import { isDomainName, isHostLabel, isIscsiName, VLAN_MAX, VLAN_MIN } from '../core/names.ts';
import { BARRED_MAX, type BarredMachine, type OpenReplacement, REPLACEMENT_MAX_MS, REPLACEMENT_POLICIES, type Roster, type RosterNode, type SanAddress } from '../core/roster.ts';
import { PORTALS_MAX, type SanPortal } from '../core/san-portal.ts';
import { CONTAINER_NAME } from './container-partitions.ts';
import { list, literal, object, type Report, type Shape, text, whole } from './json-shape.ts';
import { MAX_HARDWARE_ID_BYTES } from './owner-record.ts';
import { MAX_WRITERS } from './registry-layout.ts';

/** The kernel's command line holds 2048 characters on x86; ours are only a part of it. */
export const KERNEL_PARAMETERS_MAX = 1024;
/** A cluster's name is shown on consoles and in tables. */
export const CLUSTER_NAME_MAX = 64;
/** One line of any text: nothing that could begin another line in a file or in a boot script. */
export const ONE_LINE = /^[^\p{Cc}]*$/u;

const ipv4 = text('an IPv4 address', parseIpv4);

/** The number of a node: every node has slots of its own in the registry. */
export const nodeNumberShape: Shape<number> = whole(1, MAX_WRITERS - 1);

const macs = list(text('a MAC address of one network card', parseMac), 1);
const unixMs = whole(0, Number.MAX_SAFE_INTEGER);

const node = object<RosterNode>({
  number: nodeNumberShape,
  name: text('a host name of lower-case letters, digits and hyphens', isHostLabel),
  macs,
  address: ipv4,
  loader: literal('rom', 'ours'),
  drained: { optional: literal(true) },
});

const barredMachine = object<BarredMachine>({
  node: nodeNumberShape,
  macs,
  hardwareId: { optional: text(`1 to ${MAX_HARDWARE_ID_BYTES} printable ASCII characters`, (value) => value.length <= MAX_HARDWARE_ID_BYTES && /^[\x20-\x7e]+$/.test(value)) },
  sinceUnixMs: unixMs,
});

const openReplacement = object<OpenReplacement>({ node: nodeNumberShape, policy: literal(...REPLACEMENT_POLICIES), sinceUnixMs: unixMs, untilUnixMs: unixMs });

const san = object<SanAddress>({
  address: ipv4,
  port: whole(1, 65535),
  target: text('an iSCSI name (iqn., eui. or naa.)', isIscsiName),
  portals: { optional: list(object<SanPortal>({ address: ipv4, port: whole(1, 65535) })) },
  chap: { optional: literal('one-way', 'mutual') },
});

/** Reads a roster value by value. */
export const rosterShape: Shape<Roster> = object<Roster>({
  clusterName: text(`a name of 1 to ${CLUSTER_NAME_MAX} characters on one line`, (value) => value.length > 0 && value.length <= CLUSTER_NAME_MAX && ONE_LINE.test(value)),
  container: text('a container name', (value) => CONTAINER_NAME.test(value)),
  domain: text('a domain name', isDomainName),
  netmask: text('a netmask whose ones are all in front', (value) => {
    const mask = parseIpv4(value);
    return mask !== undefined && prefixLength(mask) !== undefined ? mask : undefined;
  }),
  metaMasterAddress: ipv4,
  san,
  vlan: { optional: whole(VLAN_MIN, VLAN_MAX) },
  kernelParameters: text(`one line of at most ${KERNEL_PARAMETERS_MAX} characters`, (value) => value.length <= KERNEL_PARAMETERS_MAX && ONE_LINE.test(value)),
  nodes: list(node, 1),
  // One spelling for none: the property is left out.
  barred: { optional: list(barredMachine, 1) },
  replacement: { optional: list(openReplacement, 1) },
});

/** Reports each value that stood at another path before. */
export function reportRepeated(values: readonly (readonly [string | number, string])[], rule: string, report: Report): void {
  const places = new Map<string | number, string>();
  for (const [value, at] of values) {
    const before = places.get(value);
    if (before === undefined) places.set(value, at);
    else report(at, `${rule}; ${before} has it too`, value);
  }
}

/** Reports what two nodes may not share, and where a node may not stand. The roster is at the path `roster`. */
export function checkRoster(roster: Roster, report: Report): void {
  const { nodes, netmask, metaMasterAddress, san: { address: sanAddress, portals = [] } } = roster;
  checkBarred(roster, report);
  checkReplacement(roster, report);
  if (portals.length >= PORTALS_MAX) report('roster.san.portals', `at most ${PORTALS_MAX - 1} further portals`, portals.length);
  reportRepeated(nodes.map((one, i) => [one.number, `roster.nodes[${i}].number`]), 'a number of its own', report);
  reportRepeated(nodes.map((one, i) => [one.name, `roster.nodes[${i}].name`]), 'a name of its own', report);
  reportRepeated(nodes.flatMap((one, i) => one.macs.map((mac, k) => [mac, `roster.nodes[${i}].macs[${k}]`] as const)), 'a MAC address of its own', report);
  const addresses = nodes.map((one, i) => [one.address, `roster.nodes[${i}].address`] as const);
  reportRepeated([[metaMasterAddress, 'roster.metaMasterAddress'], [sanAddress, 'roster.san.address'], ...portals.filter(({ address }) => address !== sanAddress).map(({ address }, i) => [address, `roster.san.portals[${i}].address`] as const), ...addresses], 'an address of its own', report);
  for (const [address, at] of [[metaMasterAddress, 'roster.metaMasterAddress'] as const, ...addresses]) {
    if (!sameNetwork(address, metaMasterAddress, netmask)) report(at, `an address in the network of the meta-master's address ${metaMasterAddress} (netmask ${netmask})`, address);
    const hosts = netmask !== '255.255.255.255' && netmask !== '255.255.255.254';
    if (hosts && (address === networkOf(address, netmask) || address === broadcastOf(address, netmask))) report(at, 'a host\'s address, neither the network\'s own nor broadcast', address);
  }
}

/** A barred machine has no MAC address of a node, nor of another one: one look-up tells who is refused. */
function checkBarred({ nodes, barred = [] }: Roster, report: Report): void {
  if (barred.length > BARRED_MAX) report('roster.barred', `at most ${BARRED_MAX} machines`, barred.length);
  const taken = new Map(nodes.flatMap(({ macs: own }, i) => own.map((mac) => [mac, `roster.nodes[${i}]`] as const)));
  const places = barred.flatMap(({ macs: own }, i) => own.map((mac, k) => [mac, `roster.barred[${i}].macs[${k}]`] as const));
  for (const [mac, at] of places) if (taken.has(mac)) report(at, `no MAC address of a node; ${taken.get(mac)} has it`, mac);
  reportRepeated(places, 'a MAC address that is barred once', report);
}

function checkReplacement({ nodes, replacement = [] }: Roster, report: Report): void {
  reportRepeated(replacement.map((one, i) => [one.node, `roster.replacement[${i}].node`]), 'one open replacement for a node', report);
  replacement.forEach(({ node: number, sinceUnixMs, untilUnixMs }, i) => {
    if (!nodes.some((one) => one.number === number)) report(`roster.replacement[${i}].node`, 'a node of the roster', number);
    const lasts = untilUnixMs - sinceUnixMs;
    if (lasts <= 0 || lasts > REPLACEMENT_MAX_MS) report(`roster.replacement[${i}].untilUnixMs`, `after sinceUnixMs, by ${REPLACEMENT_MAX_MS} ms at most`, untilUnixMs);
  });
}
