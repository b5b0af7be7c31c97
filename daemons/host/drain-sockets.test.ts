import { createSocket, type Socket } from 'node:dgram';
import { afterEach, expect, test } from 'vitest';
import { DRAIN_TURNS_MAX, drainSockets } from './drain-sockets.ts';

let sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.close();
  sockets = [];
});

async function bound(onMessage: () => void = () => {}): Promise<Socket> {
  const socket = createSocket('udp4');
  sockets.push(socket);
  socket.on('message', onMessage);
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.setRecvBufferSize(1024 * 1024);
  return socket;
}

const busy = (ms: number): void => {
  for (const until = performance.now() + ms; performance.now() < until; );
};

test('what waited while the process did nothing is read first, however much libuv reads in one turn', async () => {
  let heard = 0;
  const to = await bound(() => (heard += 1));
  const from = await bound();
  const COUNT = 200;
  // Sent synchronously: libuv tries at once, so that all of them wait in the other socket when the timer is handled.
  for (let i = 0; i < COUNT; i++) from.send(Uint8Array.of(i), to.address().port, '127.0.0.1');
  await new Promise<void>((resolve) => {
    setTimeout(() => drainSockets(() => heard, resolve), 1);
    busy(20);
  });
  expect(heard).toBe(COUNT);
});

test('a flood does not hold it up for ever', async () => {
  let heard = 0;
  let turns = 0;
  const flood = (): void => {
    heard += 1;
    turns += 1;
    if (!done) setImmediate(flood);
  };
  let done = false;
  flood();
  await new Promise<void>((resolve) => drainSockets(() => heard, resolve));
  done = true;
  expect(turns).toBeGreaterThanOrEqual(DRAIN_TURNS_MAX);
});
