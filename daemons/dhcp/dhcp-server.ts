// One of several equal DHCP servers. All answer from the same roster; who answers a given request is a matter of rank, so
// that one offer is the rule and none the exception. Nothing is stored: an address belongs to a MAC because the roster says so.

import { isHostOf, parseIpv4, sameNetwork } from '../core/ipv4.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { logEffect } from '../core/log-effect.ts';
import type { LogEffect } from '../core/log-effect.ts';
import { macFromBytes } from '../core/mac.ts';
import type { Mac } from '../core/mac.ts';
import type { Instant, Machine } from '../core/machine.ts';
import { barOfMac, nodeOfNumber } from '../core/roster.ts';
import type { Roster, RosterNode } from '../core/roster.ts';
import { addressOption, MESSAGE, messageName, messageTypeOf, OPTION } from '../wire/dhcp-options.ts';
import type { MessageType } from '../wire/dhcp-options.ts';
import { BOOT_REPLY, decodeDhcp } from '../wire/dhcp-packet.ts';
import type { DhcpPacket } from '../wire/dhcp-packet.ts';
import { answerOrder, isMyTurn } from './answer-rank.ts';
import type { Answerers } from './answer-rank.ts';
import { bootAnswer, bootRung, clientOf, needsOurLoader } from './boot-policy.ts';
import type { Client } from './boot-policy.ts';
import { nextSession } from './client-session.ts';
import type { ClientSession, RankedRequest } from './client-session.ts';
import { explainClient } from './explain.ts';
import { choseServer, heardFrom } from './loader-memory.ts';
import { buildNak, buildReply, destinationOf, fitReply, INFINITE_LEASE_SECONDS, isHostAddress, NO_ADDRESS, replyLimitBytes } from './reply.ts';
import type { Destination } from './reply.ts';
import { clientDetail, printable, StrangerLog } from './stranger-log.ts';
import type { BarredClient, ForeignServer, UnknownClient } from './stranger-log.ts';

/** Resolvers read three name servers (resolv.conf(5), MAXNS). */
const NAME_SERVERS_MAX = 3;
const ETHERNET = 1;

/** What happens to the server. */
export type DhcpInput =
  /** A datagram from port 67, or from port 68 where foreign servers are listened for. `unicast`: it came to this node's own address. */
  | { readonly kind: 'packet'; readonly bytes: Uint8Array; readonly from: { readonly address: string; readonly port: number }; readonly unicast: boolean }
  /** The nodes that are alive and serving, ascending, and those of them that may be dead (default: none); this node counts in any case. */
  | { readonly kind: 'live'; readonly nodes: readonly number[]; readonly suspects?: readonly number[] }
  | { readonly kind: 'roster'; readonly roster: Roster }
  /** This machine is the node that the roster means, or is not any more: then it answers nobody, and nothing that it hears is judged. */
  | { readonly kind: 'member'; readonly member: boolean }
  /** A barred machine asked, and was refused, elsewhere on this node. */
  | { readonly kind: 'barred'; readonly mac: Mac; readonly detail: string }
  /** A blade got further than DHCP: this node saw it at TFTP or HTTP. */
  | { readonly kind: 'progress'; readonly mac: Mac }
  /** The answer to the effect `find-mac`; none comes when nobody has the address. */
  | { readonly kind: 'mac-found'; readonly address: string; readonly mac: Mac };

/** What the server wants done. */
export type DhcpEffect =
  | ({ readonly kind: 'send'; readonly bytes: Uint8Array } & Destination)
  | { readonly kind: 'stage'; readonly mac: Mac; readonly node: number; readonly stage: 'dhcp'; readonly detail: string }
  /** Which network card has this address? */
  | { readonly kind: 'find-mac'; readonly address: Ipv4 }
  | LogEffect;

export interface DhcpServerOptions {
  readonly roster: Roster;
  /** The number of the node that this server runs on. */
  readonly self: number;
  /** Default: infinite. An address under an iSCSI root must never lapse, and the roster, not time, takes it away. */
  readonly leaseSeconds?: number;
  /** This node has the boot files for arm64. Default: it has none. */
  readonly arm64?: boolean;
}

