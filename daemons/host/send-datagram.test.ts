import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import { sendDatagram } from './send-datagram.ts';

test('a datagram arrives, at a broadcast address of the loopback as well', async () => {
  const listener = createSocket('udp4');
  await new Promise<void>((resolve) => listener.bind(0, '0.0.0.0', resolve));
  const { port } = listener.address() as AddressInfo;
  const heard: number[] = [];
  listener.on('message', (bytes) => heard.push(bytes[0]!));
  await sendDatagram(Uint8Array.of(1), { address: '127.0.0.1' as Ipv4, port });
  await sendDatagram(Uint8Array.of(2), { address: '127.255.255.255' as Ipv4, port });
  await expect.poll(() => heard).toEqual([1, 2]);
  listener.close();
});

test('one that cannot leave is an error', async () => {
  await expect(sendDatagram(new Uint8Array(70_000), { address: '127.0.0.1' as Ipv4, port: 9 })).rejects.toThrow('EMSGSIZE');
});
