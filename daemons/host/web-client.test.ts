import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askWeb, type WebQuestion } from './web-client.ts';

// HTTPS with certificates, good and bad, is tested with the Redfish service in daemons/power-controllers.test.ts.

let server: Server;
let heard: string;
let speak: (socket: Socket) => void;
beforeEach(async () => {
  heard = '';
  speak = () => {};
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      if (heard.includes('\r\n\r\n')) speak(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => void server.close());

const question = (more: Partial<WebQuestion> = {}): WebQuestion => ({
  host: '127.0.0.1', port: (server.address() as AddressInfo).port, identity: { kind: 'cleartext' }, method: 'GET', path: '/x', headers: { Authorization: 'Basic c2VjcmV0' }, limits: { timeMs: 20_000, bodyBytes: 10 }, ...more,
});
const say = (text: string) => (socket: Socket): void => void socket.end(text);

describe('one question', () => {
  test('is asked, and its answer given back whatever its status', async () => {
    speak = say('HTTP/1.1 503 Sorry\r\nContent-Length: 4\r\n\r\nwait');
    expect(await askWeb(question({ method: 'POST', body: '{"ä":1}' }))).toEqual({ status: 503, body: new TextEncoder().encode('wait') });
    expect(heard).toMatch(/^POST \/x HTTP\/1\.1\r\n/);
    expect(heard).toMatch(/\r\nContent-Length: 8\r\n/i);
    expect(heard).toMatch(/\r\nConnection: close\r\n/i);
  });

  test.each([
    ['a body that is too long', 'HTTP/1.1 200 OK\r\n\r\n12345678901', 'more than 10 bytes'], ['no HTTP', 'SSH-2.0-x\r\n', 'Parse Error'], ['an end before the end', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12', 'aborted'],
    ['no word', '', 'socket hang up'], ['headers without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`, 'Header'],
  ])('%s is an error that shows no header of ours', async (_what, text, said) => {
    speak = say(text);
    const error = (await askWeb(question()).catch((caught: unknown) => caught)) as Error;
    expect(error.message).toContain(said);
    expect(error.message).not.toContain('c2VjcmV0');
  });

  test.each([['silence', ''], ['half an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12']])('%s ends with the time', async (_what, text) => {
    speak = (socket) => void socket.write(text);
    await expect(askWeb(question({ limits: { timeMs: 100, bodyBytes: 10 } }))).rejects.toThrow('no whole answer within 0.1 s');
  });

  test('nobody listens', async () => {
    const nowhere = question();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await expect(askWeb(nowhere)).rejects.toThrow('ECONNREFUSED');
  });

  test('a server that speaks no TLS gets no request', async () => {
    await expect(askWeb(question({ identity: { kind: 'fingerprint', sha256: 'ab'.repeat(32) }, limits: { timeMs: 500, bodyBytes: 10 } }))).rejects.toThrow(/./);
    expect(heard).not.toContain('c2VjcmV0');
    expect(heard).not.toContain('GET');
  });
});
