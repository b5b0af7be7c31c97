// A client of the interop tests that sends one recorded DISCOVER, chooses the first offer and prints offer and ACK as JSON:
// `node dhcp-replay.ts ipxe|ipxe-rom|undionly|edk2|edk2-arm64|rom|http [MAC]`, by default from the MAC address of the recording. It
// speaks from a host without an address, as a boot ROM does.

import { createSocket } from 'node:dgram';
import { decodeLatin1, toHex } from '../daemons/core/bytes.ts';
import { macToBytes, parseMac } from '../daemons/core/mac.ts';
import { EDK2_ARM64_DISCOVER, EDK2_DISCOVER, HTTP_DISCOVER, IPXE_DISCOVER, IPXE_ROM_DISCOVER, ROM_DISCOVER, UNDIONLY_DISCOVER } from '../daemons/wire/dhcp-golden.ts';
import { addressValue, MESSAGE, messageTypeOf, OPTION, textOption, uint8Value } from '../daemons/wire/dhcp-options.ts';
import { decodeDhcp, encodeDhcp } from '../daemons/wire/dhcp-packet.ts';

/** A real ROM gives up after a minute; the test wants an answer to the first try. */
const PATIENCE_MS = 3000;
const GOLDEN: Readonly<Record<string, Uint8Array>> = {
  ipxe: IPXE_DISCOVER, 'ipxe-rom': IPXE_ROM_DISCOVER, undionly: UNDIONLY_DISCOVER, edk2: EDK2_DISCOVER, 'edk2-arm64': EDK2_ARM64_DISCOVER, rom: ROM_DISCOVER, http: HTTP_DISCOVER,
};

const recorded = decodeDhcp(GOLDEN[process.argv[2] ?? ''] ?? ROM_DISCOVER)!;
const mac = parseMac(process.argv[3] ?? '');
const discover = mac === undefined ? recorded : { ...recorded, chaddr: macToBytes(mac) };
const socket = createSocket('udp4');
const broadcast = (bytes: Uint8Array): void => socket.send(bytes, 67, '255.255.255.255');

socket.on('message', (bytes) => {
  const reply = decodeDhcp(bytes);
  if (reply?.op !== 2 || reply.xid !== discover.xid) return;
  const type = messageTypeOf(reply.options);
  const { yiaddr, siaddr, sname, file, options } = reply;
  const hex = (code: number): string | undefined => options.get(code) && toHex(options.get(code)!);
  console.log(JSON.stringify({ type, yiaddr, siaddr, sname, file, vendorClass: textOption(options, 60), pxe: hex(43), ipxe: hex(175), server: decodeLatin1(options.get(66)!), bootFile: textOption(options, 67) }));
  if (type === MESSAGE.ack) process.exit(0);
  const more = [[OPTION.messageType, uint8Value(MESSAGE.request)], [OPTION.serverIdentifier, options.get(54)!], [OPTION.requestedAddress, addressValue(yiaddr)]] as const;
  broadcast(encodeDhcp({ ...discover, options: new Map([...discover.options, ...more]) }));
});
socket.bind(68, () => {
  socket.setBroadcast(true);
  broadcast(encodeDhcp(discover));
});
setTimeout(() => process.exit(1), PATIENCE_MS);
