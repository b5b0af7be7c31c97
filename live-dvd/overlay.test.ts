// What the units on a node must agree upon: a path in one of them is another one's.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { replacementRequest } from '../daemons/agent/replacement.ts';
import type { Mac } from '../daemons/core/mac.ts';
import { FACTS_FOLDER } from '../daemons/host/fact-files.ts';
import { HARDWARE_FILE } from '../scripts/hardware-collector.ts';
import { TIME_SOURCES } from '../initrd/identity.ts';
import { DAEMON_USER, FOLLOWED_CONFIG, FOLLOWED_KEYS } from '../initrd/steps/follow-registry.ts';
import { LeaseBench, NO_SANLOCK } from '../daemons/host/sanlock.test-kit.ts';
import { SERVING_FILE } from '../initrd/steps/restart-blade.ts';
import { readRecipe } from './recipe.ts';

/** `METAMASTER_CHRONYD` names one where none is installed. */
const CHRONYD = process.env['METAMASTER_CHRONYD'] ?? 'chronyd';
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

test('metamasterd writes who serves where the storage agent reads it, and follows what that writes, in a folder of its own that goes when it ends', () => {
  const daemon = unit('metamasterd.service');
  expect(setting(daemon, 'ExecStart')).toMatch(new RegExp(`--serving ${SERVING_FILE}( |$)`));
  expect(setting(daemon, 'ExecStart')).toMatch(new RegExp(`--follow ${FOLLOWED_CONFIG}( |$)`));
  expect(SERVING_FILE).toMatch(new RegExp(`^/run/${setting(daemon, 'RuntimeDirectory')}/[^/]+$`));
  expect(setting(daemon, 'RuntimeDirectoryPreserve')).toBeUndefined();
});

test('every unit of ours that the image starts is there', () => {
  const source = readFileSync(join(import.meta.dirname, 'root-image.ts'), 'utf8');
  const list = (name: string): readonly string[] => new RegExp(`const ${name} = \\[([^\\]]*)\\]`).exec(source)![1]!.match(/[a-z-]+\.(service|socket|path)/g)!;
  const enabled = list('ENABLED');
  expect(enabled.length).toBeGreaterThan(3);
  for (const name of enabled) {
    expect(existsSync(join(UNITS, name)), name).toBe(true);
    expect(setting(unit(name), 'WantedBy'), name).toBe('sysinit.target');
  }
  expect(readdirSync(UNITS).filter((name) => /\.(socket|path)$/.test(name)).filter((name) => ![...enabled, ...list('ENABLED_LATE')].includes(name))).toEqual([]);
});

test('what others wait for is a slice before all others: a nice value would count within each service alone', () => {
  for (const name of ['metamasterd.service', 'gatewayd.service']) expect([name, setting(unit(name), 'Slice'), setting(unit(name), 'Nice')]).toEqual([name, 'metamaster.slice', undefined]);
  // systemd.resource-control(5): 100 where nothing is said.
  expect(Number(setting(unit('metamaster.slice'), 'CPUWeight'))).toBeGreaterThanOrEqual(1000);
  // It is there before sysinit.target, as what is in it.
  expect(setting(unit('metamaster.slice'), 'DefaultDependencies')).toBe('no');
});

test('gatewayd runs only where there are settings for it, below the interrupts\' threads, with what it needs and no more', () => {
  const [gateway, path, daemon] = [unit('gatewayd.service'), unit('gatewayd.path'), unit('metamasterd.service')];
  const settings = /--gateway (\S+)/.exec(setting(gateway, 'ExecStart')!)![1]!;
  expect([setting(gateway, 'ConditionPathExists'), setting(path, 'PathChanged'), setting(path, 'Unit')]).toEqual([settings, settings, 'gatewayd.service']);
  expect(Number(setting(gateway, 'LimitRTPRIO'))).toBeLessThan(50);
  expect(Number(setting(gateway, 'LimitRTTIME'))).toBeLessThanOrEqual(1_000_000);
  expect([setting(gateway, 'AmbientCapabilities'), setting(gateway, 'CapabilityBoundingSet')]).toEqual(['CAP_NET_ADMIN CAP_NET_RAW', 'CAP_NET_ADMIN CAP_NET_RAW']);
  expect([setting(gateway, 'User'), setting(gateway, 'MemorySwapMax'), setting(gateway, 'LimitMEMLOCK')]).toEqual([setting(daemon, 'User'), '0', setting(daemon, 'LimitMEMLOCK')]);
  expect(setting(gateway, 'ExecStart')).toMatch(new RegExp(`--control /run/${setting(gateway, 'RuntimeDirectory')}/control.sock`));
  // Its beating thread collects its own garbage.
  expect(setting(gateway, 'ExecStart')).toContain('--single-threaded-gc');
});

