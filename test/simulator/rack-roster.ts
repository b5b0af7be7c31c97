// The cluster that is simulated: as many nodes as wanted, with MAC and address made of their numbers.

import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { ipv4FromNumber, ipv4ToNumber } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { macFromBytes } from '../../daemons/core/mac.ts';
import type { Roster } from '../../daemons/core/roster.ts';

/** Node numbers go up to here: the network is a /16, and a packet's field has 16 bits. */
export const NODES_MAX = 4096;
const NETWORK = 0x0a070000;

export const addressOf = (number: number): Ipv4 => ipv4FromNumber(NETWORK + number);
export const macOf = (number: number): Mac => macFromBytes(Uint8Array.of(0x52, 0x54, 0, 0x12, number >>> 8, number & 255));
/** The node of an address that `addressOf` made. */
export const numberOfAddress = (address: Ipv4): number => ipv4ToNumber(address) - NETWORK;

/** The roster of that many nodes, of which these are drained. */
export function rackRoster(nodes: number, drained: ReadonlySet<number>): Roster {
  return {
    clusterName: 'simulated',
    container: 'main',
    domain: 'rack.test',
    netmask: '255.255.0.0' as Ipv4,
    metaMasterAddress: '10.7.255.253' as Ipv4,
    san: { address: '10.8.0.1' as Ipv4, port: 3260, target: 'iqn.2026-01.test:rack' },
    kernelParameters: '',
    nodes: Array.from({ length: nodes }, (_, i) => i + 1).map((number) => Object.assign({
      number, name: `node${number}`, macs: [macOf(number)], address: addressOf(number), loader: 'rom' as const,
    }, drained.has(number) ? { drained: true as const } : {})),
  };
}
