// metamasterd as its user meets it before it serves: arguments, what it says of a wrong configuration, and --explain.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PROGRAM = new URL('../daemons/metamasterd.ts', import.meta.url).pathname;
const node = (number: number) => ({ number, name: `node${number}`, macs: [`52:54:00:00:00:0${number}`], address: `10.1.0.${number}`, loader: 'rom' });
const CONFIG = {
  number: 1, interface: 'eth0', rosterGeneration: 7, bootNonce: 'ab'.repeat(16),
  roster: {
    clusterName: 'rack', container: 'rack', domain: 'rack.local', netmask: '255.255.255.0', metaMasterAddress: '10.1.0.253',
    san: { address: '10.1.0.250', port: 3260, target: 'iqn.2007-01.it.example:san' }, kernelParameters: 'quiet', nodes: [node(1), node(2), node(3)],
  },
};

let directory: string;
const path = (name: string) => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mm-start-'));
  writeFileSync(path('node.json'), JSON.stringify(CONFIG));
  writeFileSync(path('bad.json'), JSON.stringify({ ...CONFIG, number: 0, bootNonce: 'x' }));
  writeFileSync(path('broken.json'), '{');
  writeFileSync(path('vmlinuz'), 'k');
  writeFileSync(path('initrd.img'), 'i');
  writeFileSync(path('key'), '0f'.repeat(32));
  writeFileSync(path('login'), '{"user":"rack","password":"topsecret-topsecret"}\n');
  writeFileSync(path('none'), '{}\n');
  writeFileSync(path('short'), '{"user":"rack","password":"topsecret"}\n');
});

afterAll(() => rmSync(directory, { recursive: true }));

function metamasterd(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...args], { encoding: 'utf8', timeout: 20_000 });
  return { status, out: stdout, err: stderr };
}

test('--help names every argument', () => {
  const { status, out } = metamasterd('--help');
  expect(status).toBe(0);
  for (const name of ['config', 'follow', 'cluster-key', 'san-login', 'boot-volume', 'boot-dir', 'control', 'log-level', 'check-config', 'explain']) expect(out).toContain(`--${name}`);
});

test('an argument that is not known: exit code 64', () => {
  expect(metamasterd('--bogus')).toMatchObject({ status: 64, err: expect.stringContaining('--bogus') as string });
});

describe('--check-config', () => {
  const check = (config: string, ...args: string[]) => metamasterd('--check-config', '--config', path(config), ...args);
  test('all is well', () => {
    expect(check('node.json', '--boot-dir', directory, '--cluster-key', path('key'))).toEqual({ status: 0, out: 'node 1 of rack, 3 nodes, 9 boot files: well\n', err: '' });
  });
  test('the SAN\'s login, or that there is none; a broken one is told, and not shown', () => {
    for (const name of ['login', 'none']) expect(check('node.json', '--boot-dir', directory, '--san-login', path(name)).status).toBe(0);
    const { status, err } = check('node.json', '--boot-dir', directory, '--san-login', path('short'));
    expect([status, /^MM-CHAP: .*short: password: 12 to 255/.test(err), err.includes('topsecret')]).toEqual([78, true, false]);
  });

  test('the problems of all files are said together, and the key is not shown', () => {
    const { status, err } = check('bad.json', '--boot-volume', path('vmlinuz'), '--cluster-key', path('initrd.img'), '--log-level', 'loud');
    expect(status).toBe(78);
    for (const part of ['MM-NODE-CONFIG: number:', 'MM-NODE-CONFIG: bootNonce:', 'MM-BOOT-FILES: ', 'MM-CLUSTER-KEY: ', 'MM-ARGUMENTS: --log-level:']) expect(err).toContain(part);
  });
  test.each([
    ['no file', ['none.json'], 'MM-FILE: '],
    ['no JSON', ['broken.json'], 'must be JSON'],
    ['neither volume nor directory', ['node.json'], 'seen neither'],
  ])('%s', (_name, [config], said) => {
    expect(check(config!)).toMatchObject({ status: 78, err: expect.stringContaining(said) as string });
  });
  test('a directory without kernel and initrd', () => {
    const empty = mkdtempSync(path('empty-'));
    expect(check('node.json', '--boot-dir', empty).err).toContain('must hold vmlinuz and initrd.img; seen no file');
  });
});

