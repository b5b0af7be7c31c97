// Whole boots on the model: from the command line to the record that the root finds.

import { describe, expect, test } from 'vitest';
import { SECTOR_BYTES } from '../daemons/storage/block.ts';
import type { MemoryDisk } from '../daemons/storage/memory-disk.test-kit.ts';
import { encodeOwner, OWNER_OFFSET, type OwnerRecord } from '../daemons/storage/owner-record.ts';
import { sampleLabel } from '../daemons/storage/sample-san.test-kit.ts';
import { SNAPSHOT_MAGIC } from '../daemons/storage/snapshot-store.ts';
import { DATA_OFFSET_BYTES, encodeLabel, LABEL_OFFSETS } from '../daemons/storage/volume-label.ts';
import { commandLineOf, ModelBlade } from './model-blade.test-kit.ts';
import { bootRegistry, differingSectors, ModelSan } from './model-san.test-kit.ts';

const NODE1 = { mac: '52:54:00:00:00:01', uuid: '4c4c4544-0000-0000-0000-000000000001', commandLine: commandLineOf(1) };

/** The disk as it must be after the first boot of a node: the former one, and these blocks of this node's volumes. */
function expectedAfterBoot(san: ModelSan, before: MemoryDisk, blade: ModelBlade, node: number, volumes: readonly string[]): MemoryDisk {
  const disk = before.clone();
  const owner: Omit<OwnerRecord, 'volumeUuid'> = {
    hardwareId: blade.state!.hardwareId!, bootNonce: blade.state!.bootNonce, epoch: 1, counter: 1, node, renewedAtUnixMs: blade.unixMs(),
  };
  for (const name of volumes) {
    const volume = san.registry.volumes.find((one) => one.name === name)!;
    const label = encodeLabel({ ...sampleLabel(san.registry, volume), state: 'live', generation: 2 });
    for (const offset of LABEL_OFFSETS) disk.write(san.at(name, offset), label);
    disk.write(san.at(name, OWNER_OFFSET), encodeOwner({ ...owner, volumeUuid: volume.uuid }));
  }
  const header = new Uint8Array(16 * SECTOR_BYTES);
  new Uint32Array(header.buffer).set([SNAPSHOT_MAGIC, 1, 1, 16]);
  disk.write(san.at(`node${node}`, DATA_OFFSET_BYTES), header);
  return disk;
}

