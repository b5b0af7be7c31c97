import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import { askForOffers } from './dhcp-discovery.ts';

const LOOPBACK = '127.0.0.1' as Ipv4;
const MESSAGES = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];
const sockets: Socket[] = [];

/** A server on a port of its own that answers each datagram with these. */
async function startServer(...answers: readonly Uint8Array[]): Promise<{ readonly heard: string[]; readonly to: { readonly address: Ipv4; readonly port: number } }> {
  const socket = createSocket('udp4');
  sockets.push(socket);
  const heard: string[] = [];
  socket.on('message', (bytes, from) => {
    heard.push(bytes.join());
    for (const answer of answers) socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, LOOPBACK, resolve));
  return { heard, to: { address: LOOPBACK, port: socket.address().port } };
}

async function freePort(): Promise<number> {
  const { to } = await startServer();
  sockets.pop()!.close();
  return to.port;
}

afterEach(() => sockets.splice(0).forEach((socket) => socket.close()));

describe('asking for offers', () => {
  test('every message is sent twice, from the client\'s port, and what comes back is kept with its sender', async () => {
    const { heard, to } = await startServer(Uint8Array.of(9, 9));
    const answers = await askForOffers({ address: LOOPBACK, messages: MESSAGES, to, clientPort: await freePort(), listenMs: 300 });
    expect(heard).toEqual(['1,2,3', '4', '1,2,3', '4']);
    expect(answers).toEqual(Array.from({ length: 4 }, () => ({ bytes: Uint8Array.of(9, 9), from: LOOPBACK, mac: undefined })));
  });

  test('silence is no failure', async () => {
    const { to } = await startServer();
    expect(await askForOffers({ address: LOOPBACK, messages: MESSAGES, to, clientPort: await freePort(), listenMs: 200 })).toEqual([]);
  });

  test('a flood is cut off', async () => {
    const { to } = await startServer(...Array.from({ length: 200 }, (_, i) => Uint8Array.of(i)));
    expect(await askForOffers({ address: LOOPBACK, messages: MESSAGES, to, clientPort: await freePort(), listenMs: 500 })).toHaveLength(256);
  });

  test('the port is free again afterwards', async () => {
    const { to } = await startServer();
    const clientPort = await freePort();
    await askForOffers({ address: LOOPBACK, messages: MESSAGES, to, clientPort, listenMs: 100 });
    const socket = createSocket('udp4');
    sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port: clientPort, address: LOOPBACK, exclusive: true }, resolve);
    });
  });
});

describe('what cannot be done is told with its reason', () => {
  test('an address that this machine has not', async () => {
    await expect(askForOffers({ address: '192.0.2.1' as Ipv4, messages: MESSAGES, clientPort: await freePort(), listenMs: 100 })).rejects.toThrow('EADDRNOTAVAIL');
  });

  test('a port that another program keeps for itself', async () => {
    const { to } = await startServer();
    await expect(askForOffers({ address: LOOPBACK, messages: MESSAGES, to, clientPort: to.port, listenMs: 100 })).rejects.toThrow('EADDRINUSE');
  });

  test('a datagram that cannot be sent', async () => {
    await expect(askForOffers({ address: LOOPBACK, messages: [new Uint8Array(70_000)], to: { address: LOOPBACK, port: 9 }, clientPort: await freePort(), listenMs: 100 })).rejects.toThrow('EMSGSIZE');
  });
});
