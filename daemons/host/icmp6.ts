// Sends ICMPv6 messages to all nodes of one link through a raw socket (RFC 3542), which needs CAP_NET_RAW.

import { networkInterfaces } from 'node:os';
import type { Mac } from '../core/mac.ts';
import { libc, openSocket, sendTo } from './libc.ts';

const AF_INET6 = 10;
const SOCK_RAW = 3;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const ICMPV6_FILTER = 1;
const SOL_ICMPV6 = 58;
const MSG_DONTWAIT = 0x40;
/** RFC 4861 section 6.1.2: hosts drop an advertisement that has passed a router. */
const HOP_LIMIT = 255;
const ALL_NODES = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

export interface Icmp6Socket {
  /** The interface's own MAC address. */
  readonly mac: Mac;
  /** Sends to ff02::1. Throws when the link is down or has no link-local address yet. */
  send(message: Uint8Array): void;
  close(): void;
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** struct sockaddr_in6 of ff02::1 on that interface; numbers in it are in the machine's order, the address in the network's. */
function allNodesAddress(interfaceIndex: number): Uint8Array {
  const address = new Uint8Array(28);
  address.set(new Uint8Array(Uint16Array.of(AF_INET6).buffer), 0);
  address.set(ALL_NODES, 8);
  address.set(new Uint8Array(Uint32Array.of(interfaceIndex).buffer), 24);
  return address;
}

/** Opens the socket on one interface. Throws with the reason: no such interface, no address on it, no capability. */
export function openIcmp6(interfaceName: string): Icmp6Socket {
  const index = libc().if_nametoindex(interfaceName);
  const mac = networkInterfaces()[interfaceName]?.[0]?.mac;
  if (index === 0 || mac === undefined) throw new Error(`interface ${interfaceName} is not there or has no address`);
  const fd = openSocket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  const set = (level: number, option: number, value: Uint8Array): void => {
    if (libc().setsockopt(fd, level, option, value, value.length) < 0) {
      const errno = libc().errno();
      libc().close(fd);
      throw new Error(`setsockopt(${level}, ${option}) failed, errno ${errno}`);
    }
  };
  set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int32(HOP_LIMIT));
  set(IPPROTO_IPV6, IPV6_MULTICAST_IF, int32(index));
  // All bits set: pass nothing up. Nobody reads this socket, and its queue shall not fill with what others say.
  set(SOL_ICMPV6, ICMPV6_FILTER, new Uint8Array(32).fill(0xff));
  const destination = allNodesAddress(index);
  return {
    mac: mac as Mac,
    send: (message) => sendTo(fd, message, destination, MSG_DONTWAIT),
    close: () => {
      libc().close(fd);
    },
  };
}
