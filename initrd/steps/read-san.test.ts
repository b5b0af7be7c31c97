import { describe, expect, test } from 'vitest';
import type { Mac } from '../../daemons/core/mac.ts';
import type { BarredMachine } from '../../daemons/core/roster.ts';
import { SAMPLE_DISK_BYTES, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { refuse, StepError } from '../boot-host.ts';
import { commandLineOf, ModelBlade } from '../model-blade.test-kit.ts';
import { bootRegistry, ModelSan } from '../model-san.test-kit.ts';
import { findIdentity, loadRegistry } from './read-san.ts';

/** A blade whose target shows a further disk in front of the SAN's. */
class TwoDisks extends ModelBlade {
  firstDisk: (offset: number, length: number) => Uint8Array = (_, length) => new Uint8Array(length);

  addDisk(sectors: number): void {
    this.files.set('/sys/class/iscsi_session/session1/device/target2:0:0/2:0:0:0/block/saa/dev', '8:416\n');
    this.files.set('/sys/block/saa/size', `${sectors}\n`);
  }

  override readAt(device: string, offset: number, length: number): Uint8Array {
    if (device === '/dev/saa') {
      if (offset < 0) throw new Error('/dev/saa: Invalid argument');
      return this.firstDisk(offset, length);
    }
    return super.readAt(device, offset, length);
  }
}

describe('the registry', () => {
  test.each([
    ['an empty one', 8192, (_: number, length: number) => new Uint8Array(length)],
    ['one without any size', 0, (_: number, length: number) => new Uint8Array(length)],
    ['one that cannot be read', 8192, () => { throw new Error('/dev/saa: Input/output error'); }],
  ])('is found on the second disk when the first is %s', async (_, sectors, firstDisk) => {
    const blade = new TwoDisks(new ModelSan());
    blade.firstDisk = firstDisk;
    blade.override = ([program]) => {
      if (program === 'iscsistart') blade.addDisk(sectors);
      return undefined;
    };
    expect(await blade.boot(), blade.console.join('\n')).toBe('handover');
    expect(blade.state).toMatchObject({ disk: '/dev/sda', diskBytes: SAMPLE_DISK_BYTES, generation: 1 });
  });

  test('every disk that does not hold it is told, each with its own reason', async () => {
    const blade = new TwoDisks(new ModelSan(), { commandLine: commandLineOf(2).replace('defaultdebian', 'defaultother') });
    blade.firstDisk = () => { throw new Error('Input/output error'); };
    blade.override = ([program]) => {
      if (program === 'iscsistart') blade.addDisk(8192);
      return undefined;
    };
    expect(await blade.boot()).toBe('stuck');
    const said = blade.console.join('\n');
    expect(said).toContain('why:  MM-SAN-READ: /dev/saa');
    expect(said).toContain("why:  MM-CONTAINER-NONE: GPT: a container 'other'; seen debian");
  });

  test('a target without a disk is a mistake of the target', () => {
    const blade = new ModelBlade(new ModelSan());
    const state = { parameters: { target: 'iqn.2026-01.example:san' }, stages: [], warnings: [], bootNonce: '' } as never;
    expect(() => loadRegistry(blade, state, 'debian')).toThrow('the target iqn.2026-01.example:san has no disk');
  });

  test('what still works and should be mended is a warning, and the boot goes on', async () => {
    const { disk } = sampleSan(new ModelSan().registry);
    disk.write(512, new Uint8Array(512)); // the primary table's header
    const blade = new ModelBlade(new ModelSan(disk));
    expect(await blade.boot()).toBe('handover');
    expect(blade.console.some((line) => line.startsWith('metamaster: warning: MM-GPT-'))).toBe(true);
  });
});

describe('the identity', () => {
  test('is found by any of the blade\'s MAC addresses, not only the boot interface\'s', async () => {
    const blade = new ModelBlade(new ModelSan(), { mac: '52:54:00:00:00:aa' });
    blade.files.set('/sys/class/net/eth7/address', '52:54:00:00:00:01\n');
    blade.files.set('/sys/class/net/sit0/address', '0.0.0.0\n');
    expect(await blade.boot()).toBe('handover');
    expect(blade.state!.node!.number).toBe(1);
  });

  test('of a node that the roster has not is refused by its number', async () => {
    const blade = new ModelBlade(new ModelSan());
    await blade.boot();
    expect(() => findIdentity(blade, blade.state!, 7)).toThrow(/node 7 is not in the roster of sample: 1 node1/);
  });

  test('never takes a store that was retired', async () => {
    const san = new ModelSan();
    const blade = new ModelBlade(san);
    await blade.boot();
    const { registry } = blade.state!;
    const store = registry!.volumes.find(({ name }) => name === 'node2')!;
    blade.state!.registry = { ...registry!, volumes: [{ ...store, name: 'node2-old', retired: 'rollback' }, ...registry!.volumes] };
    findIdentity(blade, blade.state!, undefined);
    expect(blade.state!.volumes!.store.name).toBe('node2');
  });

  test('never takes a state volume or a swap that is quarantined under its number', async () => {
    const san = new ModelSan();
    const blade = new ModelBlade(san);
    await blade.boot();
    const { registry } = blade.state!;
    const lost = ['state2', 'swap1'].map((name) => Object.assign(structuredClone(registry!.volumes.find((volume) => volume.name === name)!), { name: `${name}-lost`, node: 2, retired: 'quarantined' as const }));
    blade.state!.registry = { ...registry!, volumes: [...lost, ...registry!.volumes] };
    findIdentity(blade, blade.state!, undefined);
    expect([blade.state!.volumes!.state.name, blade.state!.volumes!.swap]).toEqual(['state2', undefined]);
  });
});

describe('a barred machine', () => {
  const [CARD, SECOND, UUID] = ['52:54:00:00:00:aa', '52:54:00:00:00:ab', '4c4c4544-0000-0000-0000-0000000000aa'] as [Mac, Mac, string];
  const BAR: BarredMachine = { node: 2, macs: [CARD], hardwareId: `${UUID}/${CARD}`, sinceUnixMs: 1_795_219_200_000 };
  const sanWith = (bar: BarredMachine): ModelSan => {
    const registry = bootRegistry();
    return new ModelSan(undefined, { ...registry, roster: { ...registry.roster, barred: [bar] } });
  };
  const [NET, DISC] = [commandLineOf(2), commandLineOf(2).replace('mm.boot=net', 'mm.boot=dvd')];
  const other = (bar: BarredMachine): BarredMachine => ({ ...bar, macs: ['52:54:00:00:00:99' as Mac] });

  test.each<[string, BarredMachine, string, Mac]>([
    ['over the network', BAR, NET, CARD],
    ['from the disc', BAR, DISC, CARD],
    ['over the network with the number of a node', BAR, `${NET} mm.node=2`, CARD],
    ['from the disc with the number of another node', BAR, `${DISC} mm.node=1`, CARD],
    ['by its hardware, where the bar has other cards', other(BAR), `${NET} mm.node=2`, CARD],
  ])('is refused %s, is told what to do, and writes nothing', async (_name, bar, commandLine, mac) => {
    const san = sanWith(bar);
    const blade = new ModelBlade(san, { mac, uuid: UUID, commandLine });
    expect(await blade.boot(1)).toBe('stuck');
    const said = blade.console.join('\n');
    expect(said).toContain('metamaster: step identity FAILED (try 1)');
    expect(said).toContain(`why:  MM-BOOT-BARRED: this machine (${mac}, hardware ${UUID}/${mac}) was node 2 of sample until it was replaced, and is barred since 2026-11-21T00:00:00.000Z`);
    expect(said).toContain(`what to do: Switch it off. To let it in again, run \`metamaster node unbar ${bar.macs[0]}\` on a node`);
    expect(san.writes).toEqual([]);
  });

  test('is refused by any card that it has, also where another one of them is a node\'s', async () => {
    const blade = new ModelBlade(sanWith({ node: 2, macs: [SECOND], sinceUnixMs: 1 }));
    blade.files.set('/sys/class/net/eth7/address', `${SECOND}\n`);
    expect(await blade.boot()).toBe('stuck');
    expect(blade.console.join('\n')).toContain('MM-BOOT-BARRED');
  });

  test('boots by itself once its bar is lifted: each try reads the registry anew', async () => {
    const san = sanWith(other(BAR));
    const blade = new ModelBlade(san, { mac: CARD, uuid: UUID, commandLine: `${NET} mm.node=2` });
    blade.onPause = (tries) => {
      if (tries === 2) san.disk.write(0, new ModelSan().disk.read(0, 8 * 2 ** 20));
    };
    expect(await blade.boot(5), blade.console.join('\n')).toBe('handover');
    expect(blade.state!.node!.number).toBe(2);
  });

  test('keeps nobody else out, not even a board of the same UUID', async () => {
    const blade = new ModelBlade(sanWith(BAR), { uuid: UUID });
    expect(await blade.boot(), blade.console.join('\n')).toBe('handover');
  });
});

test('refuse: all problems in the message, the first one\'s remedy', () => {
  const problem = (code: 'MM-A' | 'MM-B') => ({ code, where: 'w', rule: 'r', seen: 's', remedy: `mend ${code}` });
  const error = refuse([problem('MM-A'), problem('MM-B')]);
  expect(error).toBeInstanceOf(StepError);
  expect(error.message).toBe('MM-A: w: r; seen s\nMM-B: w: r; seen s');
  expect(error.remedy).toBe('mend MM-A');
});
