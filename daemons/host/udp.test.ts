import { createSocket } from 'node:dgram';
import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { LogEffect } from '../core/log-effect.ts';
import { openUdp } from './udp.ts';

const LOOPBACK = '127.0.0.1' as Ipv4;
/** Of the block for documentation (RFC 5737): no machine has it. */
const NOBODYS = '192.0.2.1' as Ipv4;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, LOOPBACK, resolve));
  const { port } = socket.address();
  socket.close();
  return port;
}

function collect() {
  const logs: LogEffect[] = [];
  return { logs, log: (effect: LogEffect) => void logs.push(effect), events: () => logs.map(({ event }) => event) };
}

test('two sockets share a port: the one bound to the address gets its unicast', async () => {
  const port = await freePort();
  const heard: string[] = [];
  const { log } = collect();
  const any = openUdp({ address: '0.0.0.0' as Ipv4, port, log, onDatagram: () => heard.push('any') });
  const own = openUdp({ address: LOOPBACK, port, log, onDatagram: (bytes, from) => heard.push(`own ${bytes.constructor.name} ${bytes.join()} ${from.address}:${from.port}`) });
  await Promise.all([any.bound, own.bound]);
  expect(own.send(Uint8Array.of(1, 2), { address: LOOPBACK, port })).toBe(true);
  await expect.poll(() => heard).toEqual([`own Uint8Array 1,2 127.0.0.1:${port}`]);
  any.stop();
  own.stop();
  expect(own.send(Uint8Array.of(1), { address: LOOPBACK, port })).toBe(false);
});

test('an address that is not there is waited for, with one line in the log', async () => {
  const { log, events } = collect();
  const socket = openUdp({ address: NOBODYS, port: 40_067, log, onDatagram: () => {} });
  await pause(400);
  expect(events()).toEqual(['udp.waiting']);
  expect(socket.send(Uint8Array.of(1), { address: LOOPBACK, port: 9 })).toBe(false);
  socket.stop();
  await pause(100);
  expect(events()).toEqual(['udp.waiting']);
});

test('a port held by another process is taken as soon as it is free', async () => {
  const holder = createSocket('udp4');
  await new Promise<void>((resolve) => holder.bind(0, LOOPBACK, resolve));
  const { port } = holder.address();
  const { log, events } = collect();
  const socket = openUdp({ address: LOOPBACK, port, log, onDatagram: () => {} });
  await expect.poll(events).toEqual(['udp.waiting']);
  holder.close();
  await socket.bound;
  expect(events()).toEqual(['udp.waiting', 'udp.bound']);
  socket.stop();
});

test('a datagram that cannot be sent is lost, said once, and the socket lives on', async () => {
  const port = await freePort();
  const heard: Uint8Array[] = [];
  const { log, events } = collect();
  const socket = openUdp({ address: LOOPBACK, port, log, onDatagram: (bytes) => heard.push(bytes) });
  await socket.bound;
  // From a loopback address nothing leaves the machine.
  for (let i = 0; i < 3; i++) socket.send(Uint8Array.of(1), { address: NOBODYS, port: 9 });
  await expect.poll(events).toEqual(['udp.bound', 'udp.send-failed']);
  socket.send(Uint8Array.of(7), { address: LOOPBACK, port });
  await expect.poll(() => heard.length).toBe(1);
  socket.stop();
});
