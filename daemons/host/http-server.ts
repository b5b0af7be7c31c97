// The sockets of a small web server whose answers are computed by a pure function.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Ipv4 } from '../core/ipv4.ts';

/** A rack that boots at once has one connection a blade; each holds a few KiB, for the files are shared. */
export const CONNECTIONS_MAX = 512;
/** iPXE sends its request at once; who takes longer than this is probing. */
const HEADERS_TIMEOUT_MS = 5_000;
/** A client that takes nothing for so long has gone; its own time-out is shorter. */
const IDLE_TIMEOUT_MS = 30_000;
/** Kernel and initrd come over one connection. */
const KEEP_ALIVE_MS = 5_000;
const HEADERS_MAX_BYTES = 8 * 1024;
const HEADERS_MAX_COUNT = 64;

/** One request, without its body, which is never read. */
export interface WebRequest {
  readonly method: string;
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly clientAddress: Ipv4;
}

/** `headers` include Content-Length. */
export interface WebResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface HttpServerOptions<Response extends WebResponse> {
  readonly address: Ipv4;
  /** 80, or 0 for any free one. */
  readonly port: number;
  readonly answer: (request: WebRequest) => Response;
  /** After each answer; `complete` is false when the client went away before its end. */
  readonly onAnswered: (request: WebRequest, response: Response, complete: boolean) => void;
}

export interface HttpService {
  readonly port: number;
  close(): void;
}

function toRequest(message: IncomingMessage): WebRequest {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(message.headers)) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return { method: message.method ?? '', url: message.url ?? '', headers, clientAddress: (message.socket.remoteAddress ?? '') as Ipv4 };
}

function respond<Response extends WebResponse>(message: IncomingMessage, out: ServerResponse, { answer, onAnswered }: HttpServerOptions<Response>): void {
  const request = toRequest(message);
  const response = answer(request);
  // A body is never read: the answer does not depend on it, and an unread one would block the connection.
  message.resume();
  out.once('close', () => onAnswered(request, response, out.writableFinished));
  out.writeHead(response.status, response.headers);
  out.end(response.body);
}

function configure(server: Server): void {
  server.maxConnections = CONNECTIONS_MAX;
  server.maxHeadersCount = HEADERS_MAX_COUNT;
  server.setTimeout(IDLE_TIMEOUT_MS, (socket) => socket.destroy());
}

/** Binds the port and serves. Rejects with the socket's error, e.g. EADDRNOTAVAIL, when it cannot be bound. */
export async function openHttp<Response extends WebResponse>(options: HttpServerOptions<Response>): Promise<HttpService> {
  const limits = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: IDLE_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: HEADERS_MAX_BYTES, noDelay: true };
  const server = createServer(limits, (message, out) => respond(message, out, options));
  configure(server);
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.address, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
