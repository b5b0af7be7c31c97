import { beforeEach, describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import type { HandBackPlan } from '../../daemons/storage/hand-back.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET, type OwnerRecord } from '../../daemons/storage/owner-record.ts';
import { chooseLabel, encodeLabel, LABEL_OFFSETS, type VolumeLabel } from '../../daemons/storage/volume-label.ts';
import { commandLineOf, ModelBlade } from '../model-blade.test-kit.ts';
import { differingSectors, ModelSan } from '../model-san.test-kit.ts';
import { handBack } from './hand-back.ts';
import { handBackPlan } from './hand-back-plan.ts';

/** Node 1 has swap as well. */
const NODE1 = { mac: '52:54:00:00:00:01', commandLine: commandLineOf(1) };
const VOLUMES = ['swap1', 'state1', 'node1'];
const STRANGER = { uuid: '4c4c4544-0000-0000-0000-00000000f0f0', mac: '52:54:00:00:00:ff', commandLine: `${commandLineOf(1)} mm.node=1` };

let san: ModelSan;
let blade: ModelBlade;
let plan: HandBackPlan;

/** Node 1 has booted, and systemd has unmounted and detached what it could: all but the root and what lies under it. */
beforeEach(async () => {
  san = new ModelSan();
  blade = new ModelBlade(san, NODE1);
  expect(await blade.boot()).toBe('handover');
  plan = handBackPlan(blade.state!);
  for (const name of ['debian-swap1', 'debian-state1', 'debian-boot@1']) expect(blade.run(['dmsetup', 'remove', name]).code).toBe(0);
  blade.held.add('debian-node1');
  // The root goes with its last mount.
  blade.override = ([program, , target]) => {
    if (program === 'umount' && target === '/oldroot') blade.held.delete('debian-node1');
    return undefined;
  };
  blade.console.length = 0;
  blade.argvs.length = 0;
});

function labelOf(name: string): VolumeLabel {
  const [first, second] = LABEL_OFFSETS.map((offset) => san.disk.read(san.at(name, offset), BLOCK_BYTES));
  const chosen = chooseLabel(first!, second!);
  if (!chosen.ok) throw new Error(chosen.problems.map(({ code }) => code).join());
  return chosen.value.label;
}

function ownerOf(name: string): OwnerRecord {
  const owner = decodeOwner(san.disk.read(san.at(name, OWNER_OFFSET), BLOCK_BYTES));
  if (!owner.ok || owner.value === undefined) throw new Error('no owner');
  return owner.value;
}

const setOwner = (name: string, change: Partial<OwnerRecord>): void => san.disk.write(san.at(name, OWNER_OFFSET), encodeOwner({ ...ownerOf(name), ...change }));
const states = (): string[] => VOLUMES.map((name) => labelOf(name).state);
const said = (): string => blade.console.join('\n');

describe('an orderly shutdown', () => {
  test('gives every volume back, the store last, and another blade claims them at once', async () => {
    const generations = VOLUMES.map((name) => labelOf(name).generation);
    await handBack(blade, plan);
    expect(states()).toEqual(['down', 'down', 'down']);
    expect(VOLUMES.map((name) => labelOf(name).generation)).toEqual(generations.map((generation) => generation + 1));
    expect(blade.console).toEqual(['mm-stage down given back: swap1 state1 node1']);
    expect(await new ModelBlade(san, STRANGER).boot()).toBe('handover');
    expect([...states(), ownerOf('node1').hardwareId.startsWith(STRANGER.uuid)]).toEqual(['live', 'live', 'live', true]);
  });

  test('is no obstacle to the blade itself', async () => {
    await handBack(blade, plan);
    expect(await new ModelBlade(san, NODE1).boot()).toBe('handover');
    expect(states()).toEqual(['live', 'live', 'live']);
  });

  test('writes both copies of each label and nothing else', async () => {
    const before = san.disk.clone();
    await handBack(blade, plan);
    const blocks = new Set(differingSectors(san.disk, before).map((sector) => Math.floor(sector / 8) * BLOCK_BYTES));
    expect(blocks).toEqual(new Set(VOLUMES.flatMap((name) => LABEL_OFFSETS.map((offset) => san.at(name, offset)))));
  });

  test('removes the devices before it reads anything, the root before the store under it, and leaves what is read-only alone', async () => {
    const reads: number[] = [];
    const { readDirect } = blade;
    blade.readDirect = (device, offset, length) => {
      reads.push(blade.argvs.length);
      return readDirect.call(blade, device, offset, length);
    };
    await handBack(blade, plan);
    expect(blade.argvs).toEqual([['umount', '-l', '/oldroot'], ['dmsetup', 'remove', 'debian-node1'], ['dmsetup', 'remove', 'debian-store1']]);
    expect(new Set(reads)).toEqual(new Set([3]));
    expect([...blade.mapped.keys()]).toEqual(['debian-default@1']);
  });

  test('done a second time it writes nothing', async () => {
    await handBack(blade, plan);
    const { length } = san.writes;
    await handBack(blade, plan);
    expect(san.writes).toHaveLength(length);
  });

  test('a label that says new stays as it is: down would let the kernel find a store there', async () => {
    const label = encodeLabel({ ...labelOf('node1'), state: 'new' });
    for (const offset of LABEL_OFFSETS) san.disk.write(san.at('node1', offset), label);
    await handBack(blade, plan);
    expect(states()).toEqual(['down', 'down', 'new']);
  });
});

describe('a device that cannot be removed', () => {
  test('keeps its volume, by name on the console; the others are given back, and another blade is refused', async () => {
    blade.override = () => undefined;
    await handBack(blade, plan);
    expect(states()).toEqual(['down', 'down', 'live']);
    expect(blade.console).toEqual([
      'metamaster: MM-DOWN-HELD: node1: no device of this kernel can write to it; seen debian-store1, debian-node1. The label stays live: the same blade boots as ever, another one needs a fence.',
      'mm-stage down given back: swap1 state1; kept: node1',
    ]);
    expect(await new ModelBlade(san, STRANGER).boot()).toBe('stuck');
    expect(await new ModelBlade(san, NODE1).boot()).toBe('handover');
  });

  test('is waited for, but not long', async () => {
    let sleeps = 0;
    const { sleep } = blade;
    blade.override = () => undefined;
    blade.sleep = async (ms) => {
      if (++sleeps === 3) blade.held.delete('debian-node1');
      await sleep.call(blade, ms);
    };
    await handBack(blade, plan);
    expect([...states(), sleeps]).toEqual(['down', 'down', 'down', 3]);
  });

  test('that nobody accounts for keeps every volume, unless it is read-only or the multipath device', async () => {
    const add = (device: string, name: string, ro: string): void => {
      blade.files.set(`/sys/block/${device}/dm/name`, `${name}\n`);
      blade.files.set(`/sys/block/${device}/ro`, ro);
    };
    add('dm-8', 'debian-san', '0\n');
    add('dm-9', 'rescue', '0\n');
    await handBack(blade, { ...plan, multipath: 'debian-san' });
    expect(states()).toEqual(['live', 'live', 'live']);
    expect(said().match(/MM-DOWN-HELD: \w+: .* seen rescue\./g)).toHaveLength(3);
    add('dm-9', 'rescue', '1\n');
    await handBack(blade, { ...plan, multipath: 'debian-san' });
    expect(states()).toEqual(['down', 'down', 'down']);
  });
});

describe('what is not ours is not given', () => {
  test.each([
    ['another machine\'s', { hardwareId: 'board-of-another/52:54:00:00:00:ff' }],
    ['another boot\'s of the same machine', { bootNonce: 'f0'.repeat(16) }],
  ] as const)('a volume whose owner record is %s', async (_, change) => {
    setOwner('node1', change);
    await handBack(blade, plan);
    expect(states()).toEqual(['down', 'down', 'live']);
    expect(said()).toContain('MM-DOWN-OWNER: node1: the owner record is the one of this boot; seen machine ');
  });

  test.each([
    ['no owner', 0],
    ['a record that cannot be read', 0x5a],
  ])('a volume with %s', async (seen, fill) => {
    san.disk.write(san.at('state1', OWNER_OFFSET), new Uint8Array(BLOCK_BYTES).fill(fill));
    await handBack(blade, plan);
    expect(states()).toEqual(['down', 'live', 'down']);
    expect(said()).toContain(`MM-DOWN-OWNER: state1: the owner record is the one of this boot; seen ${seen}.`);
  });

  test('a renewal in between is no other owner', async () => {
    setOwner('node1', { counter: 900, renewedAtUnixMs: 5 });
    await handBack(blade, plan);
    expect(states()).toEqual(['down', 'down', 'down']);
  });

  test('blocks in which another volume, or no label, stands', async () => {
    const before = san.disk.clone();
    const [swap, state, store] = plan.volumes;
    await handBack(blade, { ...plan, volumes: [{ ...swap!, offset: state!.offset }, { ...store!, offset: store!.offset + 64 * BLOCK_BYTES }] });
    expect(differingSectors(san.disk, before)).toEqual([]);
    expect(said()).toMatch(/MM-DOWN-LABEL: swap1: the label names volume \S+ of node 1; seen \S+ of node 1\.[\s\S]*MM-DOWN-LABEL: node1: a label stands in front of it/);
  });
});

describe('the SAN', () => {
  test('that does not answer: said for each volume, nothing written', async () => {
    blade.readDirect = () => {
      throw new Error('/dev/sda: a direct read failed: Input/output error');
    };
    await handBack(blade, plan);
    expect(states()).toEqual(['live', 'live', 'live']);
    expect(said().match(/MM-DOWN-SAN: \w+: .*Input\/output error/g)).toHaveLength(3);
    expect(blade.console.at(-1)).toBe('mm-stage down given back: nothing; kept: swap1 state1 node1');
  });

  test('to which something is still on its way: waited for; when it stays, nothing is given back, for it could arrive behind the next owner\'s', async () => {
    blade.files.set('/sys/block/sda/inflight', '       0        1\n');
    const { sleep } = blade;
    const start = blade.uptimeSeconds();
    await handBack(blade, plan);
    expect([...states(), Math.round(blade.uptimeSeconds() - start)]).toEqual(['live', 'live', 'live', 15]);
    expect(said()).toContain('MM-DOWN-SAN: node1: nothing is on its way to the SAN any more; seen requests of sda.');
    blade.sleep = async (ms) => {
      blade.files.set('/sys/block/sda/inflight', '       0        0\n');
      await sleep.call(blade, ms);
    };
    await handBack(blade, plan);
    expect(states()).toEqual(['down', 'down', 'down']);
  });

  test('is asked by the impatient session while there is one, whose outages are errors', async () => {
    const devices = new Set<string>();
    const { readDirect } = blade;
    blade.readDirect = (device, offset, length) => {
      devices.add(device);
      return readDirect.call(blade, device, offset, length);
    };
    blade.showSession(1, '10.0.0.252', '3260');
    blade.files.set('/sys/class/iscsi_session/session2/initiatorname', 'iqn.2026-11.metamaster:board.control\n');
    await handBack(blade, plan);
    blade.files.set('/sys/class/iscsi_session/session2/state', 'FAILED\n');
    await handBack(blade, plan);
    expect([...devices]).toEqual(['/dev/sdb', '/dev/sda']);
    expect(states()).toEqual(['down', 'down', 'down']);
  });
});

test('the power fails at each write: the blade itself comes up, another one only when all was given back', async () => {
  const outcomes: string[] = [];
  for (let writes = 0; writes <= 6; writes++) {
    const cut = new ModelSan(san.disk.clone());
    cut.writesUntilPowerLoss = writes;
    const dying = new ModelBlade(cut, NODE1);
    dying.showSession(0, '10.0.0.252', '3260');
    await handBack(dying, plan);
    expect(await new ModelBlade(new ModelSan(cut.disk.clone()), NODE1).boot(), `after ${writes} writes`).toBe('handover');
    outcomes.push(await new ModelBlade(new ModelSan(cut.disk), STRANGER).boot());
  }
  // The first copy of the last label is the fifth write: from then on the store counts as given back.
  expect(outcomes).toEqual([...Array.from({ length: 5 }, () => 'stuck'), 'handover', 'handover']);
});
