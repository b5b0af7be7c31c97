// The switch port of one blade with a tagged card, a process of its own: frames come and go in datagrams on the loopback interface, one a
// frame, tagged on the blade's side, untagged on the other. What is dropped is told on standard output, and everything at the end.
//
//   node vlan-switch.ts MARK VLAN TRUNK BLADE ACCESS BRIDGE
//
// UDP ports: the blade's QEMU sends from BLADE to TRUNK; the QEMU that has the rack's bridge sends from BRIDGE to ACCESS.

import { createSocket, type Socket } from 'node:dgram';
import process from 'node:process';
import { numericOnly } from '../../daemons/host/numeric-lookup.ts';
import { LOOPBACK } from './vlan-plan.ts';
import { VlanPort } from './vlan-frames.ts';

/** The receive buffer that is asked for: a burst of a TCP window while this process does not run. The kernel gives what it may. */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** How often drops are told. */
const TELL_MS = 10_000;

const [vlan, trunkPort, bladePort, accessPort, bridgePort] = process.argv.slice(3).map(Number) as [number, number, number, number, number];
const port = new VlanPort(vlan);

/** Opens one side; `take` is given each frame that its peer sends. */
function open(local: number, peer: number, take: (frame: Uint8Array) => void): Socket {
  const socket = createSocket({ type: 'udp4', lookup: numericOnly, recvBufferSize: BUFFER_BYTES });
  socket.on('error', (error) => {
    process.stderr.write(`${LOOPBACK}:${local}: ${error.message}\n`);
    process.exit(1);
  });
  socket.on('message', (frame, from) => {
    if (from.port === peer && from.address === LOOPBACK) take(frame);
  });
  socket.bind(local, LOOPBACK);
  return socket;
}

/** A datagram that cannot be sent is a frame that is lost, as on any wire. */
const ignore = (): void => undefined;

const trunk = open(trunkPort, bladePort, (frame) => {
  const out = port.fromBlade(frame);
  if (out !== undefined) access.send(out, bridgePort, LOOPBACK, ignore);
});
const access = open(accessPort, bridgePort, (frame) => {
  const out = port.toBlade(frame);
  if (out !== undefined) trunk.send(out, bladePort, LOOPBACK, ignore);
});

const tell = (): boolean => process.stdout.write(`${new Date().toISOString()} ${port.summary()}\n`);
let told = 0;
setInterval(() => {
  if (port.dropped === told) return;
  told = port.dropped;
  tell();
}, TELL_MS);
process.on('SIGTERM', () => {
  tell();
  process.exit(0);
});
