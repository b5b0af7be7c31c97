// The rack's networks as wanted state, and the commands that lead there from what is present. Applied twice, it changes nothing.
//
//   boot namespace: br0 (boot network, blades' taps b1…, the SAN's cable san0), br1 (outside, taps o1…, out0)
//   san namespace:  eth0 192.168.0.252/24, 192.168.0.248/24        out namespace: eth0 198.51.100.1/24
//
// The bridges have no addresses: what is seen on the boot network comes from blades and the SAN alone.

import { namespaceOf, ROOMS, tapName, type RackIdentity, type Room } from './identity.ts';

/** The SAN's static address on the boot network, and its prefix length. */
export const SAN_ADDRESS = '192.168.0.252';
/** The address of its second portal. */
export const SECOND_SAN_ADDRESS = '192.168.0.248';
/** The SAN's end of its cable on the boot network's bridge. */
export const SAN_CABLE = 'san0';
/** The outside network is TEST-NET-2 (RFC 5737), so that nothing of the rack can be meant for a real host. */
export const OUTSIDE_ADDRESS = '198.51.100.1';
export const PREFIX_LENGTH = 24;

export interface WantedLink {
  readonly room: Room;
  readonly name: string;
  readonly kind: 'bridge' | 'tap' | 'veth';
  readonly master?: string;
  /** With prefix length. */
  readonly addresses?: readonly string[];
  /** A cable's other end, which always lies in the boot namespace. */
  readonly peer?: string;
}

