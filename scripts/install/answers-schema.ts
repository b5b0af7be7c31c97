// What may stand in an installation's answers file: the questions of the VirtuaLinux installer (report, appendix C.2.2), by the
// names it gave them, and what today's parts need besides. Relations between the answers are in answers-relations.ts.

import { z } from 'zod';
import { BEAT_MAX_MS, BEAT_MIN_MS, BEAT_MS } from '../../daemons/gateway/beat-timing.ts';
import { FORWARDS_MAX } from '../../daemons/gateway/gateway-config.ts';
import { IPV6_ADVICE, parsePublicIpv6, parseRouterIpv6 } from '../../daemons/gateway/ipv6-side.ts';
import { parsePortForward } from '../../daemons/gateway/port-forward.ts';
import { parsePublicService, SERVICES_MAX } from '../../daemons/gateway/public-service.ts';
import { CHAP_USER_RULE, isChapUser } from '../../daemons/core/chap.ts';
import { parseHostIpv4, parseNetmask } from '../../daemons/core/ipv4.ts';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { parseMac } from '../../daemons/core/mac.ts';
import { parsePortal, PORTALS_MAX, portalText } from '../../daemons/core/san-portal.ts';
import { isDomainName, isHostLabel, isInterfaceName, isIscsiName, VLAN_MAX, VLAN_MIN } from '../../daemons/core/names.ts';
import { CONTAINER_NAME } from '../../daemons/storage/container-partitions.ts';
import { MAX_WRITERS } from '../../daemons/storage/registry-layout.ts';
import { isTimeServer, TIME_SERVERS_MAX } from '../../daemons/storage/time-service.ts';
import { isBootParameter } from '../../initrd/command-line.ts';
import { splitKernelArguments } from '../../initrd/kernel-arguments.ts';
import { isAuthorizedKey, isPasswordHash } from './login-secrets.ts';

/** The most nodes of a cluster: each is a writer of the registry, beside the installer. */
const NODES_LIMIT = MAX_WRITERS - 1;

/** What is left of the kernel's 2047 characters when our own parameters have had their share. */
const KERNEL_PARAMETERS_MAX = 1024;

/** The largest volume in MiB (1 PiB): far beyond any rack's SAN, and its sectors still count exactly. */
const SIZE_MAX_MIB = 2 ** 30;

const INTERFACE_RULE = 'must be the name of a network interface, 15 characters at most';

