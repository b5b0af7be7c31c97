// One per blade, a process of its own: takes the blade's serial line from QEMU, writes the stamped console log, and offers the
// line on a socket to any number of readers and writers. It ends when QEMU does.
//
//   node console-logger.ts SERIAL EVENTS CONSOLE LOG [POWER-ON-EPOCH-MS]
//
// With the last argument it takes over from a logger that died: the log goes on, counting from that power-on.

import { appendFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import process from 'node:process';
import { ConsoleLines, formatRecord, POWER_ON, type ConsolePiece } from './console-log.ts';

/** An unfinished line is written after this much silence: a prompt has no line feed. */
const IDLE_MS = 100;
/** QEMU sends a serial line character by character; handling what came in a few milliseconds at once saves most of the work. */
const READ_PAUSE_MS = 4;
/** What a newcomer on the socket is shown first: some screens full. */
const REPLAY_BYTES = 32 * 1024;
/** A reader that is this far behind is let go; the log has everything. */
const READER_BACKLOG_BYTES = 1024 * 1024;
/** How often QEMU's socket is tried while QEMU starts, and for how long: it loads firmware from a disk that may be busy. */
const CONNECT_RETRY_MS = 5;
const CONNECT_LIMIT_MS = 20_000;

const [serialPath, eventsPath, consolePath, logPath, resumed] = process.argv.slice(2) as [string, string, string, string, string?];

const lines = new ConsoleLines();
const decoder = new TextDecoder();
const readers = new Set<Socket>();
let replay: Buffer = Buffer.alloc(0);
let powerOnMs = 0;
let clockOffsetMs = 0;
let idle: NodeJS.Timeout | undefined;

/** Milliseconds on a clock that no one sets. */
const now = (): number => performance.now();

function write(pieces: readonly ConsolePiece[]): void {
  if (pieces.length === 0) return;
  const text = pieces.map((piece) =>
    formatRecord({
      kind: piece.kind,
      text: piece.text,
      seconds: Math.max(0, piece.at - powerOnMs) / 1000,
      wallClock: new Date(clockOffsetMs + piece.at).toISOString(),
    }),
  );
  appendFileSync(logPath, text.join(''));
}

function remark(text: string): void {
  write([...lines.close(), { kind: 'remark', text, at: now() }]);
}

/** Connects to a socket that may not be there yet; calls `fail` when time is up. */
function dial(path: string, done: (socket: Socket) => void, fail: () => void): void {
  const deadline = now() + CONNECT_LIMIT_MS;
  const attempt = (): void => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      done(socket);
    });
    socket.once('error', () => {
      if (now() > deadline) fail();
      else setTimeout(attempt, CONNECT_RETRY_MS);
    });
  };
  attempt();
}

function take(chunk: Buffer): void {
  write(lines.feed(decoder.decode(chunk, { stream: true }), now()));
  clearTimeout(idle);
  idle = setTimeout(() => write(lines.flush()), IDLE_MS);
  replay = Buffer.concat([replay, chunk]).subarray(-REPLAY_BYTES);
  for (const reader of readers) {
    if (reader.writableLength > READER_BACKLOG_BYTES) reader.destroy();
    else reader.write(chunk);
  }
}

function end(text: string, status: number): void {
  remark(text);
  rmSync(consolePath, { force: true });
  process.exit(status);
}

function serve(serial: Socket): void {
  const server = createServer((socket) => {
    readers.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => readers.delete(socket));
    socket.on('data', (keys) => serial.write(keys));
    if (replay.length > 0) socket.write(replay);
  });
  rmSync(consolePath, { force: true });
  server.listen(consolePath);
}

/** Writes QEMU's events down: who reset the blade is otherwise not to be seen. */
function follow(events: Socket): void {
  let text = '';
  events.write('{"execute":"qmp_capabilities"}\n');
  events.on('error', () => events.destroy());
  events.on('data', (chunk: Buffer) => {
    const complete = (text + chunk.toString('utf8')).split('\n');
    text = complete.pop()!;
    for (const line of complete) {
      const { event, data } = JSON.parse(line) as { event?: string; data?: { reason?: string; action?: string } };
      if (event === 'RESET') remark(`reset (${data?.reason})`);
      if (event === 'WATCHDOG') remark(`watchdog fired (${data?.action})`);
      if (event === 'SHUTDOWN') remark(`shutdown (${data?.reason})`);
    }
  });
}

dial(
  serialPath,
  (serial) => {
    const start = now();
    clockOffsetMs = Date.now() - start;
    powerOnMs = resumed === undefined ? start : Number(resumed) - clockOffsetMs;
    remark(resumed === undefined ? POWER_ON : 'console log goes on after a gap');
    let chunks: Buffer[] = [];
    const drain = (): void => {
      if (chunks.length > 0) take(Buffer.concat(chunks));
      chunks = [];
    };
    serial.on('data', (chunk: Buffer) => {
      if (chunks.push(chunk) === 1) setTimeout(drain, READ_PAUSE_MS);
    });
    const lost = (): void => {
      drain();
      end('power lost', 0);
    };
    serial.on('error', lost);
    serial.on('close', lost);
    serve(serial);
    dial(eventsPath, follow, () => remark('events of the emulator are not to be had'));
  },
  () => {
    process.stderr.write(`${serialPath}: QEMU did not listen within ${CONNECT_LIMIT_MS} ms; see the blade's qemu log\n`);
    process.exit(1);
  },
);
