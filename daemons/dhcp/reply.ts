// How a reply is put together, made to fit, and where it goes (RFC 2131 sections 4.1 and 4.3).

import { broadcastOf, parseIpv4 } from '../core/ipv4.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Roster, RosterNode } from '../core/roster.ts';
import { addressValue, MESSAGE, OPTION, textValue, uint16Option, uint32Value, uint8Value } from '../wire/dhcp-options.ts';
import type { MessageType } from '../wire/dhcp-options.ts';
import { BOOT_REPLY, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, encodeDhcp } from '../wire/dhcp-packet.ts';
import type { DhcpPacket } from '../wire/dhcp-packet.ts';
import type { BootAnswer } from './boot-policy.ts';

/** RFC 2131 section 3.3. */
export const INFINITE_LEASE_SECONDS = 0xffffffff;
export const NO_ADDRESS = '0.0.0.0' as Ipv4;
export const LIMITED_BROADCAST = '255.255.255.255' as Ipv4;

/** RFC 2132 section 9.10: option 57 counts the IP datagram and is at least 576. */
const MESSAGE_MIN_BYTES = 576;
/** One Ethernet frame: firmware does not put fragments together. */
const MESSAGE_MAX_BYTES = 1500;
/** IPv4 without options, and UDP. */
const IP_UDP_BYTES = 28;
/** Left out one after the other, in this order, when a reply is too long; a blade boots without them. */
const EXPENDABLE = [OPTION.domainName, OPTION.broadcastAddress, OPTION.hostName, OPTION.domainNameServer, OPTION.router, OPTION.clientIdentifier, OPTION.machineIdentifier];
/** The length that fits in the header's `file` beside its terminator. */
const FILE_MAX_CHARS = 127;

/** What a positive reply tells. */
export interface ReplyContent {
  readonly roster: Roster;
  /** The node that asks. */
  readonly node: RosterNode;
  /** The address of the node that answers. */
  readonly server: Ipv4;
  /** `INFINITE_LEASE_SECONDS` or how long the address may be used. */
  readonly leaseSeconds: number;
  /** Name servers, the best one first. */
  readonly nameServers: readonly Ipv4[];
  readonly boot: BootAnswer;
}

/** The header that every reply to `request` shares (RFC 2131 table 3). */
function replyHeader(request: DhcpPacket): DhcpPacket {
  return { ...request, op: BOOT_REPLY, hops: 0, secs: 0, ciaddr: NO_ADDRESS, yiaddr: NO_ADDRESS, siaddr: NO_ADDRESS, sname: '', file: '', options: new Map() };
}

/** What is given back as it came: the machine's name (PXE 2.1 wants it), the client's (RFC 6842), the relay's (RFC 3046, last). */
function addEchoes(request: DhcpPacket, options: Map<number, Uint8Array>): void {
  for (const code of [OPTION.machineIdentifier, OPTION.clientIdentifier, OPTION.relayAgent]) {
    const value = request.options.get(code);
    if (value && value.length > 0) options.set(code, value);
  }
}

/** The options that configure the client's network, as far as it asked for them; a client that lists nothing gets all. */
function addNetwork(request: DhcpPacket, content: ReplyContent, options: Map<number, Uint8Array>): void {
  const { roster, node, nameServers } = content;
  const asked = request.options.get(OPTION.parameterRequestList);
  const put = (code: number, value: Uint8Array): void => {
    if (value.length > 0 && (!asked || asked.includes(code))) options.set(code, value);
  };
  options.set(OPTION.subnetMask, addressValue(roster.netmask));
  put(OPTION.router, addressValue(roster.metaMasterAddress));
  put(OPTION.domainNameServer, addressValue(...nameServers));
  put(OPTION.hostName, textValue(node.name));
  put(OPTION.domainName, textValue(roster.domain));
  put(OPTION.broadcastAddress, addressValue(broadcastOf(node.address, roster.netmask)));
}

