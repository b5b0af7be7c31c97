import { describe, expect, test } from 'vitest';
import { encodeLatin1 } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Instant } from '../core/machine.ts';
import { decodeTftp, encodeTftp, type TftpOptions, type TftpPacket } from '../wire/tftp-packet.ts';
import { fileNameOf, TftpServer, TRANSFERS_MAX, TRANSFERS_PER_CLIENT_MAX, type TftpClient, type TftpEffect } from './tftp-server.ts';

const T0 = 0 as Instant;
const FILES = new Map([['vmlinuz', new Uint8Array(3000)], ['efi/snponly.efi', new Uint8Array(10)], ['notes', encodeLatin1('a\nb\n')], ['large', new Uint8Array(1024 * 1024 + 1)]]);
const client = (host: number, port = 2070): TftpClient => ({ address: `10.0.0.${host}` as Ipv4, port });
const read = (file: string, options: TftpOptions = [], mode = 'octet') => encodeTftp({ kind: 'read', file, mode, options });
const request = (server: TftpServer, from: TftpClient, bytes: Uint8Array, now = T0) => server.step(now, { kind: 'request', client: from, bytes });

/** What the effects say: kinds, and the packets within them. */
function say(effects: readonly TftpEffect[]): string[] {
  return effects.map((effect) => {
    if (effect.kind === 'open') return `open ${effect.file}`;
    if (effect.kind === 'close') return `close ${effect.file} ${effect.outcome}`;
    const packet = decodeTftp(effect.bytes) as TftpPacket;
    if (packet.kind === 'error') return `${effect.kind} error ${packet.code} ${packet.message}`;
    return `${effect.kind} ${packet.kind}${packet.kind === 'data' ? ` ${packet.block} of ${packet.data.length}` : ''}`;
  });
}

describe('requests', () => {
  test.each([
    ['vmlinuz', ['open vmlinuz', 'send data 1 of 512']],
    ['/vmlinuz', ['open vmlinuz', 'send data 1 of 512']],
    ['.//./vmlinuz', ['open vmlinuz', 'send data 1 of 512']],
    ['efi/snponly.efi', ['open efi/snponly.efi', 'send data 1 of 10']],
    ['../etc/shadow', ['refuse error 1 no file ../etc/shadow']],
    ['/etc/shadow', ['refuse error 1 no file etc/shadow']],
    ['efi/../vmlinuz', ['refuse error 1 no file efi/../vmlinuz']],
    ['constructor', ['refuse error 1 no file constructor']],
  ])('for %s', (file, answer) => {
    expect(say(request(new TftpServer(FILES), client(1), read(file)))).toEqual(answer);
  });
  test('netascii changes the text and its announced size', () => {
    const effects = request(new TftpServer(FILES), client(1), read('notes', [['tsize', '0']], 'netascii'));
    expect(decodeTftp((effects[1] as { bytes: Uint8Array }).bytes)).toEqual({ kind: 'option-ack', options: [['tsize', '6']] });
  });
  test('modes that are not known, and netascii of a large file, are refused', () => {
    expect(say(request(new TftpServer(FILES), client(1), read('notes', [], 'mail')))).toEqual(['refuse error 4 mode mail: octet and netascii are known']);
    expect(say(request(new TftpServer(FILES), client(1), read('large', [], 'netascii')))).toMatchObject([/error 4 large is too large/]
      .map((pattern) => expect.stringMatching(pattern)));
  });
  test('writing is refused', () => {
    const bytes = encodeTftp({ kind: 'write', file: 'vmlinuz', mode: 'octet', options: [] });
    expect(say(request(new TftpServer(FILES), client(1), bytes))).toEqual(['refuse error 2 this server is read only']);
  });
  test('anything but a request at the request port is not answered', () => {
    const server = new TftpServer(FILES);
    for (const packet of [{ kind: 'ack', block: 0 }, { kind: 'error', code: 1, message: '' }, { kind: 'data', block: 1, data: new Uint8Array(3) }] as const) {
      expect(request(server, client(1), encodeTftp(packet))).toEqual([]);
    }
    expect(request(server, client(1), new Uint8Array(600))).toEqual([]);
  });
});