/** For each answer: the rule, and what to do about one that breaks it. */
const ADVICE = {
  'container-name': ['must be a lower-case letter and then at most 15 lower-case letters, digits and hyphens', 'Choose a name such as debian.'],
  'storage-ip': ['must be the IPv4 address of a host', 'Give the SAN\'s address, e.g. 192.168.0.252.'],
  'storage-port': ['must be a TCP port, 1 to 65535', 'Leave it out for 3260.'],
  'storage-portals': [`must be a list of at most ${PORTALS_MAX - 1} further portals of the target`, 'Write it as [192.168.0.251], or leave it out.'],
  'storage-portals[]': ['must be the IPv4 address of a host, with :port if it is not 3260', 'Give another address of the SAN, e.g. 192.168.0.251.'],
  'storage-netmask': ['must be a netmask such as 255.255.255.0, 255.255.255.252 at the longest', 'Give the storage network\'s netmask.'],
  'iscsi-target': ['must be an iSCSI name: iqn.YYYY-MM.domain:name, eui. with 16 hexadecimal digits, or naa. with 16 or 32', 'Give the target\'s name as the SAN shows it.'],
  'chap-user': [`must be ${CHAP_USER_RULE}`, 'Give the name that the SAN knows the blades by.'],
  'chap-password-file': ['must be the path of a file', 'Name a file that holds the secret in one line, with mode 0600.'],
  'chap-mutual-user': [`must be ${CHAP_USER_RULE}`, 'Give the name by which the SAN proves itself.'],
  'chap-mutual-password-file': ['must be the path of a file', 'Name a file that holds the SAN\'s own secret in one line, with mode 0600.'],
  'write-cache': ['must be off or nonvolatile', 'Say off when the SAN acknowledges only what is on its disks, nonvolatile when its cache survives a power cut; else leave it out.'],
  'meta-master-ip': ['must be the IPv4 address of a host', 'Give a free address of the storage network, e.g. 192.168.0.253.'],
  'connection-kind': ['must be ethernet or infiniband', 'Say which network leads to the SAN.'],
  'boot-vlan': [`must be the number of an 802.1Q VLAN, ${VLAN_MIN} to ${VLAN_MAX}`, 'Leave it out where the blades\' switch ports are untagged.'],
  'number-of-nodes': [`must be a whole number, 1 to ${NODES_LIMIT}`, 'Give the number of blades in the list of nodes.'],
  'maximum-nodes': [`must be a whole number, 1 to ${NODES_LIMIT}`, 'Give the number of nodes that the cluster may grow to.'],
  'volume-size': ['must be a whole number of MiB, 256 at least', 'Give the size of a node\'s root volume, e.g. 5120.'],
  'swap-size': ['must be a whole number of MiB', 'Give 0 for no swap volumes.'],
  'shared-size': ['must be a whole number of MiB, 0 or 256 at least', 'Give 0 for no shared volume.'],
  'state-size': ['must be a whole number of MiB, 64 at least', 'Leave it out for 256.'],
  'store-size': ['must be a whole number of MiB, 64 at least', 'Leave it out: the store is then so large that it cannot fill.'],
  'container-size': ['must be a whole number of MiB, 1024 at least', 'Leave it out: the container then takes all the room that is left.'],
  'shared-fs-id': ['must be a lower-case letter and then at most 15 lower-case letters, digits and hyphens', 'Leave it out for sharedfs.'],
  'primary-gateway-local-IP': ['must be the IPv4 address of a host', 'Give the address of the node that is to be the gateway.'],
  'backup-gateway-local-IP': ['must be the IPv4 address of a host', 'Give the address of the node that is to inherit the gateway.'],
  'further-gateway-nodes': ['must be a list of numbers of nodes', 'Write it as [3, 4], in the order in which they inherit; or leave it out.'],
  'further-gateway-nodes[]': [`must be the number of a node, 1 to ${NODES_LIMIT}`, 'Give the number that the node has by its place in the list of nodes.'],
  'inside-interface': [INTERFACE_RULE, 'Leave it out for the interface that each node boots by.'],
  'gateway-preemption': ['must be true or false', 'Leave it out for false.'],
  'gateway-beat-ms': [`must be a whole number of milliseconds, ${BEAT_MIN_MS} to ${BEAT_MAX_MS}`, `Leave it out for ${BEAT_MS}.`],
  'port-forwards': [`must be a list of at most ${FORWARDS_MAX} port forwards`, 'Write it as [tcp/443=192.168.0.5:8443], or leave it out.'],
  'port-forwards[]': ['must be tcp or udp, /, a port, =, an address, :, and a port', 'Write it as tcp/443=192.168.0.5:8443.'],
  'spare-local-IP': ['must be the IPv4 address of a host', 'It is another name of meta-master-ip: leave it out.'],
  'public-services': [`must be a list of at most ${SERVICES_MAX} ports`, 'Write it as [tcp/22]; [] for none.'],
  'public-services[]': ['must be tcp or udp, /, and a port', 'Write it as tcp/22.'],
  'public-IP': ['must be the IPv4 address of a host', 'Give the gateway\'s address on the outside network.'],
  'public-netmask': ['must be a netmask such as 255.255.255.0, 255.255.255.252 at the longest', 'Give the outside network\'s netmask.'],
  'public-router': ['must be the IPv4 address of a host', 'Give the outside network\'s router.'],
  ...IPV6_ADVICE,
  'public-DNS': ['must be the IPv4 address of a host', 'Give the outside network\'s name server.'],
  'public-interface': [INTERFACE_RULE, 'Give the name of the card on the outside network, which is the same on each gateway node, e.g. eth1.'],
  'ntp-servers': [`must be a list of at most ${TIME_SERVERS_MAX} time servers`, 'Write it as [ntp.example.com]; [] for none.'],
  'ntp-servers[]': ['must be the domain name or the IPv4 address of a time server', 'Give a name such as ntp.example.com.'],
  domain: ['must be a domain name of lower-case letters, digits and hyphens', 'Give the cluster\'s domain, e.g. cluster.example.com.'],
  'first-node-IP-netboot-netstorage': ['must be the IPv4 address of a host', 'Give the first node\'s address; the others follow it.'],
  'cluster-hostname': ['must be 1 to 59 lower-case letters, digits or hyphens, a letter or digit at both ends', 'Give what the nodes\' names begin with, e.g. node.'],
  nodes: [`must be a list of 1 to ${NODES_LIMIT} nodes`, 'List every blade with its MAC address, in the order of their numbers.'],
  'nodes[]': ['must be an entry with mac or macs, and if need be address and loader', 'Write it as - mac: "aa:bb:cc:dd:ee:ff".'],
  'nodes[].mac': ['must be the MAC address of one network card', 'Write it in quotes, as "aa:bb:cc:dd:ee:ff".'],
  'nodes[].macs': ['must be a list of 1 to 8 MAC addresses', 'Write it as ["aa:bb:cc:dd:ee:ff"], the boot interface first.'],
  'nodes[].macs[]': ['must be the MAC address of one network card', 'Write it in quotes, as "aa:bb:cc:dd:ee:ff".'],
  'nodes[].address': ['must be the IPv4 address of a host', 'Leave it out for the address that follows the node before.'],
  'nodes[].loader': ['must be rom or ours', 'Leave it out, unless this card\'s own boot program is broken: then say ours.'],
  'kernel-parameters': [
    `must be one line of printable ASCII, ${KERNEL_PARAMETERS_MAX} characters at most, with none of the parameters that the cluster sets itself and no ---`,
    'Give what the hardware needs, e.g. console=ttyS0,115200.',
  ],
  'root-password-hash': ['must be a hash in the form of crypt(3) that begins with $6$ or $y$', 'Make one with mkpasswd, and put it in single quotes.'],
  'root-password-file': ['must be the path of a file', 'Name a file that holds root\'s password in one line.'],
  'authorized-keys': ['must be a list of SSH public keys', 'Write it as ["ssh-ed25519 AAAA… name"].'],
  'authorized-keys[]': ['must be an SSH public key, in one line and without options', 'Copy the line of the .pub file.'],
} as const satisfies Record<string, readonly [rule: string, remedy: string]>;

