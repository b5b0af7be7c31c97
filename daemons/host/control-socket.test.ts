import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IPCModule } from 'node-ipc';
import { expect, test } from 'vitest';
import { askControl } from './control-client.ts';
import { openControlSocket } from './control-socket.ts';

test('a client asks for the status and gets it; the directory is nobody else\'s', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mm-control-'));
  const path = join(directory, 'control');
  const socket = await openControlSocket(path, { status: () => ({ node: 7 }) }, () => {});
  const client = new IPCModule();
  Object.assign(client.config, { silent: true, parser: 'guarded', maxRetries: 0 });
  try {
    const status = await new Promise((resolve) => {
      client.connectTo('metamasterd', path, () => {
        client.of['metamasterd']!.on('status', resolve);
        client.of['metamasterd']!.on('connect', () => client.of['metamasterd']!.emit('status'));
      });
    });
    expect(status).toEqual({ node: 7 });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  } finally {
    client.disconnect('metamasterd');
    socket.close();
    rmSync(directory, { recursive: true });
  }
});

test('what the asker sends along reaches the answer', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mm-control-'));
  const path = join(directory, 'control');
  const socket = await openControlSocket(path, { facts: (after) => ({ after }) }, () => {});
  try {
    for (const after of [7, 0]) expect(await askControl(path, 'facts', after)).toEqual({ after });
  } finally {
    socket.close();
    rmSync(directory, { recursive: true });
  }
});