test('the collector of hardware writes where metamasterd reads it, when the node serves, and can read secrets no more than it can write', () => {
  const [daemon, collector] = [unit('metamasterd.service'), unit('metamaster-hardware.service')];
  expect(setting(daemon, 'ExecStart')).toMatch(new RegExp(`--hardware ${HARDWARE_FILE}( |$)`));
  expect(setting(collector, 'ExecStart')).toMatch(new RegExp(`/hardware-collector\\.mjs --output ${HARDWARE_FILE}$`));
  expect(HARDWARE_FILE).toMatch(new RegExp(`^/run/${setting(collector, 'RuntimeDirectory')}/[^/]+$`));
  // What it wrote stays until the power goes, and is metamasterd's alone.
  expect([setting(collector, 'RuntimeDirectoryPreserve'), setting(collector, 'RuntimeDirectoryMode')]).toEqual(['yes', '0700']);
  // No boot waits for it.
  expect(setting(collector, 'Type')).toBe('exec');
  expect(setting(collector, 'User')).toBe(setting(daemon, 'User'));
  expect(setting(collector, 'After')).toContain('metamasterd.service');
  expect([setting(collector, 'Nice'), setting(collector, 'DefaultDependencies')]).toEqual(['19', undefined]);
  expect([setting(collector, 'CapabilityBoundingSet'), setting(collector, 'AmbientCapabilities'), setting(collector, 'DevicePolicy')]).toEqual(['CAP_DAC_READ_SEARCH', 'CAP_DAC_READ_SEARCH', 'closed']);
  // ProtectHome hides /root as well (systemd.exec(5)).
  expect(setting(collector, 'ProtectHome')).toBe('yes');
  const hidden = ['/root', ...setting(collector, 'InaccessiblePaths')!.split(' ').map((path) => path.replace(/^-/, ''))];
  const secrets = [...readFileSync(join(import.meta.dirname, '../initrd/identity.ts'), 'utf8').matchAll(/file\('([^']+)', SECRET/g)].map(([, path]) => path!);
  expect(secrets).toEqual(expect.arrayContaining(['/etc/metamaster/cluster-key', '/etc/metamaster/san-login.json']));
  expect(secrets.filter((path) => !hidden.some((folder) => path === folder || path.startsWith(`${folder}/`)))).toEqual([]);
});

test('every unit that starts when the rest is up is there, with the bundle that it runs', () => {
  const [image, build] = ['root-image.ts', '../build.mjs'].map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')) as [string, string];
  const late = /const ENABLED_LATE = \[([^\]]*)\]/.exec(image)![1]!.match(/[a-z-]+\.service/g)!;
  expect(late).toContain('metamaster-hardware.service');
  for (const name of late) {
    expect(setting(unit(name), 'WantedBy'), name).toBe('multi-user.target');
    const bundle = /\/usr\/lib\/metamaster\/([a-z-]+)\.mjs/.exec(setting(unit(name), 'ExecStart')!)?.[1];
    if (bundle === undefined) continue;
    expect(image).toContain(`'${bundle}.mjs'`);
    expect(build).toContain(`name: '${bundle}'`);
  }
});

/** Without images there is no busybox of the nodes to ask. */
const BUSYBOX = join(import.meta.dirname, '../build/images/current/payload/usr/bin/busybox');