type AnswerPath = keyof typeof ADVICE;

/** Rule and remedy of the answer that stands at `path`, e.g. `['nodes', 2, 'mac']`. */
export function adviceFor(path: readonly PropertyKey[]): { readonly rule: string; readonly remedy: string } {
  const pattern = path.map((part, at) => (typeof part === 'number' ? '[]' : `${at > 0 ? '.' : ''}${String(part)}`)).join('');
  const [rule, remedy] = (ADVICE as Record<string, readonly [string, string]>)[pattern] ?? ['must be a table of answers', 'Write it as lines of the form key: value.'];
  return { rule, remedy };
}

/** The schema with its rule as the description, which the JSON Schema shows. */
const told = <S extends z.ZodType>(path: AnswerPath, schema: S): S => schema.describe(ADVICE[path][0]);

const textThat = (accepts: (text: string) => boolean): z.ZodString => z.string().refine(accepts);
const address = z.string().refine((text) => parseHostIpv4(text) !== undefined).transform((text) => text as Ipv4);
const netmask = z.string().refine((text) => parseNetmask(text) !== undefined).transform((text) => text as Ipv4);
const mac = z.string().refine((text) => parseMac(text) !== undefined).transform((text) => parseMac(text)!);
const portal = z.string().refine((text) => parsePortal(text) !== undefined).transform((text) => portalText(parsePortal(text)!));
const mebibytes = (least: number): z.ZodInt => z.int().min(least).max(SIZE_MAX_MIB);
const port = z.int().min(1).max(65535);
const filePath = textThat((text) => text !== '' && !/[\0\n]/.test(text));
const interfaceName = textThat(isInterfaceName);
/** A number as JSON and YAML have it, or as INSTALL.info writes it down: the registry keeps lists of texts. */
const nodeNumber = z.union([z.int().min(1).max(NODES_LIMIT), z.string().regex(/^[1-9][0-9]{0,3}$/).refine((text) => Number(text) <= NODES_LIMIT)]).transform(String);
const nodeCount = z.int().min(1).max(NODES_LIMIT);

/** The hypervisor's and the cluster's own parameters are set by the boot script; in front of them an administrator's would win. */
function isKernelParameters(text: string): boolean {
  if (text.length > KERNEL_PARAMETERS_MAX || !/^[ -~]*$/.test(text)) return false;
  return splitKernelArguments(text).every(({ name }) => name !== '---' && !isBootParameter(name));
}

/** The form of one answer each. */
export const NODE_SCHEMA = z.strictObject({
  mac: told('nodes[].mac', mac).optional(),
  macs: told('nodes[].macs', z.array(told('nodes[].macs[]', mac)).min(1).max(8)).optional(),
  address: told('nodes[].address', address).optional(),
  loader: told('nodes[].loader', z.enum(['rom', 'ours'])).default('rom'),
});

