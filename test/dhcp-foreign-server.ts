// For the interop tests: a DHCP server that is none of ours. It says one OFFER to everybody, from its own address:
// `node dhcp-foreign-server.ts ADDRESS`.

import { createSocket } from 'node:dgram';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import { EDK2_DISCOVER } from '../daemons/wire/dhcp-golden.ts';
import { addressValue, MESSAGE, OPTION, uint8Value } from '../daemons/wire/dhcp-options.ts';
import { BOOT_REPLY, decodeDhcp, encodeDhcp } from '../daemons/wire/dhcp-packet.ts';

const own = process.argv[2]! as Ipv4;
const options = new Map([[OPTION.messageType, uint8Value(MESSAGE.offer)], [OPTION.serverIdentifier, addressValue(own)]]);
const offer = encodeDhcp({ ...decodeDhcp(EDK2_DISCOVER)!, op: BOOT_REPLY, siaddr: own, options });
const socket = createSocket('udp4');
socket.bind(67, own, () => {
  socket.setBroadcast(true);
  socket.send(offer, 68, '255.255.255.255', () => socket.close());
});
