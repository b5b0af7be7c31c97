// Our servers against other people's clients, over real sockets on loopback: curl and npm tftp for TFTP, curl for HTTP.

import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import type { Instant } from '../daemons/core/machine.ts';
import { type HttpService, openHttp } from '../daemons/host/http-server.ts';
import { openTransferSockets, type TransferSockets } from '../daemons/host/transfer-sockets.ts';
import { answerHttp, type HttpContent } from '../daemons/http-boot/http-answer.ts';
import { type TftpEffect, TftpServer } from '../daemons/tftp/tftp-server.ts';

const LOOPBACK = '127.0.0.1' as Ipv4;
const run = promisify(execFile);
const now = () => performance.now() as Instant;

/** Sizes around the edges of blocks, and one whose block numbers wrap at curl's smallest block. */
const FILES = new Map<string, Uint8Array>(
  Object.entries({ empty: 0, one: 1, 'one-block': 512, 'some-blocks': 512 * 3, 'odd-size': 100_001, wrapping: 8 * 65536 + 5, 'large.img': 3_000_000 }).map(
    ([name, size]) => [name, new Uint8Array(randomBytes(size))],
  ),
);

let directory: string;
let tftp: TransferSockets;
let http: HttpService;
const closed: (TftpEffect & { kind: 'close' })[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mm-interop-'));
  const failed = (error: Error): never => {
    throw error;
  };
  const onEvent = (event: TftpEffect): void => {
    if (event.kind === 'close') closed.push(event);
  };
  tftp = await openTransferSockets({ machine: new TftpServer(FILES), address: LOOPBACK, port: 0, now, onEvent, onBroken: failed });
  const content: HttpContent = {
    file: (name) => {
      const bytes = FILES.get(name);
      return bytes && { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
    },
    scriptFor: () => undefined,
    barredScript: () => undefined,
    closed: () => undefined,
    askAgainScript: () => '#!ipxe\n',
    status: () => ({}),
  };
  http = await openHttp({ address: LOOPBACK, port: 0, answer: (request) => answerHttp(request, content), onAnswered: () => {} });
});

afterAll(async () => {
  tftp.close();
  http.close();
  await rm(directory, { recursive: true });
});

async function curl(...args: string[]): Promise<Buffer> {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '20', ...args], { encoding: 'buffer', maxBuffer: 2 ** 24 });
  return stdout;
}

describe('curl tftp://', () => {
  const cases = ['one', 'one-block', 'some-blocks', 'odd-size', 'large.img'].flatMap((name) => [[name, 512], [name, 1468], [name, 8192]] as const);
  test.each(cases)('%s with blocks of %i', async (name, blockBytes) => {
    const got = await curl('--tftp-blksize', String(blockBytes), `tftp://${LOOPBACK}:${tftp.port}/${name}`);
    expect(Buffer.compare(got, FILES.get(name)!)).toBe(0);
  });
  test('more than 65536 blocks', async () => {
    const got = await curl('--tftp-blksize', '8', `tftp://${LOOPBACK}:${tftp.port}/wrapping`);
    expect(Buffer.compare(got, FILES.get('wrapping')!)).toBe(0);
  });
  // The empty file only here: curl 7.88 takes a transfer size of 0 in the OACK for an error.
  test.each(['empty', 'odd-size'])('%s without options', async (name) => {
    const got = await curl('--tftp-no-options', `tftp://${LOOPBACK}:${tftp.port}/${name}`);
    expect(Buffer.compare(got, FILES.get(name)!)).toBe(0);
  });
  test('a file that is not there: curl exits with 68', async () => {
    await expect(curl(`tftp://${LOOPBACK}:${tftp.port}/none`)).rejects.toMatchObject({ code: 68 });
  });
  test('writing: refused', async () => {
    await expect(curl('--upload-file', import.meta.filename, `tftp://${LOOPBACK}:${tftp.port}/x`)).rejects.toMatchObject({ code: 69 });
  });
  test('twelve at once', async () => {
    const names = Array.from({ length: 6 }, () => ['large.img', 'odd-size']).flat();
    // Eight to one client is the limit (TRANSFERS_PER_CLIENT_MAX), so they come in two groups.
    for (const group of [names.slice(0, 6), names.slice(6)]) {
      const got = await Promise.all(group.map((name) => curl(`tftp://${LOOPBACK}:${tftp.port}/${name}`)));
      got.forEach((bytes, i) => expect(Buffer.compare(bytes, FILES.get(group[i]!)!)).toBe(0));
    }
  });
});

describe('npm tftp', () => {
  interface Client {
    get(remote: string, local: string, callback: (error: Error | null) => void): void;
  }
  const npmTftp = createRequire(import.meta.url)('tftp') as { createClient(options: object): Client };
  const get = async (name: string, options: object): Promise<Buffer> => {
    const local = join(directory, name);
    const client = npmTftp.createClient({ host: LOOPBACK, port: tftp.port, retries: 3, timeout: 3000, ...options });
    await promisify(client.get.bind(client))(name, local);
    return readFile(local);
  };
  test.each([1, 4, 32, 64])('a window of %i', async (windowSize) => {
    for (const name of ['one', 'some-blocks', 'odd-size', 'large.img']) {
      expect(Buffer.compare(await get(name, { windowSize, blockSize: 1468 }), FILES.get(name)!), name).toBe(0);
    }
  });
  test('a file that is not there', async () => {
    await expect(get('none', {})).rejects.toThrow();
  });
});

test('every transfer to these clients ended in order', () => {
  const left = closed.filter((event) => event.outcome !== 'complete');
  expect(left).toEqual([]);
  expect(closed.length).toBeGreaterThan(40);
});

describe('curl http://', () => {
  const url = (name: string) => `http://${LOOPBACK}:${http.port}/${name}`;
  const statusOf = async (...args: string[]) => (await curl('--output', '/dev/null', '--write-out', '%{http_code}', ...args)).toString();
  test('whole files over one connection', async () => {
    const got = await curl(url('large.img'), url('one'), '--write-out', '%{stderr}%{num_connects}');
    expect(Buffer.compare(got, Buffer.concat([FILES.get('large.img')!, FILES.get('one')!]))).toBe(0);
  });
  test('a range, and the rest of a file that was cut off', async () => {
    const large = FILES.get('large.img')!;
    expect(Buffer.compare(await curl('--range', '1000-1999', url('large.img')), large.subarray(1000, 2000))).toBe(0);
    expect(Buffer.compare(await curl('--range', '2999990-', url('large.img')), large.subarray(2_999_990))).toBe(0);
    expect(await statusOf('--range', '0-0', url('large.img'))).toBe('206');
    expect(await statusOf('--range', '3000000-', url('large.img'))).toBe('416');
  });
  test('entity tags', async () => {
    const head = (await curl('--head', url('one'))).toString();
    const etag = /etag: (\S+)/i.exec(head)![1]!;
    expect(head).toMatch(/content-length: 1\r/i);
    expect(await statusOf('--header', `If-None-Match: ${etag}`, url('one'))).toBe('304');
  });
  test('errors', async () => {
    expect(await statusOf(url('none'))).toBe('404');
    expect(await statusOf('--path-as-is', url('../../etc/passwd'))).toBe('404');
    expect(await statusOf('--data', 'x', url('one'))).toBe('405');
    expect(await statusOf(url('x'.repeat(2000)))).toBe('414');
    expect(await statusOf('--header', `X-Long: ${'x'.repeat(9000)}`, url('one')).catch(() => 'closed')).toMatch(/431|closed/);
  });
});