/** A decoded request of a node of the roster. */
interface Request {
  readonly now: Instant;
  readonly packet: DhcpPacket;
  readonly mac: Mac;
  readonly node: RosterNode;
  readonly me: RosterNode;
  readonly client: Client;
  /** It came to this node's own address and through no relay: nobody else has it. */
  readonly mineAlone: boolean;
}

/** The DHCP server as a machine; it needs no clock of its own, for only clients ever make it speak. */
export class DhcpServer implements Machine<DhcpInput, DhcpEffect> {
  #roster!: Roster;
  #nodes = new Map<Mac, RosterNode>();
  #answerers: Answerers;
  #member = true;
  readonly #self: number;
  readonly #leaseSeconds: number;
  readonly #arm64: boolean;
  /** By MAC addresses of the roster alone, so the roster bounds it. */
  readonly #sessions = new Map<Mac, ClientSession>();
  readonly #strangers = new StrangerLog();

  constructor(options: DhcpServerOptions) {
    this.#self = options.self;
    this.#answerers = { live: [options.self], suspects: [] };
    this.#leaseSeconds = options.leaseSeconds ?? INFINITE_LEASE_SECONDS;
    this.#arm64 = options.arm64 ?? false;
    this.#useRoster(options.roster);
  }

  step(now: Instant, input: DhcpInput): readonly DhcpEffect[] {
    switch (input.kind) {
      case 'packet':
        return this.#member ? this.#packet(now, input) : [];
      case 'live':
        this.#answerers = { live: input.nodes.includes(this.#self) ? input.nodes : [this.#self, ...input.nodes].sort((a, b) => a - b), suspects: input.suspects ?? [] };
        return [];
      case 'roster':
        this.#useRoster(input.roster);
        return [];
      case 'member':
        this.#member = input.member;
        return [];
      case 'barred':
        return this.#refuseBarred(now, input.mac, printable(input.detail));
      case 'progress':
        this.#progress(input.mac);
        return [];
      case 'mac-found':
        return this.#strangers.foreignMac(input.address, input.mac);
    }
  }

  deadline(): Instant | undefined {
    return undefined;
  }

  /** The MAC addresses that asked lately and are not in the roster, the latest last. */
  unknown(): readonly UnknownClient[] {
    return this.#strangers.unknown();
  }

  /** The MAC addresses of barred machines that asked lately, the latest last. */
  barred(): readonly BarredClient[] {
    return this.#strangers.barred();
  }