describe('a boot from the SAN', () => {
  test('node 2 comes to the handover, and of the disk only its own owner records, labels and store header have changed', async () => {
    const san = new ModelSan();
    const before = san.disk.clone();
    const blade = new ModelBlade(san);
    expect(await blade.boot()).toBe('handover');
    const expected = expectedAfterBoot(san, before, blade, 2, ['node2', 'state2']);
    expect(differingSectors(san.disk, expected)).toEqual([]);
    expect(differingSectors(san.disk, before).length).toBeGreaterThan(0);
    expect(san.writes.filter(({ by }) => by === 'kernel')).toHaveLength(2);
  });

  test('node 1 takes its swap volume as well, and leaves node 2 alone', async () => {
    const san = new ModelSan();
    const before = san.disk.clone();
    const blade = new ModelBlade(san, NODE1);
    expect(await blade.boot()).toBe('handover');
    expect(differingSectors(san.disk, expectedAfterBoot(san, before, blade, 1, ['node1', 'state1', 'swap1']))).toEqual([]);
    expect(blade.argvs).toContainEqual(['swapon', '/dev/mapper/debian-swap1']);
  });

  test('every step is announced once, in order, and the record in /run tells what the root must know', async () => {
    const blade = new ModelBlade(new ModelSan());
    await blade.boot();
    const kinds = ['modules', 'interface', 'login', 'registry', 'paths', 'identity', 'claim', 'snapshot', 'check', 'mount', 'configure', 'swap', 'handover'];
    expect(blade.console).toEqual(kinds.map((kind) => `mm-stage initrd ${kind}`));
    const record = JSON.parse(blade.files.get('/run/metamaster/boot.json')!) as Record<string, unknown>;
    expect(record).toMatchObject({
      node: 2, container: 'debian', target: 'iqn.2026-01.example:san', portals: ['10.0.0.252:3260'], generation: 1, disk: '/dev/sda', interfaceName: 'eth0', bootAddress: '10.0.0.2',
      mode: 'boot', hardwareId: '4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02', bootNonce: blade.state!.bootNonce,
    });
    // The record is written within the last step: it holds all steps before it.
    expect((record['stages'] as { step: string; tries: number }[]).map(({ step }) => step)).toEqual(kinds.slice(0, -1));
  });

  test('a second boot of the same blade takes its store as it is: nothing is wiped, epoch and counter grow', async () => {
    const san = new ModelSan();
    await new ModelBlade(san).boot();
    const wiped = san.at('node2', DATA_OFFSET_BYTES);
    const count = san.writes.length;
    const again = new ModelBlade(san);
    expect(await again.boot()).toBe('handover');
    const fresh = san.writes.slice(count);
    expect(fresh.every(({ offset }) => offset !== wiped)).toBe(true);
    expect(fresh.map(({ by, offset }) => [by, offset])).toEqual([['program', san.at('node2', OWNER_OFFSET)], ['program', san.at('state2', OWNER_OFFSET)]]);
  });

  test('the dm tables are those of the node: origin and boot volume read-only, the root a snapshot of the one in the other', async () => {
    const san = new ModelSan();
    const blade = new ModelBlade(san);
    await blade.boot();
    const table = (name: string) => blade.mapped.get(name)!;
    expect([...blade.mapped.keys()].sort()).toEqual(['debian-boot@1', 'debian-default@1', 'debian-node2', 'debian-state2', 'debian-store2']);
    expect(table('debian-default@1')).toEqual({ table: `0 8192 linear /dev/sda ${san.at('default@1', 0) / 512}`, readOnly: true });
    expect(table('debian-boot@1').readOnly).toBe(true);
    expect(table('debian-store2').table).toMatch(new RegExp(`^0 [0-9]+ linear /dev/sda ${san.at('node2', DATA_OFFSET_BYTES) / 512}$`));
    expect(table('debian-node2')).toEqual({ table: '0 8192 snapshot /dev/mapper/debian-default@1 /dev/mapper/debian-store2 P 16', readOnly: false });
    expect(Object.fromEntries(blade.links)).toMatchObject({
      '/dev/evms/debian/node2': '/dev/mapper/debian-node2', '/dev/evms/defaultdebian': '/dev/mapper/debian-default@1', '/dev/metamaster/boot': '/dev/mapper/debian-boot@1',
    });
  });

  test('no program that makes a file system, a partition or a signature is ever run', async () => {
    const blade = new ModelBlade(new ModelSan(), NODE1);
    await blade.boot();
    const programs = new Set(blade.argvs.map(([program]) => program));
    expect([...programs].filter((program) => /mkfs|mke2fs|mkswap|dd|parted|sgdisk|wipefs|busybox/.test(program!))).toEqual([]);
  });

  test('a node that is named by mm.node takes that identity whatever its MAC address', async () => {
    const blade = new ModelBlade(new ModelSan(), { mac: '52:54:00:00:00:99', commandLine: `${commandLineOf(9)} mm.node=1` });
    expect(await blade.boot()).toBe('handover');
    expect(blade.files.get('/sysroot/etc/hostname')).toBe('node1\n');
    expect(blade.addresses).toEqual(['10.0.0.1/24', '10.0.0.9/32']);
  });
});

