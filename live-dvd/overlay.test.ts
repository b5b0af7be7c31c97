// What the units on a node must agree upon: a path in one of them is another one's.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FACTS_FOLDER } from '../daemons/host/fact-files.ts';

const UNITS = join(import.meta.dirname, 'overlay/usr/lib/systemd/system');
const unit = (name: string): string => readFileSync(join(UNITS, name), 'utf8');
const setting = (text: string, key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];

test('metamasterd writes facts where systemd has the recorder read them, and the recorder keeps them where the command looks', () => {
  const [daemon, socket, recorder] = ['metamasterd.service', 'metamaster-recorder.socket', 'metamaster-recorder.service'].map(unit) as [string, string, string];
  const fifo = setting(socket, 'ListenFIFO');
  expect(fifo).toMatch(/^\/run\//);
  expect(setting(daemon, 'ExecStart')).toMatch(new RegExp(`--records ${fifo}( |$)`));
  expect(setting(recorder, 'ExecStart')).toMatch(new RegExp(`boot-recorder\\.js ${fifo} ${FACTS_FOLDER}$`));
  expect(`/var/lib/${setting(recorder, 'StateDirectory')}`).toBe(FACTS_FOLDER);
  expect([setting(socket, 'SocketUser'), setting(recorder, 'User')]).toEqual([setting(daemon, 'User'), setting(daemon, 'User')]);
});

test('every unit of ours that the image starts is there', () => {
  const source = readFileSync(join(import.meta.dirname, 'root-image.ts'), 'utf8');
  const enabled = /const ENABLED = \[([^\]]*)\]/.exec(source)![1]!.match(/[a-z-]+\.(service|socket)/g)!;
  expect(enabled.length).toBeGreaterThan(3);
  for (const name of enabled) {
    expect(existsSync(join(UNITS, name)), name).toBe(true);
    expect(setting(unit(name), 'WantedBy'), name).toBe('sysinit.target');
  }
  expect(readdirSync(UNITS).filter((name) => name.endsWith('.socket')).every((name) => enabled.includes(name))).toBe(true);
});