  /** When the blades of nodes were last heard asking, whoever answered them. */
  nodesHeard(): readonly { readonly node: number; readonly at: Instant }[] {
    return Array.from(this.#sessions, ([mac, { heardAt }]) => ({ node: this.#nodes.get(mac)!.number, at: heardAt }));
  }

  /** The foreign DHCP servers that were heard of lately, the latest last. */
  foreign(): readonly ForeignServer[] {
    return this.#strangers.foreign();
  }

  /** What a blade of this MAC would be told, by whom and why, in lines of text. */
  explain(mac: Mac): string {
    const session = this.#sessions.get(mac);
    return explainClient({ mac, roster: this.#roster, self: this.#self, ...this.#answerers, leaseSeconds: this.#leaseSeconds, arm64: this.#arm64, ...(session && { session }) });
  }

  #useRoster(roster: Roster): void {
    this.#roster = roster;
    this.#nodes = new Map(roster.nodes.flatMap((node) => node.macs.map((mac) => [mac, node] as const)));
    for (const mac of this.#sessions.keys()) if (!this.#nodes.has(mac)) this.#sessions.delete(mac);
    this.#strangers.useRoster(roster);
    for (const { address } of roster.nodes) this.#strangers.forgetServer(address);
  }

  #refuseBarred(now: Instant, mac: Mac, detail: string): readonly DhcpEffect[] {
    const bar = barOfMac(this.#roster, mac);
    return bar ? this.#strangers.barredMac(now, mac, bar, detail) : [];
  }

  /** A blade may fetch by another of its network cards than the one that was told, so the mark goes to all of them. */
  #progress(mac: Mac): void {
    for (const own of this.#nodes.get(mac)?.macs ?? []) {
      const session = this.#sessions.get(own);
      if (session) this.#sessions.set(own, { ...session, progressed: true });
    }
  }

  #packet(now: Instant, input: DhcpInput & { kind: 'packet' }): readonly DhcpEffect[] {
    const packet = decodeDhcp(input.bytes);
    const from = printable(input.from.address);
    if (!packet) return this.#strangers.once(now, from, logEffect('debug', 'dhcp.broken-packet', { from, bytes: input.bytes.length }));
    const type = messageTypeOf(packet.options);
    if (type === undefined) return [];
    if (packet.op === BOOT_REPLY) return this.#foreign(now, addressOption(packet.options, OPTION.serverIdentifier) ?? from, `${messageName(type)} from ${from}`);
    if (packet.htype !== ETHERNET || packet.chaddr.length !== 6) return [];
    const mac = macFromBytes(packet.chaddr);
    const chosen = addressOption(packet.options, OPTION.serverIdentifier);
    const foreign = type === MESSAGE.request && chosen !== undefined ? this.#foreign(now, chosen, `REQUEST of ${mac}`) : [];
    const me = nodeOfNumber(this.#roster, this.#self);
    const node = this.#nodes.get(mac);
    const client = clientOf(packet.options, this.#arm64);
    if (barOfMac(this.#roster, mac)) return [...foreign, ...this.#refuseBarred(now, mac, `${messageName(type)} of ${clientDetail(client.kind, packet.options)}`)];
    if (!node || !me) return [...foreign, ...this.#strangers.unknownMac(now, mac, client.kind, packet.options)];
    if (packet.giaddr !== NO_ADDRESS && !isHostAddress(packet.giaddr)) return foreign;
    return [...foreign, ...this.#answer(type, { now, packet, mac, node, me, client, mineAlone: input.unicast && packet.giaddr === NO_ADDRESS })];
  }

  #answer(type: MessageType, request: Request): readonly DhcpEffect[] {
    const { now, packet, mac, node } = request;
    const who = { mac, node: node.number };
    switch (type) {
      case MESSAGE.discover:
        return this.#ranked(request, 'discover') ? this.#say(request, MESSAGE.offer) : [];
      case MESSAGE.request:
        return this.#request(request);
      case MESSAGE.inform:
        if (!isHostAddress(packet.ciaddr)) return [];
        return this.#ranked(request, 'inform') ? this.#say(request, MESSAGE.ack, true) : [];
      case MESSAGE.decline: {
        const address = addressOption(packet.options, OPTION.requestedAddress) ?? NO_ADDRESS;
        return this.#strangers.once(now, mac, logEffect('error', 'dhcp.address-declined', { code: 'MM-DHCP-ADDRESS-IN-USE', ...who, address, meaning: 'another machine uses this address' }));
      }
      case MESSAGE.release:
        return this.#strangers.once(now, mac, logEffect('info', 'dhcp.released', { ...who, address: packet.ciaddr }));
      default:
        return [];
    }
  }

  /** The four meanings of a REQUEST (RFC 2131 section 4.3.2, told apart as in its table 4). */
  #request(request: Request): readonly DhcpEffect[] {
    const { now, packet, mac, node, me } = request;
    const requested = addressOption(packet.options, OPTION.requestedAddress);
    if (packet.options.has(OPTION.serverIdentifier)) {
      const session = this.#sessions.get(mac);
      if (session) this.#sessions.set(mac, { ...session, chosen: true, secs: Math.max(session.secs, packet.secs), heardAt: now, loader: session.loader && choseServer(session.loader) });
      // Another server's client. A NAK from here would take away what that server has just given.
      if (addressOption(packet.options, OPTION.serverIdentifier) !== me.address) return [];
      return requested === undefined || requested === node.address ? this.#say(request, MESSAGE.ack) : this.#nak(request, requested);
    }
    if (packet.ciaddr !== NO_ADDRESS) {
      if (!request.mineAlone && !this.#ranked(request, 'rebinding')) return [];
      if (packet.ciaddr === node.address) return this.#say(request, MESSAGE.ack);
      // No NAK, against RFC 2131: it would take the address from under a running iSCSI root. The next boot brings the new one.
      return this.#strangers.once(now, mac, logEffect('warn', 'dhcp.address-outdated', { mac, node: node.number, uses: packet.ciaddr, roster: node.address }));
    }
    if (requested === undefined || !this.#ranked(request, 'init-reboot')) return [];
    return requested === node.address ? this.#say(request, MESSAGE.ack) : this.#nak(request, requested);
  }

  /** Notes a request that any node could answer; true when this node does. */
  #ranked(request: Request, kind: RankedRequest): boolean {
    const { now, packet, mac, node, client } = request;
    const previous = this.#sessions.get(mac);
    const loader = node.loader === 'ours' ? heardFrom(previous?.loader, now, client) : undefined;
    const replaced = needsOurLoader(client, node.loader, loader?.ours?.fingerprint, this.#arm64);
    const session = nextSession(previous, now, { request: kind, xid: packet.xid, secs: packet.secs, rung: bootRung(client, replaced), loader });
    this.#sessions.set(mac, session);
    const rank = answerOrder(this.#roster, mac, node.number, this.#answerers, session.turn).indexOf(this.#self);
    // What a drained node leaves to the others it leaves to them at every retransmission: the blade shall not boot from it.
    return request.mineAlone || (isMyTurn(rank, session.tries) && (rank >= 0 || request.me.drained !== true));
  }

  #say(request: Request, type: typeof MESSAGE.offer | typeof MESSAGE.ack, inform = false): readonly DhcpEffect[] {
    const { now, packet, mac, node, me, client } = request;
    const replace = needsOurLoader(client, node.loader, this.#sessions.get(mac)?.loader?.ours?.fingerprint, this.#arm64);
    const boot = bootAnswer(client, me.address, replace);
    const others = answerOrder(this.#roster, mac, node.number, this.#answerers, 0).filter((number) => number !== this.#self);
    const nameServers = [me, ...others.map((number) => nodeOfNumber(this.#roster, number))].flatMap((server) => (server ? [server.address] : []));
    const content = { roster: this.#roster, node, server: me.address, leaseSeconds: this.#leaseSeconds, nameServers: nameServers.slice(0, NAME_SERVERS_MAX), boot };
    const bytes = fitReply(buildReply(packet, type, content, inform), replyLimitBytes(packet));
    if (!bytes) return this.#strangers.once(now, mac, logEffect('warn', 'dhcp.reply-too-long', { mac, node: node.number, limitBytes: replyLimitBytes(packet) }));
    const detail = `${messageName(type)} ${node.address} from node ${me.number}: ${boot.bootFile ?? 'no boot file'} for ${client.kind}`;
    const unsupported = client.kind === 'unsupported' ? this.#strangers.once(now, mac, logEffect('warn', 'dhcp.unsupported-architecture', { mac, node: node.number, architectures: client.architectures.join(',') })) : [];
    return [{ kind: 'send', bytes, ...destinationOf(packet, type) }, { kind: 'stage', mac, node: node.number, stage: 'dhcp', detail }, logEffect('info', 'dhcp.reply', { mac, node: node.number, detail, xid: packet.xid }), ...unsupported];
  }

  #nak({ packet, mac, node, me }: Request, requested: Ipv4): readonly DhcpEffect[] {
    const bytes = fitReply(buildNak(packet, me.address), replyLimitBytes(packet));
    const log = logEffect('warn', 'dhcp.nak', { mac, node: node.number, requested, roster: node.address });
    return bytes ? [{ kind: 'send', bytes, ...destinationOf(packet, MESSAGE.nak) }, log] : [log];
  }

  #foreign(now: Instant, server: string, seen: string): readonly DhcpEffect[] {
    const ours = server === this.#roster.metaMasterAddress || this.#roster.nodes.some((node) => node.address === server);
    if (ours) return [];
    const log = this.#strangers.foreignServer(now, server, seen);
    // As seldom as it is logged. What it calls itself is its own word: nobody outside of the boot network is sent anything for it.
    const address = log.length > 0 ? parseIpv4(server) : undefined;
    const near = address !== undefined && isHostOf(address, this.#roster.netmask) && sameNetwork(address, this.#roster.metaMasterAddress, this.#roster.netmask);
    return near ? [...log, { kind: 'find-mac', address }] : log;
  }
}
