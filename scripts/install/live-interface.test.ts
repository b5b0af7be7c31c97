import { expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { storageInterface, type OwnInterface } from './live-interface.ts';

const [SAN, MASK] = ['10.1.0.252', '255.255.0.0'] as [Ipv4, Ipv4];
const card = (name: string, last: string, ...addresses: string[]): OwnInterface => ({ name, mac: `52:54:00:00:00:${last}` as Mac, addresses: addresses as Ipv4[] });
const LO: OwnInterface = { name: 'lo', mac: undefined, addresses: ['127.0.0.1' as Ipv4] };
const chosen = (booted: string | undefined, ...interfaces: OwnInterface[]) => storageInterface({ interfaces, booted }, SAN, MASK);

test.each([
  ['the one that the initrd brought up', 'eth0', [LO, card('eth1', '02', '10.1.0.7'), card('eth0', '01', '10.1.0.254')], 'eth0', '10.1.0.254'],
  ['another one, when only that reaches the SAN\'s network: set up by hand', 'eth0', [LO, card('eth0', '01', '192.168.0.254'), card('eth1', '02', '172.16.0.9', '10.1.0.7')], 'eth1', '10.1.0.7'],
  ['the first one that reaches it, when the boot left no record', undefined, [LO, card('eth1', '02', '10.1.0.7'), card('eth2', '03', '10.1.0.8')], 'eth1', '10.1.0.7'],
  ['the one of the boot without an address there, rather than none', 'eth0', [LO, card('eth0', '01', '192.168.0.254')], 'eth0', undefined],
])('%s', (_, booted, interfaces, name, address) => expect(chosen(booted, ...interfaces)).toMatchObject({ name, address }));

test('none, where nothing fits', () => expect(chosen('eth7', LO, card('eth0', '01', '192.168.0.254'))).toBeUndefined());