test.skipIf(!existsSync(BUSYBOX))('what runs from memory calls no applet that the busybox of the nodes lacks', () => {
  const applets = new Set(spawnSync(BUSYBOX, ['--list']).stdout.toString().split('\n'));
  const called = ['san-keeper', 'hand-back'].flatMap((name) => [...readFileSync(join(import.meta.dirname, 'overlay/usr/lib/metamaster', name), 'utf8').matchAll(/\$bb ([a-z]+)/g)].map(([, applet]) => applet!));
  expect(called.length).toBeGreaterThan(10);
  expect([...called, 'dd', 'umount', 'poweroff', 'halt', 'reboot'].filter((applet) => !applets.has(applet))).toEqual([]);
});

describe('an orderly shutdown', () => {
  const OURS = readdirSync(UNITS).filter((name) => name.endsWith('.service'));
  const recipe = readRecipe(join(import.meta.dirname, 'recipes/debian-13.json'));

  test('begins with the power button: logind has the bus that it needs, udev the modules, and nothing of it is masked or off', () => {
    expect(readFileSync(join(import.meta.dirname, 'overlay/etc/systemd/logind.conf.d/metamaster.conf'), 'utf8')).toMatch(/^HandlePowerKey=poweroff$/m);
    expect(['systemd', 'dbus', 'udev', 'kmod'].filter((name) => !recipe.packages.includes(name))).toEqual([]);
    const chain = ['systemd-logind.service', 'dbus.service', 'dbus.socket', 'systemd-udevd.service', 'systemd-udev-trigger.service', 'systemd-udevd-kernel.socket', 'systemd-udevd-control.socket'];
    expect(chain.filter((name) => recipe.mask.includes(name))).toEqual([]);
    // The drivers `button` and `evdev` are loaded from the root by what the hardware says of itself.
    expect(recipe.leaveOut.filter((pattern) => /drivers\/(acpi|input)\/\*/.test(pattern))).toEqual([]);
  });

  test('leaves what holds the root to the very end: no unit stops the keeper of the session, and systemd does not kill it', () => {
    expect(readFileSync(join(import.meta.dirname, 'overlay/usr/lib/metamaster/san-keeper'), 'utf8')).toContain('exec -a @iscsid');
    for (const name of ['metamaster-storage.service']) {
      expect(setting(unit(name), 'DefaultDependencies'), name).toBe('no');
      expect(setting(unit(name), 'Conflicts'), name).toBeUndefined();
    }
    // Debian's own units would log out of the SAN, under the root.
    expect(['open-iscsi.service', 'iscsid.service', 'iscsid.socket'].filter((name) => !recipe.mask.includes(name))).toEqual([]);
    expect(['systemd-networkd.service', 'networking.service'].filter((name) => !recipe.mask.includes(name)), 'nobody takes the interface down').toEqual([]);
  });

  test('stops everything else that writes to the root or the state volume before they are unmounted', () => {
    const early = OURS.filter((name) => setting(unit(name), 'DefaultDependencies') === 'no' && !['metamaster-iscsid.service', 'metamaster-storage.service', 'metamaster-zram.service'].includes(name));
    expect(early).toContain('metamasterd.service');
    for (const name of early) expect([name, setting(unit(name), 'Conflicts'), setting(unit(name), 'Before')]).toEqual([name, 'shutdown.target', 'shutdown.target']);
  });
});

test('metamasterd is handed each secret that it is started with, from a file that the initrd always writes', () => {
  const daemon = unit('metamasterd.service');
  const credentials = new Map([...daemon.matchAll(/^LoadCredential=([^:]+):(.*)$/gm)].map((match) => [match[1]!, match[2]!]));
  const asked = [...setting(daemon, 'ExecStart')!.matchAll(/--([a-z-]+) \$\{CREDENTIALS_DIRECTORY\}\/(\S+)/g)].map((match) => [match[1], match[2]]);
  expect(asked).toEqual([['cluster-key', 'cluster-key'], ['san-login', 'san-login']]);
  expect([...credentials.keys()]).toEqual(asked.map(([, name]) => name));
  // A credential whose file is missing keeps the unit from starting (systemd.exec(5)).
  const identity = readFileSync(join(import.meta.dirname, '../initrd/identity.ts'), 'utf8');
  for (const path of credentials.values()) expect(identity).toContain(`file('${path}', SECRET,`);
});

