// Addresses, routes and links by route netlink: some ten microseconds each, without a program that would have to be started, and without
// anything of it on a disk.

import type { IpAddress } from '../core/ipv6.ts';
import {
  addAddress, decodeRouteMessages, ERRNO_EXISTS, ERRNO_NO_ADDRESS, ERRNO_NO_ROUTE, type Family, type LinkAddress, type LinkRoute, listAddresses, listLinks, listRoutes,
  removeAddress, removeDefaultRoute, type RouteMessage, setDefaultRoute,
} from '../wire/rtnetlink.ts';
import { bindTo, libc, openSocket } from './libc.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
const MSG_DONTWAIT = 0x40;
/** netlink(7): a receive takes one datagram, and the kernel makes none larger than this for us. */
const DATAGRAM_MAX_BYTES = 65_536;
/** A list of more datagrams is none of a machine that we know: some hundred addresses go into each. */
const LIST_DATAGRAMS_MAX = 256;
const NAME_MAX_BYTES = 16;

/** The number of an interface; 0: there is none of that name. */
export const interfaceIndex = (name: string): number => libc().if_nametoindex(name);

/** The name of an interface; undefined when it is gone. */
export function interfaceName(index: number): string | undefined {
  const bytes = new Uint8Array(NAME_MAX_BYTES);
  if (libc().if_indextoname(index, bytes) === 0n) return undefined;
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

export class RouteSocket {
  readonly #fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  readonly #buffer = new Uint8Array(DATAGRAM_MAX_BYTES);
  #sequence = 0;

  addresses(family: Family): readonly LinkAddress[] {
    return this.#list((sequence) => listAddresses(sequence, family)).flatMap((one) => (one.kind === 'address' ? [one.address] : []));
  }

  /** The default routes of the main table. */
  defaultRoutes(family: Family): readonly LinkRoute[] {
    return this.#list((sequence) => listRoutes(sequence, family)).flatMap((one) => (one.kind === 'default-route' ? [one.route] : []));
  }

  /** Every link that has a carrier. */
  linksUp(): ReadonlySet<number> {
    return new Set(this.#list(listLinks).flatMap((one) => (one.kind === 'link' && one.up ? [one.index] : [])));
  }

  /** These succeed when what they want is so already; they throw with the error number. `noSource`: see `addAddress` of the codec. */
  addAddress(address: LinkAddress, noSource = false): void {
    this.#change(`adding ${address.address}`, (sequence) => addAddress(sequence, address, noSource), ERRNO_EXISTS);
  }

  removeAddress(address: LinkAddress): void {
    this.#change(`removing ${address.address}`, (sequence) => removeAddress(sequence, address), ERRNO_NO_ADDRESS);
  }

  setDefaultRoute(index: number, via: IpAddress): void {
    this.#change(`the default route via ${via}`, (sequence) => setDefaultRoute(sequence, index, via), 0);
  }

  removeDefaultRoute(index: number, via: IpAddress): void {
    this.#change(`removing the default route via ${via}`, (sequence) => removeDefaultRoute(sequence, index, via), ERRNO_NO_ROUTE);
  }

  close(): void {
    libc().close(this.#fd);
  }

  /** The kernel does what is asked within the send, and the answer waits when that returns. */
  #ask(request: Uint8Array): readonly RouteMessage[] {
    const kernel = new Uint8Array(12);
    kernel[0] = AF_NETLINK;
    // The rest of a list that was broken off.
    while (libc().recv(this.#fd, this.#buffer, BigInt(DATAGRAM_MAX_BYTES), MSG_DONTWAIT) >= 0n);
    if (libc().sendto(this.#fd, request, BigInt(request.length), 0, kernel, kernel.length) < 0n) throw new Error(`netlink: sending failed, errno ${libc().errno()}`);
    return this.#receive();
  }

  #receive(): readonly RouteMessage[] {
    const length = Number(libc().recv(this.#fd, this.#buffer, BigInt(DATAGRAM_MAX_BYTES), MSG_DONTWAIT));
    if (length < 0) throw new Error(`netlink: no answer, errno ${libc().errno()}`);
    return decodeRouteMessages(this.#buffer.subarray(0, length));
  }

  #list(request: (sequence: number) => Uint8Array): readonly RouteMessage[] {
    const all = [...this.#ask(request(++this.#sequence))];
    for (let datagrams = 1; !all.some(({ kind }) => kind === 'done' || kind === 'answer'); datagrams++) {
      if (datagrams > LIST_DATAGRAMS_MAX) throw new Error('netlink: a list without an end');
      all.push(...this.#receive());
    }
    return all;
  }

  #change(what: string, request: (sequence: number) => Uint8Array, harmless: number): void {
    const answer = this.#ask(request(++this.#sequence)).find((one) => one.kind === 'answer');
    if (answer === undefined) throw new Error(`netlink: ${what} was not answered`);
    if (answer.errno !== 0 && answer.errno !== harmless) throw new Error(`${what} failed, errno ${answer.errno}`);
  }
}

/** News of links: they come unasked, from when it is opened. */
export class LinkNews {
  readonly fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  readonly #buffer = new Uint8Array(DATAGRAM_MAX_BYTES);

  constructor() {
    const address = new Uint8Array(12);
    address[0] = AF_NETLINK;
    address[8] = RTMGRP_LINK;
    bindTo(this.fd, address);
  }

  /** What waits; undefined when nothing does. `overrun`: news were lost, and a list must be asked for. */
  receive(): readonly RouteMessage[] | 'overrun' | undefined {
    const length = Number(libc().recv(this.fd, this.#buffer, BigInt(DATAGRAM_MAX_BYTES), MSG_DONTWAIT));
    if (length >= 0) return decodeRouteMessages(this.#buffer.subarray(0, length));
    // netlink(7): ENOBUFS comes before what is still queued, and nothing else does; a second try tells it from an empty queue.
    const again = Number(libc().recv(this.fd, this.#buffer, BigInt(DATAGRAM_MAX_BYTES), MSG_DONTWAIT));
    return again >= 0 ? 'overrun' : undefined;
  }

  close(): void {
    libc().close(this.fd);
  }
}