describe('the same port again', () => {
  test('a repeated request does not open a second transfer', () => {
    const server = new TftpServer(FILES);
    request(server, client(1), read('vmlinuz'));
    expect(request(server, client(1), read('vmlinuz'), 5000 as Instant)).toEqual([]);
    expect(server.transfers).toBe(1);
  });
  test('a ROM that starts over replaces its old transfer', () => {
    const server = new TftpServer(FILES);
    request(server, client(1), read('vmlinuz'));
    server.step(T0, { kind: 'datagram', transfer: 1, client: client(1), bytes: encodeTftp({ kind: 'ack', block: 1 }) });
    expect(say(request(server, client(1), read('vmlinuz'), 900 as Instant))).toEqual([]);
    expect(say(request(server, client(1), read('vmlinuz'), 5000 as Instant))).toEqual(['close vmlinuz replaced', 'open vmlinuz', 'send data 1 of 512']);
    expect(say(request(server, client(1), read('notes'), 5000 as Instant))).toEqual(['close vmlinuz replaced', 'open notes', 'send data 1 of 4']);
  });
  test('EDK2 asks the size, aborts, and comes again', () => {
    const server = new TftpServer(FILES);
    request(server, client(1), read('vmlinuz', [['tsize', '0']]));
    const abort = encodeTftp({ kind: 'error', code: 8, message: 'aborted' });
    expect(say(server.step(T0, { kind: 'datagram', transfer: 1, client: client(1), bytes: abort }))).toEqual(['close vmlinuz refused']);
    expect(say(request(server, client(1), read('vmlinuz', [['blksize', '1468']])))).toEqual(['open vmlinuz', 'send option-ack']);
  });
});

test('a stranger at a transfer\'s port gets ERROR 5 and disturbs nothing', () => {
  const server = new TftpServer(FILES);
  request(server, client(1), read('vmlinuz'));
  const bytes = encodeTftp({ kind: 'ack', block: 1 });
  expect(say(server.step(T0, { kind: 'datagram', transfer: 1, client: client(1, 9), bytes }))).toEqual(['send error 5 not your transfer']);
  expect(server.step(T0, { kind: 'datagram', transfer: 1, client: client(2), bytes: encodeTftp({ kind: 'error', code: 0, message: '' }) })).toEqual([]);
  expect(say(server.step(T0, { kind: 'datagram', transfer: 1, client: client(1), bytes }))).toEqual(['send data 2 of 512']);
});

test('a broken socket ends its transfer, late packets of an ended one are dropped', () => {
  const server = new TftpServer(FILES);
  request(server, client(1), read('vmlinuz'));
  expect(say(server.step(T0, { kind: 'socket-failed', transfer: 1, reason: 'EMFILE' }))).toEqual(['close vmlinuz socket-failed']);
  expect(server.step(T0, { kind: 'socket-failed', transfer: 1, reason: 'EMFILE' })).toEqual([]);
  expect(server.step(T0, { kind: 'datagram', transfer: 1, client: client(1), bytes: encodeTftp({ kind: 'ack', block: 1 }) })).toEqual([]);
  expect(server.deadline()).toBeUndefined();
});

describe('limits', () => {
  test('one client cannot take all places: its oldest transfer makes room', () => {
    const server = new TftpServer(FILES);
    request(server, client(2), read('notes'));
    for (let i = 0; i < TRANSFERS_PER_CLIENT_MAX; i++) request(server, client(1, 3000 + i), read('vmlinuz'));
    const effects = request(server, client(1, 4000), read('vmlinuz'));
    expect(say(effects)).toEqual(['close vmlinuz replaced', 'open vmlinuz', 'send data 1 of 512']);
    expect(effects[0]).toMatchObject({ client: { port: 3000 } });
    expect(server.transfers).toBe(TRANSFERS_PER_CLIENT_MAX + 1);
  });
  test('when all places are taken a client is told so, and a place that falls free is given again', () => {
    const server = new TftpServer(FILES);
    for (let i = 0; i < TRANSFERS_MAX; i++) request(server, client(i % 200, 3000 + i), read('vmlinuz'));
    expect(say(request(server, client(250), read('vmlinuz')))).toEqual([`refuse error 0 all ${TRANSFERS_MAX} transfers are taken: ask another node`]);
    server.step(T0, { kind: 'socket-failed', transfer: 7, reason: '' });
    expect(say(request(server, client(250), read('vmlinuz')))).toHaveLength(2);
  });
  test('abandoned transfers go away by themselves', () => {
    const server = new TftpServer(FILES);
    for (let i = 0; i < 20; i++) request(server, client(i), read('vmlinuz'));
    for (let due = server.deadline(); due !== undefined; due = server.deadline()) server.step(due, { kind: 'timer' });
    expect(server.transfers).toBe(0);
  });
});

test('a file may depend on who asks', () => {
  const server = new TftpServer({ get: (name, address) => (name === 'boot.ipxe' ? encodeLatin1(`for ${address}`) : undefined) });
  const effects = request(server, client(7), read('boot.ipxe'));
  expect(decodeTftp((effects[1] as { bytes: Uint8Array }).bytes)).toMatchObject({ data: encodeLatin1('for 10.0.0.7') });
});

test('fileNameOf', () => {
  expect(['a', '/a', './a', '//a', '/./a', '.a', '..', '/../a'].map(fileNameOf)).toEqual(['a', 'a', 'a', 'a', 'a', '.a', '..', '../a']);
});
