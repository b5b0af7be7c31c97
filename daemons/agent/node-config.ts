// The file that tells a node who it is and who belongs to the cluster: the initrd lays it down at each boot, from the registry.
// It is read once, into types; everything that is wrong with it is said at once.

import { fromHex, isZero } from '../core/bytes.ts';
import { networkOf, parseIpv4, prefixLength, sameNetwork } from '../core/ipv4.ts';
import { parseMac } from '../core/mac.ts';
import { isDomainName, isHostLabel, isInterfaceName, isIscsiName } from '../core/names.ts';
import type { Problem, Result } from '../core/problem.ts';
import { nodeOfNumber, type Roster, type RosterNode, type SanAddress } from '../core/roster.ts';
import { CONTAINER_NAME } from '../storage/container-partitions.ts';
import { gather, list, literal, object, type Report, text, whole } from '../storage/json-shape.ts';

/** A boot nonce has 16 bytes. */
const NONCE_BYTES = 16;
/** The cluster's key has 32 bytes: as many as HMAC-SHA-256 has use for. */
const CLUSTER_KEY_BYTES = 32;
/** What the beacons' 16 bits hold. */
const NODE_NUMBER_MAX = 65535;
const REMEDY = 'Boot the node again, which writes the file afresh from the registry, or correct the roster there.';

/** What a node knows of itself. */
export interface NodeConfig {
  readonly number: number;
  readonly roster: Roster;
  /** The interface on the boot network. */
  readonly interface: string;
  /** The registry generation that the roster was read from. */
  readonly rosterGeneration: number;
  /** Drawn anew at each boot: 32 hexadecimal digits. */
  readonly bootNonce: string;
}

const ipv4 = text('an IPv4 address', parseIpv4);
const oneLine = text('one line of text', (value) => !/\p{Cc}/u.test(value));

const rosterShape = object<Roster>({
  clusterName: text('one line of text that is not empty', (value) => value !== '' && !/\p{Cc}/u.test(value)),
  container: text('a container name', (value) => CONTAINER_NAME.test(value)),
  domain: text('a domain name', isDomainName),
  netmask: text('a netmask whose ones are all in front', (value) => {
    const mask = parseIpv4(value);
    return mask !== undefined && prefixLength(mask) !== undefined ? mask : undefined;
  }),
  metaMasterAddress: ipv4,
  san: object<SanAddress>({ address: ipv4, port: whole(1, 65535), target: text('an iSCSI name (iqn., eui. or naa.)', isIscsiName) }),
  kernelParameters: oneLine,
  nodes: list(
    object<RosterNode>({
      number: whole(1, NODE_NUMBER_MAX),
      name: text('a host name of lower-case letters, digits and hyphens', isHostLabel),
      macs: list(text('a MAC address of one network card', parseMac), 1),
      address: ipv4,
      loader: literal('rom', 'ours'),
    }),
    1,
  ),
});

const configShape = object<NodeConfig>({
  number: whole(1, NODE_NUMBER_MAX),
  roster: rosterShape,
  interface: text('the name of a network interface', isInterfaceName),
  rosterGeneration: whole(0, Number.MAX_SAFE_INTEGER),
  bootNonce: text(`${2 * NONCE_BYTES} lower-case hexadecimal digits`, (value) => fromHex(value)?.length === NONCE_BYTES && value === value.toLowerCase()),
});

/** What two nodes may not share, and where a node may not stand. */
function checkRoster(roster: Roster, report: Report): void {
  const holders = new Map<string, string>([[roster.metaMasterAddress, 'metaMasterAddress'], [roster.san.address, 'the SAN']]);
  const own = (where: string, what: string, holder: string, seen: unknown): void => {
    const before = holders.get(what);
    if (before !== undefined) report(where, `of its own; ${before} has it too`, seen);
    else holders.set(what, holder);
  };
  const network = `${networkOf(roster.metaMasterAddress, roster.netmask)}/${prefixLength(roster.netmask)}`;
  roster.nodes.forEach((node, i) => {
    const where = `roster.nodes[${i}]`;
    own(`${where}.number`, `number ${node.number}`, node.name, node.number);
    own(`${where}.name`, `name ${node.name}`, `node ${node.number}`, node.name);
    own(`${where}.address`, node.address, node.name, node.address);
    for (const mac of node.macs) own(`${where}.macs`, mac, node.name, mac);
    if (!sameNetwork(node.address, roster.metaMasterAddress, roster.netmask)) report(`${where}.address`, `in ${network}, as metaMasterAddress is`, node.address);
  });
}

/**
 * Reads what JSON.parse made of `/etc/metamaster/node.json`. All problems (MM-NODE-CONFIG) are reported together, relations
 * between fields once every field is good by itself.
 */
export function parseNodeConfig(json: unknown): Result<NodeConfig> {
  const problems: Problem[] = [];
  const report = gather(problems, 'MM-NODE-CONFIG', REMEDY);
  const config = configShape(json, '', report);
  if (config === undefined) return { ok: false, problems };
  checkRoster(config.roster, report);
  if (nodeOfNumber(config.roster, config.number) === undefined) report('number', 'the number of a node of the roster', config.number);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: config };
}

/** Reads the cluster's key: 64 hexadecimal digits, white space around them allowed. The key itself is never shown. */
export function parseClusterKey(content: string, where: string): Result<Uint8Array> {
  const key = fromHex(content.trim());
  if (key?.length === CLUSTER_KEY_BYTES && !isZero(key)) return { ok: true, value: key };
  const rule = `${2 * CLUSTER_KEY_BYTES} hexadecimal digits that are not all zero`;
  return { ok: false, problems: [{ code: 'MM-CLUSTER-KEY', where, rule, seen: `${content.trim().length} characters`, remedy: REMEDY }] };
}