/** An OFFER or ACK for `request`; to an INFORM the ACK without address and lease (RFC 2131 section 4.3.5). */
export function buildReply(request: DhcpPacket, type: typeof MESSAGE.offer | typeof MESSAGE.ack, content: ReplyContent, inform = false): DhcpPacket {
  const { node, server, leaseSeconds, boot } = content;
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, uint8Value(type)],
    [OPTION.serverIdentifier, addressValue(server)],
  ]);
  if (!inform) {
    options.set(OPTION.leaseTime, uint32Value(leaseSeconds));
    if (leaseSeconds !== INFINITE_LEASE_SECONDS) {
      // The defaults of RFC 2131 section 4.4.5, said aloud.
      options.set(OPTION.renewalTime, uint32Value(Math.floor(leaseSeconds / 2)));
      options.set(OPTION.rebindingTime, uint32Value(Math.floor((leaseSeconds * 7) / 8)));
    }
  }
  addNetwork(request, content, options);
  for (const [code, value] of boot.options) options.set(code, value);
  if (boot.bootFile !== undefined) {
    // Header fields and options: each is the only one that some ROM reads.
    options.set(OPTION.tftpServerName, textValue(server));
    options.set(OPTION.bootFileName, textValue(boot.bootFile));
  }
  addEchoes(request, options);
  const header = replyHeader(request);
  return {
    ...header,
    ciaddr: type === MESSAGE.ack ? request.ciaddr : NO_ADDRESS,
    yiaddr: inform ? NO_ADDRESS : node.address,
    options,
    ...(boot.bootFile !== undefined && { siaddr: server, sname: server, file: boot.bootFile.length <= FILE_MAX_CHARS ? boot.bootFile : '' }),
  };
}

/** A NAK for `request`: nothing but who says no (RFC 2131 table 3), and the broadcast flag for a relay (section 4.3.2). */
export function buildNak(request: DhcpPacket, server: Ipv4): DhcpPacket {
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, uint8Value(MESSAGE.nak)],
    [OPTION.serverIdentifier, addressValue(server)],
  ]);
  addEchoes(request, options);
  return { ...replyHeader(request), broadcast: request.broadcast || request.giaddr !== NO_ADDRESS, options };
}

/** The longest reply in bytes of UDP payload that the client takes: option 57 less the headers, never below RFC 2131's least. */
export function replyLimitBytes(request: DhcpPacket): number {
  const told = uint16Option(request.options, OPTION.maximumMessageSize) ?? MESSAGE_MIN_BYTES;
  return Math.min(Math.max(told, MESSAGE_MIN_BYTES), MESSAGE_MAX_BYTES) - IP_UDP_BYTES;
}

/**
 * The reply's bytes, no longer than `limitBytes`: expendable options are left out one by one. The relay's own option does
 * not count against the client, for the relay takes it off again, but the whole must fit in one frame.
 * Undefined when that cannot be done.
 */
export function fitReply(reply: DhcpPacket, limitBytes: number): Uint8Array | undefined {
  const options = new Map(reply.options);
  const relay = options.get(OPTION.relayAgent);
  const expendable = [...EXPENDABLE];
  for (;;) {
    const bytes = encodeDhcp({ ...reply, options });
    const withoutRelay = relay ? encodeDhcp({ ...reply, options: new Map([...options].filter(([code]) => code !== OPTION.relayAgent)) }) : bytes;
    if (withoutRelay.length <= limitBytes && bytes.length <= MESSAGE_MAX_BYTES - IP_UDP_BYTES) return bytes;
    const code = expendable.shift();
    if (code === undefined) return undefined;
    options.delete(code);
  }
}

/** Where a datagram goes. */
export interface Destination {
  readonly to: { readonly address: Ipv4; readonly port: number };
  readonly broadcast: boolean;
}

/**
 * Where the reply to `request` goes (RFC 2131 section 4.1): the relay; a NAK to everybody; the address that the client
 * already has; everybody. The last stands for unicast to `yiaddr` as well, which would need an ARP entry that nobody can
 * answer for yet, and which section 4.1 allows to replace.
 */
export function destinationOf(request: DhcpPacket, type: MessageType): Destination {
  const everybody: Destination = { to: { address: LIMITED_BROADCAST, port: DHCP_CLIENT_PORT }, broadcast: true };
  if (request.giaddr !== NO_ADDRESS) return { to: { address: request.giaddr, port: DHCP_SERVER_PORT }, broadcast: false };
  if (type === MESSAGE.nak || request.ciaddr === NO_ADDRESS) return everybody;
  return { to: { address: request.ciaddr, port: DHCP_CLIENT_PORT }, broadcast: false };
}

/** True for an address that one host can have: a reply is never sent to what a stranger wrote into giaddr or ciaddr otherwise. */
export function isHostAddress(address: Ipv4): boolean {
  const first = Number(address.split('.')[0]);
  return parseIpv4(address) !== undefined && first > 0 && first < 224 && first !== 127;
}
