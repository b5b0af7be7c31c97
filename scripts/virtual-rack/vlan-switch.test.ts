import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { TAGGED_MAX, UNTAGGED_MAX } from './vlan-frames.ts';
import { LOOPBACK, switchArgv } from './vlan-plan.ts';

const VLAN = 5;
const START_MS = 10_000;
const sockets: Socket[] = [];
let child: ChildProcess | undefined;

async function endOfWire(): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket('udp4');
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  sockets.push(socket);
  return { socket, port: socket.address().port };
}

async function freePort(): Promise<number> {
  const { socket, port } = await endOfWire();
  sockets.splice(sockets.indexOf(socket), 1);
  socket.close();
  await once(socket, 'close');
  return port;
}

afterEach(async () => {
  if (child?.exitCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  for (const socket of sockets.splice(0)) socket.close();
});

/** An untagged and a tagged frame of the longest kind. */
function frames(tag: number): { untagged: Uint8Array; tagged: Uint8Array } {
  const untagged = new Uint8Array(UNTAGGED_MAX).fill(7);
  untagged.set([0x08, 0x00], 12);
  const tagged = new Uint8Array(TAGGED_MAX).fill(7);
  tagged.set([0x81, 0x00, tag >> 8, tag & 0xff, 0x08, 0x00], 12);
  return { untagged, tagged };
}

describe('the process of a switch port', () => {
  test('passes the longest frames both ways, heeds its peers alone, and tells at its end what it dropped', async () => {
    const [blade, bridge, stranger] = [await endOfWire(), await endOfWire(), await endOfWire()];
    const [trunk, access] = [await freePort(), await freePort()];
    const [program, ...args] = switchArgv(process.execPath, 'test-vlan-switch', VLAN, { trunk, access, blade: blade.port, bridge: bridge.port });
    child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const { untagged, tagged } = frames(VLAN);

    const atBridge: Buffer[] = [];
    bridge.socket.on('message', (frame) => atBridge.push(frame));
    const atBlade: Buffer[] = [];
    blade.socket.on('message', (frame) => atBlade.push(frame));
    // As a network card does: what is sent before the port is there is lost.
    for (const deadline = performance.now() + START_MS; atBridge.length === 0 && performance.now() < deadline; await sleep(50)) blade.socket.send(tagged, trunk, LOOPBACK);
    expect(new Uint8Array(atBridge[0]!)).toEqual(untagged);

    await sleep(100);
    atBridge.length = 0;
    stranger.socket.send(tagged, trunk, LOOPBACK);
    stranger.socket.send(untagged, access, LOOPBACK);
    blade.socket.send(frames(6).tagged, trunk, LOOPBACK);
    blade.socket.send(untagged, trunk, LOOPBACK);
    bridge.socket.send(tagged, access, LOOPBACK);
    bridge.socket.send(untagged, access, LOOPBACK);
    for (const deadline = performance.now() + START_MS; atBlade.length === 0 && performance.now() < deadline; ) await sleep(20);
    expect(atBlade.map((frame) => new Uint8Array(frame))).toEqual([tagged]);
    await sleep(100);
    expect(atBridge).toEqual([]);

    child.kill('SIGTERM');
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
    expect(said).toMatch(/VLAN 5: \d+ frames from the blade, 1 frames to the blade; dropped: 1 other VLAN from the blade, 1 tagged to the blade, 1 untagged from the blade\n$/);
  });

  test('a port that is taken ends it, with the reason', async () => {
    const [taken, other] = [await endOfWire(), await endOfWire()];
    const [program, ...args] = switchArgv(process.execPath, 'test-vlan-switch', VLAN, { trunk: taken.port, access: await freePort(), blade: other.port, bridge: other.port });
    child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await once(child, 'close');
    expect([child.exitCode, said]).toEqual([1, expect.stringContaining('EADDRINUSE')]);
  });
});