describe('boot files for arm64', () => {
  const NAMES = ['vmlinuz-arm64', 'initrd-arm64.img', 'ipxe-arm64.efi'];
  /** A folder with kernel, initrd and these. */
  const folderWith = (names: readonly string[]): string => {
    const folder = mkdtempSync(path('arm64-'));
    for (const name of ['vmlinuz', 'initrd.img', ...names]) writeFileSync(join(folder, name), name);
    return folder;
  };
  const check = (folder: string) => metamasterd('--check-config', '--config', path('node.json'), '--boot-dir', folder);

  test('all of them or none', () => {
    expect(check(folderWith(NAMES)).out).toContain('5 boot files: well');
    expect(check(folderWith([])).out).toContain('2 boot files: well');
    const { status, err } = check(folderWith(NAMES.slice(1)));
    expect([status, err]).toEqual([78, expect.stringMatching(/^MM-BOOT-FILES: .*must hold all of vmlinuz-arm64, initrd-arm64\.img, ipxe-arm64\.efi, or none; seen initrd-arm64\.img initrd\.img ipxe-arm64\.efi vmlinuz\. /)]);
  });

  test('--explain tells what is served, or that it cannot tell', () => {
    const explained = (...more: string[]): string => metamasterd('--config', path('node.json'), '--explain', '52:54:00:00:00:03', ...more).out;
    expect(explained('--boot-dir', folderWith(NAMES))).toMatch(/\narm64 UEFI, PXE: ipxe-arm64\.efi\narm64 UEFI, HTTP boot: http:\/\/10\.1\.0\.[12]\/ipxe-arm64\.efi\n/);
    expect(explained('--boot-dir', folderWith([]))).toMatch(/\narm64 UEFI, PXE: no boot file\n(?!.*no boot files were named)/s);
    expect(explained()).toMatch(/\narm64 UEFI, PXE: no boot file\n.*no boot files were named/s);
  });
});

describe('--follow: of two configurations', () => {
  const told = (newer: string): string => {
    const folder = mkdtempSync(join(tmpdir(), 'mm-follow-'));
    writeFileSync(join(folder, 'node.json'), newer);
    const { out } = metamasterd('--config', path('node.json'), '--follow', join(folder, 'node.json'), '--explain', '52:54:00:00:00:04');
    rmSync(folder, { recursive: true });
    return out;
  };
  const withFour = { ...CONFIG, roster: { ...CONFIG.roster, nodes: [...CONFIG.roster.nodes, node(4)] } };
  test('the newer one counts', () => expect(told(JSON.stringify({ ...withFour, rosterGeneration: 8 }))).toContain('is node4'));
  test.each([
    ['an older one', JSON.stringify({ ...withFour, rosterGeneration: 6 })],
    ['one of another boot', JSON.stringify({ ...withFour, rosterGeneration: 8, bootNonce: 'cd'.repeat(16) })],
    ['a broken one', '{'],
  ])('%s does not', (_name, newer) => expect(told(newer)).toContain('not in the roster'));
  test('the only one does', () => expect(metamasterd('--config', path('node.json'), '--follow', path('nothing.json'), '--explain', '52:54:00:00:00:03').out).toContain('is node3'));
});

describe('--explain', () => {
  test('a node of the roster', () => {
    const { status, out } = metamasterd('--config', path('node.json'), '--explain', '52-54-00-00-00-03');
    expect(status).toBe(0);
    expect(out).toMatch(/^52:54:00:00:00:03 is node3 .*address 10\.1\.0\.3/);
    expect(out).toMatch(/rank 0: .*\nrank 1: /);
    expect(out).toMatch(/iPXE, BIOS: tftp:\/\/10\.1\.0\.[12]\/boot\.ipxe/);
  });
  test('a stranger, and what is no MAC address', () => {
    expect(metamasterd('--config', path('node.json'), '--explain', '52:54:00:00:00:99').out).toContain('not in the roster');
    expect(metamasterd('--config', path('node.json'), '--explain', 'me')).toMatchObject({ status: 78, err: expect.stringContaining('--explain') as string });
  });
});
