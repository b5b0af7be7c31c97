import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Ipv6 } from '../core/ipv6.ts';
import { conntrackdConfig } from './conntrackd-config.ts';

const OPTIONS = { own: '127.0.0.1' as Ipv4, own6: undefined, partner: '127.0.0.2' as Ipv4, interface: 'lo', folder: '/run/gatewayd' };
const HAS_CONNTRACKD = process.getuid?.() === 0 && spawnSync('conntrackd', ['-v'], { stdio: 'ignore' }).status === 0;

test('both ends speak to each other, reliably, and commit at once', () => {
  const text = conntrackdConfig(OPTIONS);
  for (const part of ['Mode FTFW', 'DisableExternalCache yes', 'IPv4_address 127.0.0.1', 'IPv4_Destination_Address 127.0.0.2', '/run/gatewayd/conntrackd.lock']) expect(text).toContain(part);
});

test.skipIf(!HAS_CONNTRACKD).each([undefined, 'fd01:203:405::1' as Ipv6])('the real conntrackd understands every line (IPv6: %s)', (own6) => {
  const folder = mkdtempSync(join(tmpdir(), 'mm-conntrackd-'));
  const file = join(folder, 'conntrackd.conf');
  writeFileSync(file, conntrackdConfig({ ...OPTIONS, own6, folder }));
  // It has been read whole before the daemon is found to be away.
  const { stderr, stdout } = spawnSync('conntrackd', ['-C', file, '-s'], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect(`${stdout}${stderr}`).toContain('can\'t connect: is conntrackd running?');
  expect(`${stdout}${stderr}`).not.toMatch(/WARNING|parsing|syntax|deprecated/i);
});
