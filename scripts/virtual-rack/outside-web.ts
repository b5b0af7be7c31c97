// The world outside the rack: a web server that says who asked, so that address translation can be seen, and sends bytes on demand.
//
//   node outside-web.ts ADDRESS PORT       GET /  →  "outside: you are 192.0.2.7";  GET /bytes/1048576  →  so many zero bytes;
//   GET /stream/1048576/65536  →  so many bytes of outside-stream.ts, so many in a second

import { createServer, type ServerResponse } from 'node:http';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { STREAM_BLOCK_BYTES, streamBlock } from './outside-stream.ts';

/** 64 MiB: enough to measure a path, and held in memory once. */
const LARGEST = 64 * 1024 * 1024;

const [address, port] = process.argv.slice(2);

/** Ends when all is sent, or when nobody listens any more. */
async function sendSlowly(response: ServerResponse, bytes: number, bytesPerSecond: number): Promise<void> {
  response.setHeader('content-length', bytes);
  for (let index = 0; index * STREAM_BLOCK_BYTES < bytes && !response.destroyed; index++) {
    const block = streamBlock(index).subarray(0, bytes - index * STREAM_BLOCK_BYTES);
    if (!response.write(block)) await new Promise<void>((done) => response.once('drain', done).once('close', done));
    await sleep((STREAM_BLOCK_BYTES / bytesPerSecond) * 1000);
  }
  response.end();
}

createServer((request, response) => {
  const url = request.url ?? '';
  const asked = /^\/bytes\/(\d{1,9})$/.exec(url)?.[1];
  const slow = /^\/stream\/(\d{1,9})\/([1-9]\d{0,8})$/.exec(url);
  const client = request.socket.remoteAddress ?? 'nobody';
  process.stdout.write(`${new Date().toISOString()} ${client} ${request.method} ${url}\n`);
  if (slow !== null) void sendSlowly(response, Math.min(Number(slow[1]), LARGEST), Number(slow[2]));
  else if (asked !== undefined) response.end(Buffer.alloc(Math.min(Number(asked), LARGEST)));
  else response.setHeader('content-type', 'text/plain').end(`outside: you are ${client}\n`);
}).listen(Number(port), address);
