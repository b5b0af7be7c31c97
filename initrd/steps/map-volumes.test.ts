import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { chooseLabel, LABEL_OFFSETS } from '../../daemons/storage/volume-label.ts';
import { commandLineOf, ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { mountRoot, readAheadArgv, turnOnSwap } from './map-volumes.ts';

const NODE1 = { mac: '52:54:00:00:00:01', commandLine: commandLineOf(1) };

function stateOf(san: ModelSan, name: string): string {
  const [first, second] = LABEL_OFFSETS.map((offset) => san.disk.read(san.at(name, offset), BLOCK_BYTES));
  const chosen = chooseLabel(first!, second!);
  return chosen.ok ? chosen.value.label.state : 'none';
}

describe('mapping', () => {
  test('a step that failed half-way goes on where it stood: what is mapped is not mapped again', async () => {
    const san = new ModelSan();
    const blade = new ModelBlade(san);
    blade.override = (argv) => (argv[1] === 'create' && argv[2] === 'debian-node2' && blade.pauses.length < 2 ? { code: 1, said: 'device-mapper: reload ioctl failed' } : undefined);
    blade.onPause = () => expect(stateOf(san, 'node2')).toBe('new');
    expect(await blade.boot(5)).toBe('handover');
    expect(blade.pauses).toEqual([1000, 2000]);
    const creations = blade.argvs.filter(([program, verb]) => program === 'dmsetup' && verb === 'create').map(([, , name]) => name);
    expect(creations.filter((name) => name === 'debian-default@1')).toHaveLength(1);
    expect(creations.filter((name) => name === 'debian-node2')).toHaveLength(3);
    expect(stateOf(san, 'node2')).toBe('live');
  });

  test('dmsetup that says yes and makes no device is not believed', async () => {
    const blade = new ModelBlade(new ModelSan());
    blade.override = ([program]) => (program === 'dmsetup' ? { code: 0, said: '' } : undefined);
    expect(await blade.boot()).toBe('stuck');
    expect(blade.console.join('\n')).toContain('why:  MM-BOOT-DM: dmsetup made no /dev/mapper/debian-default@1');
  });

  test('a store that the kernel refuses stays as it is', async () => {
    const san = new ModelSan();
    await new ModelBlade(san).boot();
    const before = san.writes.length;
    const blade = new ModelBlade(san);
    blade.override = (argv) => (argv[2] === 'debian-node2' ? { code: 1, said: 'Invalid exception store' } : undefined);
    expect(await blade.boot()).toBe('stuck');
    expect(san.writes.slice(before)).toHaveLength(2); // the two claims
  });
});

describe('file systems', () => {
  test.each([0, 1, 2])('e2fsck that ends with %i lets the boot go on', async (code) => {
    const blade = new ModelBlade(new ModelSan());
    blade.override = ([program]) => (program === 'e2fsck' ? { code, said: '' } : undefined);
    expect(await blade.boot()).toBe('handover');
    expect(blade.argvs.filter(([program]) => program === 'e2fsck')).toEqual([['e2fsck', '-p', '/dev/mapper/debian-node2'], ['e2fsck', '-p', '/dev/mapper/debian-state2']]);
  });

  test.each([4, 8, 128 + 9])('e2fsck that ends with %i keeps the root from being mounted, and the device is named', async (code) => {
    const blade = new ModelBlade(new ModelSan());
    blade.override = ([program]) => (program === 'e2fsck' ? { code, said: 'UNEXPECTED INCONSISTENCY\n' } : undefined);
    expect(await blade.boot()).toBe('stuck');
    expect(blade.console.join('\n')).toContain('what to do: Repair it at the debug console (e2fsck -f /dev/mapper/debian-node2)');
    expect(blade.argvs.some(([program]) => program === 'mount')).toBe(false);
  });

  test('what e2fsck says is on the console: whether the file system was given back in order or by a power cut', async () => {
    const blade = new ModelBlade(new ModelSan());
    blade.override = ([program, , device]) => (program === 'e2fsck' ? { code: 0, said: `${device === '/dev/mapper/debian-node2' ? 'metamaster: recovering journal\nmetamaster' : 'state2'}: clean, 11/64 files, 20/256 blocks\n` } : undefined);
    await blade.boot();
    expect(blade.console.filter((line) => line.includes('e2fsck: '))).toEqual(['    e2fsck: metamaster: recovering journal', '    e2fsck: metamaster: clean, 11/64 files, 20/256 blocks', '    e2fsck: state2: clean, 11/64 files, 20/256 blocks']);
  });

  test('the root is mounted before the state volume within it, and neither a second time', async () => {
    const blade = new ModelBlade(new ModelSan());
    await blade.boot();
    const mounts = () => blade.argvs.filter(([program, kind, type]) => program === 'mount' && kind === '-t' && type === 'ext4').map((argv) => argv.slice(-2));
    expect(mounts()).toEqual([['/dev/mapper/debian-node2', '/sysroot'], ['/dev/mapper/debian-state2', '/sysroot/var/lib/metamaster']]);
    mountRoot(blade, blade.state!);
    expect(mounts()).toHaveLength(2);
  });

  test('swap that is on is not turned on again', async () => {
    const blade = new ModelBlade(new ModelSan(), NODE1);
    await blade.boot();
    const swapons = () => blade.argvs.filter(([program]) => program === 'swapon').length;
    blade.files.set('/proc/swaps', 'Filename Type Size Used Priority\n/dev/mapper/debian-swap1                partition 1048572 0 -2\n');
    turnOnSwap(blade, blade.state!);
    expect(swapons()).toBe(1);
  });
});

describe('reading Node ahead', () => {
  test('takes only the listed parts, as arguments and never as program text', () => {
    const argv = readAheadArgv('{"bytes":9,"ranges":[[0,4096],[8192,100]]}');
    expect(argv.slice(0, 3)).toEqual(['qjs', '--std', '-e']);
    expect(argv.slice(4)).toEqual(['/sysroot/usr/lib/metamaster/metamasterd.mjs', '/sysroot/usr/bin/node', '0', '4096', '8192', '100']);
  });

  test('without a list it takes all of it', () => expect(readAheadArgv(undefined).slice(4)).toEqual(['/sysroot/usr/lib/metamaster/metamasterd.mjs', '/sysroot/usr/bin/node']));
});
