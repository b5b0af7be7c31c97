// One UDP socket that comes back: an address that is not there yet, an interface that goes down, a port still held by the
// predecessor are all waited for. It decides nothing and never throws.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import type { Ipv4 } from '../core/ipv4.ts';
import { logEffect } from '../core/log-effect.ts';
import type { LogEffect } from '../core/log-effect.ts';
import { numericOnly } from './numeric-lookup.ts';

/** The first pause before a socket is opened again, and the longest: a blade asks for half a minute at least. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2000;
/** A socket that has held so long was well; its next failure begins with the first pause. */
const HEALTHY_MS = 10_000;
/** Failures to send are logged once in this time for each error code. */
const SEND_LOG_INTERVAL_MS = 60_000;
/** Room for a burst of requests when a whole rack is switched on. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

export interface UdpOptions {
  /** What to bind: an own address, or 0.0.0.0 to hear broadcasts. */
  readonly address: Ipv4;
  readonly port: number;
  readonly onDatagram: (bytes: Uint8Array, from: { readonly address: Ipv4; readonly port: number }) => void;
  readonly log: (effect: LogEffect) => void;
}

type State =
  | { readonly kind: 'opening'; readonly socket: Socket }
  | { readonly kind: 'open'; readonly socket: Socket; readonly sinceMs: number }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'stopped' };

/** A socket that may be open just now. */
export interface UdpSocket {
  /** Resolves when the socket was bound for the first time. */
  readonly bound: Promise<void>;
  /** Sends a datagram; false when the socket is not open just now. A datagram that fails later is a lost one. */
  send(bytes: Uint8Array, to: { readonly address: string; readonly port: number }): boolean;
  /** Closes the socket for good. */
  stop(): void;
}

/** Opens a UDP socket, again and again whenever it fails; it may broadcast and shares its port with others of this machine. */
export function openUdp(options: UdpOptions): UdpSocket {
  return new LastingSocket(options);
}

class LastingSocket implements UdpSocket {
  readonly #options: UdpOptions;
  #state!: State;
  #pauseMs = RETRY_FIRST_MS;
  #reason: string | undefined;
  readonly #sendLoggedAt = new Map<string, number>();
  readonly bound: Promise<void>;
  #onBound!: () => void;

  constructor(options: UdpOptions) {
    this.#options = options;
    this.bound = new Promise((resolve) => {
      this.#onBound = resolve;
    });
    this.#open();
  }

  send(bytes: Uint8Array, to: { readonly address: string; readonly port: number }): boolean {
    if (this.#state.kind !== 'open') return false;
    this.#state.socket.send(bytes, to.port, to.address, (error) => error && this.#sendFailed(error, to.address));
    return true;
  }

  stop(): void {
    const state = this.#state;
    this.#state = { kind: 'stopped' };
    if (state.kind === 'waiting') clearTimeout(state.timer);
    else if (state.kind !== 'stopped') state.socket.close();
  }

  #open(): void {
    const { address, port, onDatagram } = this.#options;
    const socket = createSocket({ type: 'udp4', reuseAddr: true, lookup: numericOnly });
    socket.on('error', (error) => this.#failed(socket, error));
    // Not the Buffer itself: its slice() shares memory where a Uint8Array's copies, and pure files count on the copy.
    socket.on('message', (buffer, from) => onDatagram(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length), { address: from.address as Ipv4, port: from.port }));
    socket.on('listening', () => this.#listening(socket));
    // Before bind: with a look-up that answers at once, bind reports its failure before it returns.
    this.#state = { kind: 'opening', socket };
    socket.bind({ address, port });
  }

  #isCurrent(socket: Socket): boolean {
    return (this.#state.kind === 'opening' || this.#state.kind === 'open') && this.#state.socket === socket;
  }

  #listening(socket: Socket): void {
    if (!this.#isCurrent(socket)) return;
    try {
      socket.setBroadcast(true);
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    } catch (error) {
      this.#failed(socket, error as Error);
      return;
    }
    this.#state = { kind: 'open', socket, sinceMs: performance.now() };
    const { address, port, log } = this.#options;
    log(logEffect('info', 'udp.bound', { address, port }));
    this.#reason = undefined;
    this.#onBound();
  }

  #failed(socket: Socket, error: Error): void {
    if (!this.#isCurrent(socket)) return;
    if (this.#state.kind === 'open' && performance.now() - this.#state.sinceMs > HEALTHY_MS) this.#pauseMs = RETRY_FIRST_MS;
    socket.close();
    const { address, port, log } = this.#options;
    // One line for each reason, not for each try.
    if (error.message !== this.#reason) log(logEffect('warn', 'udp.waiting', { address, port, reason: error.message }));
    this.#reason = error.message;
    this.#state = { kind: 'waiting', timer: setTimeout(() => this.#open(), this.#pauseMs) };
    this.#pauseMs = Math.min(2 * this.#pauseMs, RETRY_MAX_MS);
  }

  #sendFailed(error: Error, to: string): void {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const now = performance.now();
    const last = this.#sendLoggedAt.get(code);
    if (last !== undefined && now - last < SEND_LOG_INTERVAL_MS) return;
    this.#sendLoggedAt.set(code, now);
    this.#options.log(logEffect('warn', 'udp.send-failed', { address: this.#options.address, port: this.#options.port, to, reason: error.message }));
  }
}
