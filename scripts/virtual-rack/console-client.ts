// A person at a blade's serial console.

import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from './failure.ts';

/** Ctrl-], as in telnet. */
const LEAVE = 0x1d;
const POLL_MS = 100;
/** Without a terminal: how long the blade's answer is waited for after the input ended. */
const LINGER_MS = 500;
/** What a follower is shown of the past. */
const PAST_BYTES = 4096;

/**
 * Connects this terminal with the console until Ctrl-] is typed, the input ends or the blade loses power.
 * Without a terminal it passes standard input through.
 */
export async function attachConsole(socket: Socket): Promise<void> {
  const { stdin, stdout } = process;
  const terminal = stdin.isTTY === true;
  if (terminal) {
    process.stderr.write('rack: Ctrl-] leaves\n');
    stdin.setRawMode(true);
  }
  try {
    await new Promise<void>((done) => {
      socket.on('data', (chunk: Buffer) => stdout.write(chunk));
      socket.on('close', () => done());
      stdin.on('data', (keys: Buffer) => {
        const leave = terminal ? keys.indexOf(LEAVE) : -1;
        socket.write(leave < 0 ? keys : keys.subarray(0, leave));
        if (leave >= 0) done();
      });
      stdin.on('end', () => setTimeout(done, LINGER_MS));
    });
  } finally {
    if (terminal) stdin.setRawMode(false);
    stdin.pause();
    socket.end();
    socket.destroySoon();
    process.stderr.write('\nrack: left the console\n');
  }
}

/** Shows a console log from its last lines on, as it grows, until the process is interrupted. */
export async function followConsole(log: string): Promise<never> {
  if (!existsSync(log)) fail('MM-RACK-LOG', log, 'the blade must have had power once', 'no log', 'Switch it on: scripts/rack power on N.');
  let offset = -1;
  for (;;) {
    const file = openSync(log, 'r');
    const { size } = fstatSync(file);
    if (offset < 0) offset = Math.max(0, size - PAST_BYTES);
    if (size < offset) offset = 0; // put aside at a power-on; a new one began
    const bytes = Buffer.alloc(size - offset);
    offset += readSync(file, bytes, 0, bytes.length, offset);
    closeSync(file);
    process.stdout.write(bytes);
    await sleep(POLL_MS);
  }
}
