// One datagram, for those who do not wait for an answer.

import { createSocket } from 'node:dgram';
import type { Ipv4 } from '../core/ipv4.ts';
import { numericOnly } from './numeric-lookup.ts';

/** Sends one UDP datagram, to a broadcast address as well. Rejects with the system's error, e.g. ENETUNREACH, when it cannot leave. */
export async function sendDatagram(bytes: Uint8Array, to: { readonly address: Ipv4; readonly port: number }): Promise<void> {
  const socket = createSocket({ type: 'udp4', lookup: numericOnly });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, () => {
        socket.setBroadcast(true);
        socket.send(bytes, to.port, to.address, (error) => (error ? reject(error) : resolve()));
      });
    });
  } finally {
    socket.close();
  }
}