describe('what goes wrong', () => {
  test('an unknown MAC address is told, with the roster and the way out; nothing is written', async () => {
    const san = new ModelSan();
    const blade = new ModelBlade(san, { mac: '52:54:00:00:00:77' });
    expect(await blade.boot()).toBe('stuck');
    const said = blade.console.join('\n');
    expect(said).toContain('step identity FAILED (try 1)');
    expect(said).toMatch(/52:54:00:00:00:77.* is not in the roster of sample: 1 node1 52:54:00:00:00:01; 2 node2/);
    expect(said).toContain('what to do: Add the blade to the roster');
    expect(san.writes).toEqual([]);
  });

  test('a SAN that is away is waited for with growing pauses, and the boot goes on by itself when it is back', async () => {
    const san = new ModelSan();
    san.reachable = false;
    const blade = new ModelBlade(san);
    blade.onPause = (tries) => {
      if (tries === 8) san.reachable = true;
    };
    expect(await blade.boot(8)).toBe('handover');
    expect(blade.pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1000));
    expect(blade.console.filter((line) => line.includes('FAILED'))).toHaveLength(8);
    expect(blade.console.join('\n')).toContain('what to do: Check storage_ip=, sifip= and sifnm=, and the cable to the SAN.');
    expect(blade.state!.stages.find(({ step }) => step === 'login')!.tries).toBe(9);
  });

  test.each(['e2fsck', 'mount', 'swapon', 'dmsetup', 'iscsistart'])('a %s that always fails is told and tried again for ever; nothing is formatted', async (program) => {
    const san = new ModelSan();
    const blade = new ModelBlade(san, NODE1);
    blade.override = ([name]) => (name === program ? { code: 8, said: 'it is broken\n' } : undefined);
    expect(await blade.boot(6)).toBe('stuck');
    expect(blade.pauses).toEqual([1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * 1000));
    const said = blade.console.join('\n');
    expect(said).toMatch(/step \w+ FAILED \(try 7\)\n {4}why: {2}.*it is broken.*\n {4}what to do: \S.*\n {4}next try in 30 s/);
    expect(blade.argvs.flat().filter((word) => /^mk(fs|swap|e2fs)/.test(word))).toEqual([]);
  });
});

describe('a SAN that wants CHAP', () => {
  const LOGIN = { user: 'rack', password: 'topsecret-topsecret', mutual: { user: 'san', password: 'another-topsecret' } };
  const san = (): ModelSan => {
    const registry = bootRegistry();
    const one = new ModelSan(undefined, { ...registry, roster: { ...registry.roster, san: { ...registry.roster.san, chap: 'mutual' } }, secret: { ...registry.secret, chap: LOGIN } });
    one.chap = LOGIN;
    return one;
  };
  /** Everything that the boot showed, reported, ran, or left outside of the one file that the root has it in. */
  const traces = (blade: ModelBlade): string => JSON.stringify([blade.console, blade.fed, blade.argvs, [...blade.files].filter(([path]) => path !== '/sysroot/etc/metamaster/san-login.json'), blade.state!.warnings]);

  test('lets a blade in to whom a node handed the login; the root has it in one file of root\'s, and nothing else does', async () => {
    const blade = new ModelBlade(san());
    blade.files.set('/san-login.json', JSON.stringify(LOGIN));
    expect(await blade.boot(), blade.console.join('\n')).toBe('handover');
    expect(blade.files.get('/sysroot/etc/metamaster/san-login.json')).toBe(`${JSON.stringify(LOGIN)}\n`);
    expect(blade.modes.get('/sysroot/etc/metamaster/san-login.json')).toBe(0o600);
    expect(traces(blade)).not.toContain('topsecret');
    expect(blade.asked).toBe(0);
  });

  test('keeps a blade waiting that booted over the network without it, and says why; nobody is asked', async () => {
    const blade = new ModelBlade(san());
    expect(await blade.boot(2)).toBe('stuck');
    expect(blade.console.join('\n')).toMatch(/MM-BOOT-LOGIN-CHAP: iSCSI login to [^]*what to do: The target wants CHAP, and no login came with this boot/);
    expect([blade.asked, blade.state!.stages.at(-1)?.step]).toEqual([0, 'interface']);
  });

  test('from the disc the administrator is asked, again after a wrong answer, and the boot goes on', async () => {
    const blade = new ModelBlade(san(), { commandLine: `${commandLineOf(2).replace('mm.boot=net', 'mm.boot=dvd')}` });
    blade.typedLogin = { ...LOGIN, password: 'wrong-topsecret' };
    blade.override = () => {
      if (blade.asked === 2) blade.typedLogin = LOGIN;
      return undefined;
    };
    expect(await blade.boot(), blade.console.join('\n')).toBe('handover');
    expect([blade.asked, blade.pauses]).toEqual([3, []]);
    expect(traces(blade)).not.toContain('topsecret');
  });

  test('from the disc with nobody there it tries again, for ever', async () => {
    const blade = new ModelBlade(san(), { commandLine: `${commandLineOf(2).replace('mm.boot=net', 'mm.boot=dvd')}` });
    expect(await blade.boot(3)).toBe('stuck');
    expect([blade.asked, blade.pauses]).toEqual([4, [1000, 2000, 4000, 8000]]);
  });
});