/** The form of the whole file. */
export const ANSWERS_SCHEMA = z.strictObject({
  'container-name': told('container-name', textThat((text) => CONTAINER_NAME.test(text))),
  'storage-ip': told('storage-ip', address),
  'storage-port': told('storage-port', port).default(3260),
  'storage-portals': told('storage-portals', z.array(told('storage-portals[]', portal)).max(PORTALS_MAX - 1)).default([]),
  'storage-netmask': told('storage-netmask', netmask).default('255.255.255.0' as Ipv4),
  'iscsi-target': told('iscsi-target', textThat(isIscsiName)),
  'chap-user': told('chap-user', textThat(isChapUser)).optional(),
  'chap-password-file': told('chap-password-file', filePath).optional(),
  'chap-mutual-user': told('chap-mutual-user', textThat(isChapUser)).optional(),
  'chap-mutual-password-file': told('chap-mutual-password-file', filePath).optional(),
  'write-cache': told('write-cache', z.enum(['off', 'nonvolatile'])).optional(),
  'meta-master-ip': told('meta-master-ip', address).optional(),
  'connection-kind': told('connection-kind', z.enum(['ethernet', 'infiniband'])).default('ethernet'),
  'boot-vlan': told('boot-vlan', z.int().min(VLAN_MIN).max(VLAN_MAX)).optional(),
  'number-of-nodes': told('number-of-nodes', nodeCount),
  'maximum-nodes': told('maximum-nodes', nodeCount).default(64),
  'volume-size': told('volume-size', mebibytes(256)).default(5120),
  'swap-size': told('swap-size', mebibytes(0)).default(0),
  'shared-size': told('shared-size', mebibytes(0).refine((size) => size === 0 || size >= 256)).default(0),
  'state-size': told('state-size', mebibytes(64)).default(256),
  'store-size': told('store-size', mebibytes(64)).optional(),
  'container-size': told('container-size', mebibytes(1024)).optional(),
  'shared-fs-id': told('shared-fs-id', textThat((text) => CONTAINER_NAME.test(text))).default('sharedfs'),
  'primary-gateway-local-IP': told('primary-gateway-local-IP', address).optional(),
  'backup-gateway-local-IP': told('backup-gateway-local-IP', address).optional(),
  'further-gateway-nodes': told('further-gateway-nodes', z.array(told('further-gateway-nodes[]', nodeNumber))).default([]),
  'inside-interface': told('inside-interface', interfaceName).optional(),
  'gateway-preemption': told('gateway-preemption', z.boolean()).default(false),
  'gateway-beat-ms': told('gateway-beat-ms', z.int().min(BEAT_MIN_MS).max(BEAT_MAX_MS)).default(BEAT_MS),
  'port-forwards': told('port-forwards', z.array(told('port-forwards[]', textThat((text) => parsePortForward(text) !== undefined))).max(FORWARDS_MAX)).default([]),
  'spare-local-IP': told('spare-local-IP', address).optional(),
  'public-services': told('public-services', z.array(told('public-services[]', textThat((text) => parsePublicService(text) !== undefined))).max(SERVICES_MAX)).optional(),
  'public-IP': told('public-IP', address).optional(),
  'public-netmask': told('public-netmask', netmask).optional(),
  'public-router': told('public-router', address).optional(),
  'public-IP6': told('public-IP6', textThat((text) => parsePublicIpv6(text) !== undefined)).optional(),
  'public-router6': told('public-router6', textThat((text) => parseRouterIpv6(text) !== undefined)).optional(),
  'public-DNS': told('public-DNS', address).optional(),
  'public-interface': told('public-interface', interfaceName).optional(),
  'ntp-servers': told('ntp-servers', z.array(told('ntp-servers[]', textThat(isTimeServer))).max(TIME_SERVERS_MAX)).optional(),
  domain: told('domain', textThat(isDomainName)).default('cluster.internal'),
  'first-node-IP-netboot-netstorage': told('first-node-IP-netboot-netstorage', address).optional(),
  // Four digits of a node's number have room behind it in a label of 63.
  'cluster-hostname': told('cluster-hostname', textThat((text) => text.length <= 59 && isHostLabel(text))),
  nodes: told('nodes', z.array(told('nodes[]', NODE_SCHEMA)).min(1).max(NODES_LIMIT)),
  'kernel-parameters': told('kernel-parameters', textThat(isKernelParameters)).default(''),
  'root-password-hash': told('root-password-hash', textThat(isPasswordHash)).optional(),
  'root-password-file': told('root-password-file', filePath).optional(),
  'authorized-keys': told('authorized-keys', z.array(told('authorized-keys[]', textThat(isAuthorizedKey)))).default([]),
});

/** The answers as they stand in the file, with what was left out filled in where it does not depend on other answers. */
export type GivenAnswers = z.output<typeof ANSWERS_SCHEMA>;

/** Answers whose value must never be shown, not even when it is wrong. */
export const SECRET_ANSWERS: ReadonlySet<PropertyKey> = new Set(['root-password-hash', 'authorized-keys']);

/** The JSON Schema (2020-12) of the answers file: for editors, and for whoever writes the file by program. */
export function answersJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(ANSWERS_SCHEMA, { io: 'input' }) as Record<string, unknown>;
}
