// Messages and a server under test, for the tests of this room.

import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import { addressValue, messageTypeOf, OPTION, uint8Value } from '../wire/dhcp-options.ts';
import type { MessageType } from '../wire/dhcp-options.ts';
import { decodeDhcp, encodeDhcp } from '../wire/dhcp-packet.ts';
import type { DhcpPacket } from '../wire/dhcp-packet.ts';
import { DhcpServer } from './dhcp-server.ts';
import type { DhcpEffect } from './dhcp-server.ts';
import { ROSTER } from './test-roster.ts';

export const SECOND = 1000;
/** The node that is to boot with our loader whatever its card brings. */
export const NODE4 = '52:54:00:12:00:04' as Mac;
/** The MAC that the recorded DISCOVER of EDK2 comes from. */
export const NODE2 = '52:54:00:12:00:02' as Mac;
export const UNKNOWN = '52:54:00:99:00:01' as Mac;
export const NONE = '0.0.0.0' as Ipv4;
export const at = (ms: number): Instant => ms as Instant;

export type Option = readonly [number, Uint8Array];
/** A golden DISCOVER made another message. */
export function message(golden: Uint8Array, type: MessageType, fields: Partial<DhcpPacket> = {}, more: readonly Option[] = []): Uint8Array {
  const packet = decodeDhcp(golden)!;
  return encodeDhcp({ ...packet, ...fields, options: new Map([...packet.options, [OPTION.messageType, uint8Value(type)], ...more]) });
}
/** Option 54. */
export const serverId = (address: string): Option => [OPTION.serverIdentifier, addressValue(address as Ipv4)];
/** Option 50. */
export const requested = (address: string): Option => [OPTION.requestedAddress, addressValue(address as Ipv4)];

/** A server of the test roster that knows who lives. */
export function server(self: number, live: readonly number[] = [self], more: { leaseSeconds?: number; arm64?: boolean } = {}): DhcpServer {
  const machine = new DhcpServer({ roster: ROSTER, self, ...more });
  machine.step(at(0), { kind: 'live', nodes: live });
  return machine;
}
/** Lets a server hear a datagram. */
export const hear = (machine: DhcpServer, ms: number, bytes: Uint8Array, unicast = false): readonly DhcpEffect[] => machine.step(at(ms), { kind: 'packet', bytes, from: { address: '0.0.0.0', port: 68 }, unicast });
/** The replies among the effects, with where they go. */
export const sent = (effects: readonly DhcpEffect[]) => effects.flatMap((effect) => (effect.kind === 'send' ? [{ ...decodeDhcp(effect.bytes)!, to: effect.to.address }] : []));
/** The log lines among the effects. */
export const logged = (effects: readonly DhcpEffect[]) => effects.flatMap((effect) => (effect.kind === 'log' ? [`${effect.level} ${effect.event}`] : []));
/** The message types of the replies. */
export const types = (effects: readonly DhcpEffect[]) => sent(effects).map(({ options }) => messageTypeOf(options));
/** The boot file of the first reply. */
export const file = (effects: readonly DhcpEffect[]) => sent(effects)[0]?.file;
