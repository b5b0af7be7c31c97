import { expect, test } from 'vitest';
import { commandLineOf, ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { configureRoot } from './configure-root.ts';

async function booted(options = {}): Promise<ModelBlade> {
  const blade = new ModelBlade(new ModelSan(), options);
  expect(await blade.boot()).toBe('handover');
  return blade;
}

test('the mounted root becomes node 2: its name, its keys, its password, secrets readable by root alone', async () => {
  const blade = await booted();
  expect(blade.files.get('/sysroot/etc/hostname')).toBe('node2\n');
  expect(blade.files.get('/sysroot/etc/ssh/ssh_host_ed25519_key')).toBe('PRIVATE-2\n');
  expect(blade.modes.get('/sysroot/etc/ssh/ssh_host_ed25519_key')).toBe(0o600);
  expect(blade.modes.get('/sysroot/etc/metamaster/cluster-key')).toBe(0o600);
  expect(blade.files.get('/sysroot/etc/shadow')).toBe('root:$y$j9T$salt$hash:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n');
  expect(blade.modes.get('/sysroot/etc/shadow')).toBe(0o640);
  expect(blade.argvs).toContainEqual(['mkdir', '-p', '-m', '700', '/sysroot/root/.ssh']);
});

test('nothing outside the root is written, and nothing of another node', async () => {
  const blade = await booted();
  const written = [...blade.modes.keys()].filter((path) => !path.startsWith('/sysroot/') && !path.startsWith('/sys/'));
  expect(written.sort()).toEqual(['/run/initramfs/hand-back.json', '/run/metamaster.table', '/run/metamaster/boot.json']);
  expect([...blade.files.values()].join('')).not.toContain('PRIVATE-1');
});

test('done again it writes nothing, for each chunk of the root costs room in the store', async () => {
  const blade = await booted();
  blade.modes.clear();
  configureRoot(blade, blade.state!);
  expect([...blade.modes.keys()]).toEqual([]);
});

test('a file that somebody changed is put right, and only that one', async () => {
  const blade = await booted();
  blade.modes.clear();
  blade.files.set('/sysroot/etc/hostname', 'node1\n');
  configureRoot(blade, blade.state!);
  expect([...blade.modes.keys()]).toEqual(['/sysroot/etc/hostname']);
});

test('settings of a gateway that this node is no candidate for are removed', async () => {
  const blade = await booted();
  blade.files.set('/sysroot/etc/metamaster/gateway.json', '{}');
  configureRoot(blade, blade.state!);
  expect(blade.files.has('/sysroot/etc/metamaster/gateway.json')).toBe(false);
});

test('a candidate is given them, its card outside is started, and its way out is the address that moves', async () => {
  const san = new ModelSan();
  const blade = new ModelBlade(san);
  expect(await blade.boot()).toBe('handover');
  const { registry } = blade.state!;
  blade.files.set('/sys/class/net/eth1/address', '52:54:00:00:01:02\n');
  blade.argvs.length = 0;
  const install = { ...registry!.install, 'primary-gateway-local-IP': '10.0.0.2', 'public-IP': '203.0.113.9', 'public-interface': 'eth1', 'public-IP6': '2001:db8::9/64', 'public-router6': 'fe80::1' };
  configureRoot(blade, { ...blade.state!, registry: { ...registry!, install } });
  expect(JSON.parse(blade.files.get('/sysroot/etc/metamaster/gateway.json')!)).toMatchObject({ 'public-interface': 'eth1', 'inside-interface': 'eth0', 'public-IP6': '2001:db8::9/64', 'public-router6': 'fe80::1' });
  expect(blade.argvs).toContainEqual(['ip', 'link', 'set', 'dev', 'eth1', 'up']);
  expect(blade.argvs).toContainEqual(['ip', '-4', 'route', 'replace', 'default', 'via', '10.0.0.253', 'dev', 'eth0']);
  // A way through a network that the node is not in yet would be refused.
  const by6 = blade.argvs.filter((argv) => argv[1] === '-6').map((argv) => argv.slice(2, 4).join(' '));
  expect(by6).toEqual(['addr add', 'route replace']);
});

test('the node takes its own address, a borrowed one steps aside; and an address for router advertisements', async () => {
  const blade = await booted({ commandLine: `${commandLineOf(254)} mm.node=2` });
  expect(blade.addresses).toEqual(['10.0.0.2/24', '10.0.0.254/32']);
  expect(blade.argvs.some((argv) => argv.includes('-6') && argv.includes('nodad'))).toBe(true);
});

test('a kernel without IPv6 is no obstacle', async () => {
  const blade = new ModelBlade(new ModelSan());
  blade.override = (argv) => (argv.includes('-6') ? { code: 2, said: 'RTNETLINK answers: Operation not supported' } : undefined);
  expect(await blade.boot()).toBe('handover');
});
