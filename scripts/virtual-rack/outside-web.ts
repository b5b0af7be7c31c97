// The world outside the rack: a web server that says who asked, so that address translation can be seen, and sends bytes on demand.
//
//   node outside-web.ts ADDRESS PORT       GET /  →  "outside: you are 192.0.2.7";  GET /bytes/1048576  →  so many zero bytes

import { createServer } from 'node:http';
import process from 'node:process';

/** 64 MiB: enough to measure a path, and held in memory once. */
const LARGEST = 64 * 1024 * 1024;

const [address, port] = process.argv.slice(2);

createServer((request, response) => {
  const asked = /^\/bytes\/(\d{1,9})$/.exec(request.url ?? '')?.[1];
  const client = request.socket.remoteAddress ?? 'nobody';
  process.stdout.write(`${new Date().toISOString()} ${client} ${request.method} ${request.url}\n`);
  if (asked !== undefined) response.end(Buffer.alloc(Math.min(Number(asked), LARGEST)));
  else response.setHeader('content-type', 'text/plain').end(`outside: you are ${client}\n`);
}).listen(Number(port), address);