test('metamasterd follows the keys where the storage agent puts them for its user alone, out of the sight of the collector of hardware', () => {
  const daemon = unit('metamasterd.service');
  expect(setting(daemon, 'ExecStart')).toContain(` --follow-key ${FOLLOWED_KEYS} `);
  expect(`${setting(daemon, 'User')}:${setting(daemon, 'Group')}`).toBe(DAEMON_USER);
  expect(setting(unit('metamaster-hardware.service'), 'InaccessiblePaths')!.split(' ')).toContain(`-${FOLLOWED_KEYS.slice(0, FOLLOWED_KEYS.lastIndexOf('/'))}`);
});

describe.skipIf(NO_SANLOCK !== undefined)(`sanlock on a node${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  const START = join(import.meta.dirname, 'overlay/usr/lib/metamaster/start-sanlock');
  const bench = new LeaseBench();
  afterAll(() => bench.remove());
  const start = (record: object, name = 'boot.json', ...before: string[]) => {
    const file = join(bench.folder, name);
    // As initrd/steps/handover.ts writes it.
    writeFileSync(file, `${JSON.stringify({ bootNonce: 'aa', ...record, interfaceName: 'eth0' }, undefined, 1)}\n`);
    return spawnSync('sh', [START, ...before, file], { env: { ...process.env, ...bench.host(1).env }, encoding: 'utf8' });
  };

  test('has the hardware\'s name, whole, and that alone', async () => {
    expect(start({ hardwareId: '4c4c4544-0042-3510-8052-b4c04f4d3332/52:54:00:12:34:56' }).status).toBe(0);
    // It forks before it listens.
    await vi.waitFor(() => expect(bench.sanlock(1, 'client', 'status').split('\n')[0]).toBe('daemon 4c4c4544004235108052b4c04f4d3332/525400123456'), { timeout: 10_000, interval: 100 });
  });

  test('takes the record that is there: in the live system of the disc that is not a node\'s', () => {
    const { status, stderr } = start({}, 'live.json', join(bench.folder, 'none', 'boot.json'));
    expect([status, stderr]).toEqual([1, expect.stringContaining(`MM-LEASE-HARDWARE: ${join(bench.folder, 'live.json')}: `)]);
  });

  test('is not started under a name that it would cut off, or under none: another machine could have the same', () => {
    for (const record of [{}, { hardwareId: 'x'.repeat(49) }]) expect(start(record)).toMatchObject({ status: 1, stderr: expect.stringContaining('MM-LEASE-HARDWARE') });
  });
});

describe('an automatic replacement', () => {
  const [daemon, path, service] = ['metamasterd.service', 'metamaster-replace.path', 'metamaster-replace.service'].map(unit) as [string, string, string];
  const [START, REQUEST, OWN, COMMAND] = setting(service, 'ExecStart')!.split(' ') as [string, string, string, string];

  test('is asked for where systemd waits, in a folder that is metamasterd\'s, and looked at in one that is root\'s alone', () => {
    expect(setting(daemon, 'ExecStart')).toMatch(new RegExp(`--replace ${REQUEST}( |$)`));
    expect(REQUEST).toMatch(new RegExp(`^/run/${setting(daemon, 'RuntimeDirectory')}/[^/]+$`));
    expect(setting(path, 'PathExists')).toBe(REQUEST);
    expect([`/run/${setting(service, 'RuntimeDirectory')}`, setting(service, 'RuntimeDirectoryMode'), setting(service, 'User')]).toEqual([OWN, '0700', undefined]);
    expect([existsSync(join(import.meta.dirname, 'overlay', START)), existsSync(join(import.meta.dirname, 'overlay', COMMAND))]).toEqual([true, true]);
  });

  test('is not tried for ever, nor by itself', () => {
    expect([setting(service, 'Type'), setting(service, 'Restart'), setting(service, 'StartLimitBurst'), setting(service, 'StartLimitIntervalSec'), setting(service, 'WantedBy')]).toEqual(['oneshot', undefined, '3', '1h', undefined]);
    expect(Number.parseInt(setting(service, 'TimeoutStartSec') ?? '', 10)).toBeGreaterThan(0);
  });

  const folder = mkdtempSync(join(tmpdir(), 'replace-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  /** Runs the reader on a request that `put` lays down; `ran` is what root would have run. */
  function start(put: (request: string) => void, shell = 'sh') {
    const at = mkdtempSync(join(folder, 'x'));
    const [request, own, command] = ['replace', 'own', 'command'].map((name) => join(at, name)) as [string, string, string];
    mkdirSync(own);
    writeFileSync(command, `#!/bin/sh\nprintf '%s|' "$@" > ${at}/ran\n`, { mode: 0o755 });
    put(request);
    const { status, stderr } = spawnSync(shell, [join(import.meta.dirname, 'overlay', START), request, own, command], { encoding: 'utf8', timeout: 10_000 });
    return { status, stderr, ran: existsSync(`${at}/ran`) ? readFileSync(`${at}/ran`, 'utf8') : undefined, left: [...readdirSync(own), ...readdirSync(at).filter((name) => name === 'replace')] };
  }
  const MAC = '52:54:00:99:00:0a' as Mac;

  test.each([1, 27, 2000])('is started for node %d as metamasterd asks for it', (node) => {
    expect(start((request) => writeFileSync(request, replacementRequest(node, MAC)))).toEqual({ status: 0, stderr: '', ran: `node|replace|${node}|--mac|${MAC}|--yes|--auto|`, left: [] });
  });

  test.each<[string, string]>([
    ['nothing', ''], ['a number alone', '3\n'], ['a MAC address alone', `${MAC}\n`], ['zero', `0 ${MAC}\n`], ['a leading zero', `03 ${MAC}\n`], ['a long number', `30000 ${MAC}\n`], ['a negative one', `-3 ${MAC}\n`],
    ['an option', `--fenced ${MAC}\n`], ['capital letters', '3 52:54:00:99:00:0A\n'], ['a short MAC address', '3 52:54:00:99:00\n'], ['more words', `3 ${MAC} --fenced\n`], ['two lines', `3 ${MAC}\n4 ${MAC}\n`], ['two blanks', `3  ${MAC}\n`],
    ['a command', '3 $(reboot)\n'], ['another one', '3;reboot 52:54:00:99:00:0a\n'], ['a pattern', '3 ??:??:??:??:??:??\n'], ['a long line', `3 ${MAC}${'0'.repeat(100)}\n`], ['other digits', '３ 52:54:00:99:00:0a\n'],
  ])('with %s in it is refused, shown nothing of, and gone', (_name, text) => {
    const { status, stderr, ran, left } = start((request) => writeFileSync(request, text));
    expect([status, ran, left]).toEqual([1, undefined, []]);
    expect(stderr).toMatch(/^MM-REPLACE-REQUEST: .*; seen no (number in front|MAC address behind the number)\. Nothing was done/);
  });

  test.each<[string, (request: string) => void]>([
    ['a link to a file of root\'s', (request) => { writeFileSync(`${request}-secret`, `3 ${MAC}\n`); symlinkSync(`${request}-secret`, request); }],
    ['a link to nowhere', (request) => symlinkSync('/nonexistent', request)],
    ['a FIFO that nobody writes to', (request) => void spawnSync('mkfifo', [request])],
    ['a folder', (request) => { mkdirSync(request); writeFileSync(join(request, 'x'), ''); }],
  ])('that is %s is refused, and gone', (_name, put) => {
    expect(start(put)).toMatchObject({ status: 1, ran: undefined, left: [], stderr: expect.stringContaining('seen no plain file') as string });
  });

  test('that was withdrawn is nothing to do', () => expect(start(() => {})).toEqual({ status: 0, stderr: '', ran: undefined, left: [] }));

  test('any bytes: what is run is a number and a MAC address, or nothing', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.array(fc.constantFrom('3', ' ', '\n', ':', '52:54:00:99:00:0a', '0a', '-', '*', '$', '\0', '"', "'"), { maxLength: 8 }).map((parts) => new TextEncoder().encode(parts.join(''))));
    fc.assert(fc.property(bytes, (content) => {
      const { status, ran } = start((request) => writeFileSync(request, content));
      expect(status).toBe(ran === undefined ? 1 : 0);
      if (ran !== undefined) expect(ran).toMatch(/^node\|replace\|[1-9][0-9]{0,3}\|--mac\|([0-9a-f]{2}:){5}[0-9a-f]{2}\|--yes\|--auto\|$/);
    }), { numRuns: 60 });
  });
});