export interface PresentLink {
  readonly name: string;
  readonly master?: string;
  readonly up: boolean;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

/** Per room; a room without an entry has no namespace. */
export type PresentNetwork = Partial<Record<Room, readonly PresentLink[]>>;

/** A blade's taps that are wanted. */
export interface WantedTaps {
  readonly blade: number;
  readonly outside: boolean;
}

/** Every link of the rack with the taps of the given blades; bridges first, since taps and cables are put into them. */
export function wantedLinks(taps: readonly WantedTaps[]): WantedLink[] {
  const links: WantedLink[] = [
    { room: 'boot', name: 'br0', kind: 'bridge' },
    { room: 'boot', name: 'br1', kind: 'bridge' },
    { room: 'san', name: 'eth0', kind: 'veth', peer: SAN_CABLE, addresses: [SAN_ADDRESS, SECOND_SAN_ADDRESS].map((address) => `${address}/${PREFIX_LENGTH}`) },
    { room: 'boot', name: SAN_CABLE, kind: 'veth', master: 'br0' },
    { room: 'out', name: 'eth0', kind: 'veth', peer: 'out0', addresses: [`${OUTSIDE_ADDRESS}/${PREFIX_LENGTH}`] },
    { room: 'boot', name: 'out0', kind: 'veth', master: 'br1' },
  ];
  for (const { blade, outside } of taps) {
    links.push({ room: 'boot', name: tapName(blade, 'boot'), kind: 'tap', master: 'br0' });
    if (outside) links.push({ room: 'boot', name: tapName(blade, 'outside'), kind: 'tap', master: 'br1' });
  }
  return links;
}

function creation(identity: RackIdentity, link: WantedLink): string[] | undefined {
  const ip = ['ip', '-n', namespaceOf(identity, link.room)];
  if (link.kind === 'tap') return [...ip, 'tuntap', 'add', 'dev', link.name, 'mode', 'tap'];
  // Without forwarding delay a blade may speak as soon as it has power; without snooping router advertisements reach everybody.
  if (link.kind === 'bridge') return [...ip, 'link', 'add', link.name, 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0'];
  if (link.peer === undefined) return undefined; // comes into being with its other end
  return [...ip, 'link', 'add', link.name, 'type', 'veth', 'peer', 'name', link.peer, 'netns', namespaceOf(identity, 'boot')];
}

function planLink(identity: RackIdentity, link: WantedLink, present: PresentLink | undefined): string[][] {
  const ip = ['ip', '-n', namespaceOf(identity, link.room)];
  const commands: string[][] = [];
  const make = present === undefined ? creation(identity, link) : undefined;
  if (make !== undefined) commands.push(make);
  // The observer's side stays silent: no link-local address, hence no IPv6 messages of its own.
  if (present === undefined && link.room === 'boot') commands.push([...ip, 'link', 'set', link.name, 'addrgenmode', 'none']);
  if (link.master !== undefined && present?.master !== link.master) commands.push([...ip, 'link', 'set', link.name, 'master', link.master]);
  for (const address of link.addresses ?? []) if (present?.addresses.includes(address) !== true) commands.push([...ip, 'address', 'add', address, 'dev', link.name]);
  if (present?.up !== true) commands.push([...ip, 'link', 'set', link.name, 'up']);
  return commands;
}

/** The commands that make the present network the wanted one; an empty list when it is that already. */
export function planNetwork(identity: RackIdentity, taps: readonly WantedTaps[], present: PresentNetwork): string[][] {
  const commands: string[][] = [];
  for (const room of ROOMS) {
    const namespace = namespaceOf(identity, room);
    if (present[room] === undefined) commands.push(['ip', 'netns', 'add', namespace]);
    if (present[room]?.find((link) => link.name === 'lo')?.up !== true) commands.push(['ip', '-n', namespace, 'link', 'set', 'lo', 'up']);
  }
  const links = wantedLinks(taps);
  const cut = halfCables(present);
  for (const { room, name } of cut) commands.push(['ip', '-n', namespaceOf(identity, room), 'link', 'delete', name]);
  for (const link of links) {
    const isCut = cut.some((end) => end.room === link.room && end.name === link.name);
    commands.push(...planLink(identity, link, isCut ? undefined : present[link.room]?.find((other) => other.name === link.name)));
  }
  return commands;
}

/** The present network with every cable as if it were plugged: who adds to the network leaves a cable that was pulled as it is. */
export function asIfPlugged(present: PresentNetwork): PresentNetwork {
  const cables = new Set(wantedLinks([]).flatMap(({ peer }) => (peer === undefined ? [] : [peer])));
  return Object.fromEntries(Object.entries(present).map(([room, links]) => [room, links.map((link) => (cables.has(link.name) ? { ...link, up: true } : link))]));
}

/** Ends of cables whose other end is not where it belongs: its namespace was taken away and made anew. */
export function halfCables(present: PresentNetwork): { room: Room; name: string }[] {
  const isThere = (room: Room, name: string): boolean => present[room]?.some((link) => link.name === name) === true;
  return wantedLinks([]).flatMap((link) => {
    if (link.peer === undefined) return [];
    const ends = [{ room: link.room, name: link.name }, { room: 'boot' as const, name: link.peer }].filter((end) => isThere(end.room, end.name));
    return ends.length === 1 ? ends : [];
  });
}

/** The commands that take every namespace of the rack away, and with them all links. */
export function planRemoval(identity: RackIdentity, presentNamespaces: readonly string[]): string[][] {
  return ROOMS.map((room) => namespaceOf(identity, room))
    .filter((namespace) => presentNamespaces.includes(namespace))
    .map((namespace) => ['ip', 'netns', 'delete', namespace]);
}

interface IpAddressJson {
  readonly ifname?: string;
  readonly master?: string;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** Reads the output of `ip -j address show`. Throws when it is not JSON. */
export function parseLinks(json: string): PresentLink[] {
  // iproute2 prints nothing, or empty objects, for a namespace without links.
  const entries = JSON.parse(json.trim() === '' ? '[]' : json) as IpAddressJson[];
  return entries.flatMap((entry): PresentLink[] => {
    if (entry.ifname === undefined) return [];
    const addresses = (entry.addr_info ?? []).map((info) => `${info.local}/${info.prefixlen}`);
    const up = entry.flags?.includes('UP') === true;
    return [{ name: entry.ifname, up, addresses, ...(entry.master === undefined ? {} : { master: entry.master }) }];
  });
}

/** Reads the names from the output of `ip netns list`, whose lines may end in `(id: 3)`. */
export const parseNamespaces = (text: string): string[] =>
  text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim().split(/\s/)[0]!]));
