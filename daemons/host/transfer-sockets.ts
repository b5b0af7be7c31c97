// Sockets for a protocol that gives every transfer a port of its own, as TFTP does (RFC 1350 section 4): the request port,
// and as many others as the machine opens. Decides nothing.

import { createSocket, type Socket } from 'node:dgram';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Instant, Machine } from '../core/machine.ts';
import { MachineLoop } from './machine-loop.ts';
import { numericOnly } from './numeric-lookup.ts';

/** Room for a burst of requests when a whole rack is switched on. */
const REQUEST_BUFFER_BYTES = 1024 * 1024;

/** Where a datagram comes from or goes to. */
export interface Peer {
  readonly address: Ipv4;
  readonly port: number;
}

/** What these sockets tell the machine. */
export type TransferInput =
  | { readonly kind: 'request'; readonly client: Peer; readonly bytes: Uint8Array }
  | { readonly kind: 'datagram'; readonly transfer: number; readonly client: Peer; readonly bytes: Uint8Array }
  | { readonly kind: 'socket-failed'; readonly transfer: number; readonly reason: string }
  | { readonly kind: 'timer' };

/** What the machine may want of them; its effects may say more, which `onEvent` gets to see. */
export type TransferEffect =
  | { readonly kind: 'open'; readonly transfer: number }
  | { readonly kind: 'send'; readonly transfer: number; readonly client: Peer; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly transfer: number }
  | { readonly kind: 'refuse'; readonly client: Peer; readonly bytes: Uint8Array };

export interface TransferSocketsOptions<Effect extends TransferEffect> {
  readonly machine: Machine<TransferInput, Effect>;
  readonly address: Ipv4;
  /** 69 for TFTP, or 0 for any free one. */
  readonly port: number;
  readonly now: () => Instant;
  /** Every effect but the sending of transfers' packets, after it was done. */
  readonly onEvent: (event: Exclude<Effect, { readonly kind: 'send' }>) => void;
  /** The request socket broke after it was bound. */
  readonly onBroken: (error: Error) => void;
}

export interface TransferSockets {
  readonly port: number;
  close(): void;
}

/** A datagram that could not be sent is a lost one: the protocol repeats it. */
function sendQuietly(socket: Socket, bytes: Uint8Array, port: number, address: string): void {
  socket.send(bytes, port, address, () => {});
}

class Shell<Effect extends TransferEffect> implements TransferSockets {
  readonly #options: TransferSocketsOptions<Effect>;
  readonly #requests: Socket;
  readonly #transfers = new Map<number, Socket>();
  readonly #loop: MachineLoop<TransferInput, Effect>;

  constructor(options: TransferSocketsOptions<Effect>, requests: Socket) {
    this.#options = options;
    this.#requests = requests;
    this.#loop = new MachineLoop(options.machine, options.now, { kind: 'timer' }, (effect) => this.#perform(effect));
    requests.on('message', (bytes, { address, port }) => this.#loop.step({ kind: 'request', client: { address: address as Ipv4, port }, bytes }));
    requests.on('error', options.onBroken);
  }

  get port(): number {
    return this.#requests.address().port;
  }

  close(): void {
    this.#loop.stop();
    this.#requests.close();
    for (const socket of this.#transfers.values()) socket.close();
    this.#transfers.clear();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'open':
        this.#openTransfer(effect.transfer);
        break;
      case 'send': {
        const socket = this.#transfers.get(effect.transfer);
        if (socket !== undefined) sendQuietly(socket, effect.bytes, effect.client.port, effect.client.address);
        return;
      }
      case 'close':
        this.#transfers.get(effect.transfer)?.close();
        this.#transfers.delete(effect.transfer);
        break;
      case 'refuse':
        sendQuietly(this.#requests, effect.bytes, effect.client.port, effect.client.address);
        break;
    }
    this.#options.onEvent(effect as Exclude<Effect, { readonly kind: 'send' }>);
  }

  #openTransfer(transfer: number): void {
    const socket = createSocket({ type: 'udp4', lookup: numericOnly });
    socket.on('message', (bytes, { address, port }) => this.#loop.step({ kind: 'datagram', transfer, client: { address: address as Ipv4, port }, bytes }));
    // Not at once: with a look-up that answers at once bind reports its failure before it returns, amid the machine's effects.
    socket.on('error', (error) => queueMicrotask(() => this.#loop.step({ kind: 'socket-failed', transfer, reason: error.message })));
    this.#transfers.set(transfer, socket);
    socket.bind({ address: this.#options.address, port: 0 });
  }
}

/** Binds the request port and serves. Rejects with the socket's error, e.g. EADDRNOTAVAIL, when it cannot be bound. */
export async function openTransferSockets<Effect extends TransferEffect>(options: TransferSocketsOptions<Effect>): Promise<TransferSockets> {
  const requests = createSocket({ type: 'udp4', lookup: numericOnly });
  await new Promise<void>((resolve, reject) => {
    requests.once('error', reject);
    requests.bind({ address: options.address, port: options.port }, () => {
      requests.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    requests.close();
    throw error;
  });
  requests.setRecvBufferSize(REQUEST_BUFFER_BYTES);
  return new Shell(options, requests);
}