describe('time service', () => {
  const recipe = readRecipe(join(import.meta.dirname, 'recipes/debian-13.json'));
  const settings = (name: string): string => readFileSync(join(import.meta.dirname, 'overlay/etc/chrony', name), 'utf8');
  const dropIn = unit('chrony.service.d/node.conf');

  test('chrony reads what the initrd renders for it', () => {
    const folders = [...settings('chrony.conf').matchAll(/^(?:confdir|sourcedir) (.*)$/gm)].map(([, folder]) => folder);
    const rendered = [...readFileSync(join(import.meta.dirname, '../initrd/identity.ts'), 'utf8').matchAll(/'(\/etc\/chrony\/[^']+)\/[^/']+'/g)].map(([, folder]) => folder!);
    expect(rendered.toSorted()).toEqual(folders.toSorted());
    expect(TIME_SOURCES).toMatch(/\.sources$/);
  });

  test('starts when the node serves, on nodes alone, and does not offer a clock before it has asked the others', () => {
    expect(recipe.packages).toContain('chrony');
    expect(recipe.afterServing).toContain('chrony.service');
    expect(recipe.mask).not.toContain('chrony.service');
    expect(setting(dropIn, 'ConditionPathExists')).toBe('/etc/metamaster/node.json');
    expect(setting(dropIn, 'ExecStartPre')).toContain('-f /etc/chrony/first-look.conf');
    expect(settings('first-look.conf')).not.toMatch(/^(local|allow|confdir)/m);
    // What the recipe writes for units that wait is a file of another name, or it would take the place of this one.
    expect(existsSync(join(UNITS, 'chrony.service.d/metamaster.conf'))).toBe(false);
  });

  test.skipIf(spawnSync(CHRONYD, ['--version']).status !== 0)('chronyd takes both files', () => {
    for (const name of ['chrony.conf', 'first-look.conf']) expect(spawnSync(CHRONYD, ['-p', '-f', join(import.meta.dirname, 'overlay/etc/chrony', name)], { encoding: 'utf8' }).stderr).toBe('');
  });
});

