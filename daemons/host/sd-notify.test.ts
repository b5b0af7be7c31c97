import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { unixAddress, watchdogIntervalMs } from './sd-notify.ts';

test('a path ends with its zero, an abstract name begins with one', () => {
  expect(Array.from(unixAddress('/a'))).toEqual([1, 0, 0x2f, 0x61, 0]);
  expect(Array.from(unixAddress('@ab'))).toEqual([1, 0, 0, 0x61, 0x62]);
});

test('what is no socket address is refused', () => {
  expect(() => unixAddress('relative')).toThrow('a path or @name is needed');
  expect(() => unixAddress(`/${'x'.repeat(107)}`)).toThrow('shorter than 108 bytes');
});

test.each([
  [{}, undefined],
  [{ WATCHDOG_USEC: '10000000' }, 5000],
  [{ WATCHDOG_USEC: '10000000', WATCHDOG_PID: '7' }, 5000],
  [{ WATCHDOG_USEC: '10000000', WATCHDOG_PID: '8' }, undefined],
  [{ WATCHDOG_USEC: 'soon' }, undefined],
])('watchdog %j', (environment, intervalMs) => expect(watchdogIntervalMs(environment, 7)).toBe(intervalMs));

/** A stand-in for systemd: reads one datagram at a Unix socket and prints it. Python, for Node has no Unix datagrams. */
const MANAGER = `
import os, socket, subprocess, sys
name = sys.argv[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind('\\0' + name[1:] if name[0] == '@' else name)
manager.settimeout(10)
subprocess.run([sys.argv[2], '--input-type=module', '-e', "import { sdNotify } from '" + sys.argv[3] + "'; sdNotify('READY=1')"], check=True, env={**os.environ, 'NOTIFY_SOCKET': name})
print(manager.recv(100).decode(), end='')
`;

test.each([['abstract', `@mm-notify-${process.pid}`], ['path', `/tmp/mm-notify-${process.pid}.sock`]])('systemd hears us at its %s socket', (kind, name) => {
  try {
    const module = new URL('sd-notify.ts', import.meta.url).href;
    expect(execFileSync('python3', ['-c', MANAGER, name, process.execPath, module], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toBe('READY=1');
  } finally {
    if (kind === 'path') execFileSync('rm', ['-f', name]);
  }
});
