// One request to a web server that is not trusted to be well: every answer has a limit of size and of time. Who is at the other end of
// HTTPS is settled before a byte of the request, and so of a password, is sent.

import { createHash } from 'node:crypto';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

/** By what a server is known. */
export type ServerIdentity =
  /** SHA-256 of its certificate (DER), 64 lower-case hexadecimal digits; name, issuer and dates of the certificate do not matter then. */
  | { readonly kind: 'fingerprint'; readonly sha256: string }
  /** Signed by one of these authorities (PEM), and issued for the host. */
  | { readonly kind: 'authority'; readonly pem: string }
  /** By nothing: plain HTTP. */
  | { readonly kind: 'cleartext' };

export interface WebQuestion {
  readonly host: string;
  readonly port: number;
  readonly identity: ServerIdentity;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Sent, never shown. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly limits: { readonly timeMs: number; readonly bodyBytes: number };
}

export interface WebReply {
  readonly status: number;
  readonly body: Uint8Array;
}

/** The certificate's SHA-256 (DER), 64 lower-case hexadecimal digits. */
export const fingerprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');

/** Opens the connection, and checks who answers. `onSocket` is given the socket at once, so that it can be broken off. */
function openConnection({ host, port, identity }: WebQuestion, onSocket: (socket: Socket) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (identity.kind === 'cleartext') {
      const socket = connectTcp({ host, port }, () => resolve(socket));
      socket.once('error', reject);
      onSocket(socket);
      return;
    }
    const name = isIP(host) === 0 ? { servername: host } : {};
    const check = identity.kind === 'authority' ? { ca: identity.pem } : { rejectUnauthorized: false };
    const socket: TLSSocket = connectTls({ host, port, ...name, ...check });
    socket.once('secureConnect', () => {
      const seen = fingerprintOf(socket.getPeerCertificate().raw ?? new Uint8Array(0));
      if (identity.kind === 'authority' || seen === identity.sha256) return resolve(socket);
      socket.destroy();
      reject(new Error(`the server's certificate has another fingerprint: ${seen}`));
    });
    socket.once('error', reject);
    onSocket(socket);
  });
}

function readReply(message: IncomingMessage, limitBytes: number): Promise<WebReply> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    message.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > limitBytes) {
        message.destroy();
        reject(new Error(`the answer has more than ${limitBytes} bytes`));
      } else pieces.push(piece);
    });
    message.once('error', reject);
    message.once('close', () => reject(new Error('the answer was broken off')));
    message.once('end', () => resolve({ status: message.statusCode!, body: new Uint8Array(Buffer.concat(pieces)) }));
  });
}

async function exchange(question: WebQuestion, onSocket: (socket: Socket) => void): Promise<WebReply> {
  const { host, port, method, path, headers, body, limits } = question;
  const socket = await openConnection(question, onSocket);
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    // No agent: the connection is ours, is used once, and a redirection is an answer like any other.
    const request: ClientRequest = httpRequest({ host, port, method, path, headers: { ...headers, ...length, Connection: 'close' }, createConnection: () => socket });
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
  return readReply(message, limits.bodyBytes);
}

/**
 * Sends one request and takes its answer, whatever its status. Rejects with an Error that names what went wrong (and never a header):
 * nobody listens, another server than the one that is meant, an answer that is no HTTP, is too long, or does not come in time.
 */
export async function askWeb(question: WebQuestion): Promise<WebReply> {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  const { timeMs } = question.limits;
  const tooSlow = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no whole answer within ${timeMs / 1000} s`)), timeMs);
  });
  const answer = exchange(question, (opened) => (socket = opened));
  // When the time is over nobody waits for it any more.
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, tooSlow]);
  } finally {
    clearTimeout(timer);
    socket?.destroy();
  }
}