test('the gateway has its programs, which nobody else starts, and the modules of the kernel that they need', () => {
  const recipe = readRecipe(join(import.meta.dirname, 'recipes/debian-13.json'));
  expect(['nftables', 'conntrackd', 'iproute2'].filter((name) => !recipe.packages.includes(name))).toEqual([]);
  // gatewayd runs conntrackd in the mode of its role; a ruleset of Debian's would flush the gate.
  expect(['conntrackd.service', 'nftables.service'].filter((name) => !recipe.mask.includes(name))).toEqual([]);
  // They are loaded from the root, by what asks for them: nft_*, nf_nat, nf_conntrack, nf_conntrack_netlink, nfnetlink, 8021q.
  expect(recipe.leaveOut.filter((pattern) => /kernel\/net\/(\*|netfilter|ipv4|8021q)/.test(pattern))).toEqual([]);
});

test('sanlock is started by our unit alone, on demand, and its process id is where the daemon writes it', () => {
  const recipe = readRecipe(join(import.meta.dirname, 'recipes/debian-13.json'));
  expect(recipe.packages).toContain('sanlock');
  expect(['sanlock.service', 'wdmd.service'].filter((name) => !recipe.mask.includes(name))).toEqual([]);
  const ours = unit('metamaster-sanlock.service');
  expect(setting(ours, 'WantedBy')).toBeUndefined();
  // One of the two is there: the one of a node, or the one of the live system.
  const records = ['/run/metamaster/boot.json', '/run/metamaster/live.json'];
  expect([...ours.matchAll(/^ConditionPathExists=(.*)$/gm)].map(([, condition]) => condition)).toEqual(records.map((record) => `|${record}`));
  expect(setting(ours, 'ExecStart')).toBe(`/usr/lib/metamaster/start-sanlock ${records.join(' ')}`);
  expect(setting(ours, 'PIDFile')).toBe(`/run/${setting(ours, 'RuntimeDirectory')}/sanlock.pid`);
});
