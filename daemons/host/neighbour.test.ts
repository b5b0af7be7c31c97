import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import { macInArpTable, macOfNeighbour } from './neighbour.ts';

const TABLE = `IP address       HW type     Flags       HW address            Mask     Device
10.7.0.66        0x1         0x2         52:54:00:66:66:66     *        eth0
10.7.0.6         0x1         0x0         00:00:00:00:00:00     *        eth0
10.7.0.67        0x1         0x6         52:54:00:67:67:67     *        eth0
`;

test('the card of a neighbour that answered; none of one that did not, nor of one whose address only begins like it', () => {
  const of = (address: string) => macInArpTable(TABLE, address as Ipv4);
  expect(of('10.7.0.66')).toBe('52:54:00:66:66:66');
  expect(of('10.7.0.67')).toBe('52:54:00:67:67:67');
  expect([of('10.7.0.6'), of('10.7.0.1'), macInArpTable('', '10.7.0.66' as Ipv4)]).toEqual([undefined, undefined, undefined]);
});

test('this machine\'s own table can be asked', () => expect(macOfNeighbour('192.0.2.77' as Ipv4)).toBeUndefined());
