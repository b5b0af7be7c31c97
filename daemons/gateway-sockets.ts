// The sockets of the beating thread: one for the beats on each shared network, one for ARP on each, the news of links, and the datagram
// to itself that renews the gate. All are read without waiting.

import { logEffect, type LogEffect } from './core/log-effect.ts';
import type { Ipv4 } from './core/ipv4.ts';
import { ipv4ToNumber } from './core/ipv4.ts';
import type { Ipv6 } from './core/ipv6.ts';
import type { Mac } from './core/mac.ts';
import { GATE_MARK } from './gateway/gate-ruleset.ts';
import type { GatewayConfig } from './gateway/gateway-config.ts';
import type { LinkName } from './gateway/uplink.ts';
import { libc, openSocket, setOption } from './host/libc.ts';
import { type FilterInstruction, openPacketSocket, type PacketSocket } from './host/packet-socket.ts';
import { interfaceIndex, LinkNews, RouteSocket } from './host/route-socket.ts';
import { arpOfFrame, arpProbe, ETHERTYPE_ARP, gratuitousArp } from './wire/arp-packet.ts';
import { GATEWAY_BEAT_ETHERTYPE, GATEWAY_BEAT_GROUP, GATEWAY_BEAT_PORT } from './wire/gateway-beat.ts';
import { ETHERTYPE_IPV6, unsolicitedAdvertisement } from './wire/neighbour-advertisement.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_MARK = 36;
const MSG_DONTWAIT = 0x40;
/** Frames that are read from one socket before the others have their turn: who floods a network must not keep a holder from beating. */
const READ_MAX = 256;

/** One shared network. */
interface Network {
  readonly link: LinkName;
  readonly interface: string;
  /** The addresses that move on it. */
  readonly moving: Ipv4;
  /** Undefined: none of IPv6. */
  readonly moving6: Ipv6 | undefined;
  sockets: { readonly beats: PacketSocket; readonly arp: PacketSocket; readonly ipv6: PacketSocket | undefined } | undefined;
  fault: string;
}

/** Who hears of what was read. */
export interface SocketListener {
  beat(network: string, bytes: Uint8Array): void;
  carrier(link: LinkName, up: boolean): void;
  routerAnswered(): void;
}

export interface SocketRing {
  readonly networks: readonly LinkName[];
  fds(): readonly number[];
  /** Reads every socket until it is empty, or has had its turn. */
  read(listener: SocketListener): void;
  sendBeat(bytes: Uint8Array): void;
  renewGate(): void;
  /** Gratuitous ARP for every moving address. */
  announce(): void;
  /** The same of IPv6: Neighbour Advertisements that nobody has asked for. */
  announce6(): void;
  probeRouter(): void;
  /** Opens what is not open, and anew what belongs to an interface that is gone. True when a socket is another one now. */
  mend(log: (effect: LogEffect) => void): boolean;
  carriers(): readonly { readonly link: LinkName; readonly up: boolean }[];
  close(): void;
}

/** Lets in ARP replies of one address; of a whole network's ARP nothing else concerns us. */
function repliesOf(address: Ipv4): readonly FilterInstruction[] {
  const [LOAD_HALF, LOAD_WORD, JUMP_EQUAL, RETURN] = [0x28, 0x20, 0x15, 0x06] as const;
  return [[LOAD_HALF, 0, 0, 20], [JUMP_EQUAL, 0, 3, 2], [LOAD_WORD, 0, 0, 28], [JUMP_EQUAL, 0, 1, ipv4ToNumber(address)], [RETURN, 0, 0, 0xffff], [RETURN, 0, 0, 0]];
}

/** The other networks' ARP is only sent: nothing is let in. */
const NOTHING: readonly FilterInstruction[] = [[0x06, 0, 0, 0]];

/** What stands behind family and port in struct sockaddr_in and sockaddr_in6. */
const LOOPBACK = Uint8Array.of(127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
const LOOPBACK6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);

/** Where the datagram goes that renews a family's element of the gate. */
interface Gate {
  readonly fd: number;
  readonly address: Uint8Array;
}

function openGate(family: number, behindPort: Uint8Array): Gate {
  const fd = openSocket(family, SOCK_DGRAM, 0);
  setOption(fd, SOL_SOCKET, SO_MARK, new Uint8Array(Uint32Array.of(GATE_MARK).buffer));
  return { fd, address: Uint8Array.of(family, 0, GATEWAY_BEAT_PORT >> 8, GATEWAY_BEAT_PORT & 0xff, ...behindPort) };
}

/** A kernel without IPv6 has none to renew, and no reason to keep IPv4 from being served: what it lacks is told when the machine is brought into its state. */
function openGate6(): readonly Gate[] {
  try {
    return [openGate(AF_INET6, LOOPBACK6)];
  } catch {
    return [];
  }
}

class Sockets implements SocketRing {
  readonly networks: readonly LinkName[];
  readonly #networks: readonly Network[];
  readonly #router: Ipv4 | undefined;
  readonly #news = new LinkNews();
  readonly #links = new RouteSocket();
  readonly #gateByte = Uint8Array.of(0);
  readonly #gates: readonly Gate[];

