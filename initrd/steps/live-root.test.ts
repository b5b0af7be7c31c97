import { describe, expect, test } from 'vitest';
import { encodeLatin1 } from '../../daemons/core/bytes.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';

const LIVE = 'storage_ip=10.0.0.252 sif=eth0 sifip=10.0.0.254 sifnm=255.255.255.0 mm.mode=install';

/** A blade with an empty drive, a foreign disc and a stick; mounts show what lies on the disc. */
class DiscBlade extends ModelBlade {
  label = 'METAMASTER';

  constructor() {
    super(new ModelSan(), { commandLine: LIVE });
    for (const name of ['fd0', 'sda', 'sdb', 'sr0', 'loop0']) this.files.set(`/sys/block/${name}/size`, '1000\n');
    const shows: Readonly<Record<string, string>> = { '/run/metamaster/medium': 'metamaster/root.squashfs', '/run/metamaster/squash': 'root.ext4', '/run/metamaster/lower': 'usr/bin/true', '/run/metamaster/layer': 'upper/.', '/sysroot': 'usr/bin/true' };
    this.override = (argv) => {
      if (argv[0] === 'modprobe') for (const name of argv.slice(1)) this.files.set(`/sys/module/${name}/refcnt`, '0');
      if (argv[0] !== 'mount') return undefined;
      const target = argv.at(-1)!;
      this.files.set(`${target}/${shows[target]}`, '');
      return { code: 0, said: '' };
    };
  }

  override readAt(device: string, _offset: number, length: number): Uint8Array {
    if (device === '/dev/sr0') throw new Error('/dev/sr0: No medium found');
    const block = new Uint8Array(length);
    block.set(encodeLatin1('\u0001CD001'));
    block.set(encodeLatin1((device === '/dev/sdb' ? this.label : 'SOMETHING').padEnd(32)), 40);
    return block;
  }
}

const mountsOf = (blade: ModelBlade) => blade.argvs.filter(([program]) => program === 'mount');

describe('the live system', () => {
  test('is found by its label, put under an overlay in memory, and named', async () => {
    const blade = new DiscBlade();
    expect(await blade.boot(), blade.console.join('\n')).toBe('handover');
    expect(blade.state!.liveMedium).toBe('/dev/sdb');
    expect(mountsOf(blade).map((argv) => argv.at(-1))).toEqual(['/run/metamaster/medium', '/run/metamaster/squash', '/run/metamaster/lower', '/run/metamaster/layer', '/sysroot']);
    expect(mountsOf(blade).slice(0, 3).every((argv) => argv[4]!.includes('ro'))).toBe(true);
    expect(blade.files.get('/sysroot/etc/hostname')).toBe('metamaster-live\n');
    expect(blade.files.get('/sysroot/etc/machine-id')).toMatch(/^[0-9a-f]{32}\n$/);
    expect(blade.files.get('/sysroot/etc/iscsi/initiatorname.iscsi')).toBe(`InitiatorName=${blade.state!.initiator}\n`);
    expect(blade.links.get('/sysroot/etc/systemd/system/ssh.service')).toBe('/dev/null');
    expect(JSON.parse(blade.files.get('/run/metamaster/live.json')!)).toMatchObject({ mode: 'install', medium: '/dev/sdb' });
  });

  test('no session to the SAN is opened and nothing of it is read or written', async () => {
    const blade = new DiscBlade();
    await blade.boot();
    expect(blade.argvs.some(([program]) => program === 'iscsistart' || program === 'dmsetup')).toBe(false);
    expect(blade.san.writes).toEqual([]);
  });

  test('a disc that is taken out and put in again is found at a later try', async () => {
    const blade = new DiscBlade();
    blade.label = 'METAMASTERS';
    blade.onPause = () => { blade.label = 'METAMASTER'; };
    expect(await blade.boot(1)).toBe('handover');
    expect(blade.console.join('\n')).toContain('no medium with the label METAMASTER; block devices: fd0, loop0, sda, sdb, sr0');
  });

  test('a step that failed half-way mounts nothing a second time', async () => {
    const blade = new DiscBlade();
    const usual = blade.override;
    blade.override = (argv) => (argv.at(-1) === '/sysroot' && argv[0] === 'mount' && blade.pauses.length < 3 ? { code: 32, said: 'no memory' } : usual(argv));
    expect(await blade.boot(3)).toBe('handover');
    const targets = mountsOf(blade).map((argv) => argv.at(-1));
    expect(targets.filter((target) => target !== '/sysroot')).toHaveLength(4);
    expect(targets.filter((target) => target === '/sysroot')).toHaveLength(4);
  });

  test('started anew with the medium mounted it still knows which device it is', async () => {
    const blade = new DiscBlade();
    await blade.boot();
    await blade.boot();
    expect(blade.state!.liveMedium).toBe('/dev/sdb');
    expect(mountsOf(blade)).toHaveLength(5);
  });
});