  constructor({ insideInterface, movingAddress, publicSide, ipv6 }: GatewayConfig) {
    const network = (link: LinkName, name: string, moving: Ipv4, moving6: Ipv6 | undefined): Network => ({ link, interface: name, moving, moving6, sockets: undefined, fault: '' });
    this.#networks = [network('inside', insideInterface, movingAddress, ipv6?.movingAddress), ...(publicSide === undefined ? [] : [network('outside', publicSide.interface, publicSide.address, ipv6?.address)])];
    this.networks = this.#networks.map(({ link }) => link);
    this.#router = publicSide?.router;
    this.#gates = [openGate(AF_INET, LOOPBACK), ...(ipv6 === undefined ? [] : openGate6())];
    this.mend(() => undefined);
  }

  fds(): readonly number[] {
    return [this.#news.fd, ...this.#networks.flatMap(({ sockets }) => (sockets === undefined ? [] : [sockets.beats.fd, sockets.arp.fd]))];
  }

  read(listener: SocketListener): void {
    this.#readNews(listener);
    for (const { link, sockets } of this.#networks) {
      if (sockets === undefined) continue;
      for (let count = 0; count < READ_MAX; count++) {
        const bytes = sockets.beats.receive();
        if (bytes === undefined) break;
        listener.beat(link, bytes);
      }
      for (let count = 0; count < READ_MAX; count++) {
        const frame = sockets.arp.receive();
        if (frame === undefined) break;
        const arp = arpOfFrame(frame);
        if (arp?.operation === 'reply' && arp.senderAddress === this.#router) listener.routerAnswered();
      }
    }
  }

  sendBeat(bytes: Uint8Array): void {
    for (const { sockets } of this.#networks) sockets?.beats.send(bytes, GATEWAY_BEAT_GROUP);
  }

  renewGate(): void {
    for (const { fd, address } of this.#gates) libc().sendto(fd, this.#gateByte, 1n, MSG_DONTWAIT, address, address.length);
  }

  announce(): void {
    for (const { sockets, moving } of this.#networks) {
      if (sockets === undefined) continue;
      for (const frame of gratuitousArp(sockets.arp.mac, moving)) sockets.arp.send(frame);
    }
  }

  announce6(): void {
    for (const { sockets, moving6 } of this.#networks) {
      // A router on either side, as this kernel's own advertisements say.
      if (moving6 !== undefined) sockets?.ipv6?.send(unsolicitedAdvertisement(sockets.ipv6.mac, moving6, true));
    }
  }

  probeRouter(): void {
    const sockets = this.#networks.find(({ link }) => link === 'outside')?.sockets;
    if (sockets !== undefined && this.#router !== undefined) sockets.arp.send(arpProbe(sockets.arp.mac, this.#router));
  }

  mend(log: (effect: LogEffect) => void): boolean {
    let changed = false;
    for (const network of this.#networks) {
      if (network.sockets !== undefined && network.sockets.beats.index === interfaceIndex(network.interface)) continue;
      changed ||= network.sockets !== undefined;
      network.sockets?.beats.close();
      network.sockets?.arp.close();
      network.sockets?.ipv6?.close();
      network.sockets = undefined;
      try {
        network.sockets = this.#open(network);
        changed = true;
        network.fault = '';
      } catch (error) {
        const reason = (error as Error).message;
        if (reason !== network.fault) log(logEffect('error', 'gateway.network', { network: network.link, interface: network.interface, reason }));
        network.fault = reason;
      }
    }
    return changed;
  }

  carriers(): readonly { readonly link: LinkName; readonly up: boolean }[] {
    const up = this.#links.linksUp();
    return this.#networks.map(({ link, sockets }) => ({ link, up: sockets !== undefined && up.has(sockets.beats.index) }));
  }

  close(): void {
    for (const fd of [...this.#gates.map(({ fd: gate }) => gate), ...this.fds()]) libc().close(fd);
    for (const { sockets } of this.#networks) sockets?.ipv6?.close();
    this.#links.close();
  }

  #open({ link, interface: name, moving6 }: Network): Network['sockets'] {
    const group: Mac = GATEWAY_BEAT_GROUP;
    const beats = openPacketSocket({ interface: name, etherType: GATEWAY_BEAT_ETHERTYPE, content: 'payload', group });
    const filter = link === 'outside' && this.#router !== undefined ? repliesOf(this.#router) : NOTHING;
    const ipv6 = moving6 && openPacketSocket({ interface: name, etherType: ETHERTYPE_IPV6, content: 'frame', filter: NOTHING });
    return { beats, arp: openPacketSocket({ interface: name, etherType: ETHERTYPE_ARP, content: 'frame', filter }), ipv6 };
  }

  #readNews(listener: SocketListener): void {
    for (let news = this.#news.receive(); news !== undefined; news = this.#news.receive()) {
      if (news === 'overrun') {
        for (const { link, up } of this.carriers()) listener.carrier(link, up);
        continue;
      }
      for (const one of news) {
        const network = one.kind === 'link' ? this.#networks.find(({ sockets }) => sockets?.beats.index === one.index) : undefined;
        if (network !== undefined && one.kind === 'link') listener.carrier(network.link, one.up);
      }
    }
  }
}

/** Opens the sockets. An interface that is not there is waited for, by `mend`. Throws when this process may open none: a capability is missing. */
export function createSocketRing(config: GatewayConfig): SocketRing {
  return new Sockets(config);
}
