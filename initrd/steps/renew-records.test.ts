import { describe, expect, test } from 'vitest';
import { readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET, type OwnerRecord } from '../../daemons/storage/owner-record.ts';
import { SAMPLE_DISK_BYTES } from '../../daemons/storage/sample-san.test-kit.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { ownVolumes, renewRecord, type Renewal } from './renew-records.ts';

/** A booted node 2, its store, and the record of its boot. */
async function node() {
  const san = new ModelSan();
  const blade = new ModelBlade(san);
  expect(await blade.boot()).toBe('handover');
  const found = readContainer((offset, length) => san.disk.read(offset, length), SAMPLE_DISK_BYTES, 'debian');
  if (!found.ok) throw new Error(found.problems[0]!.rule);
  const store = ownVolumes(found.value, 2).find(({ kind }) => kind === 'store')!;
  const at = san.at(store.name, OWNER_OFFSET);
  const read = (): OwnerRecord => {
    const owner = decodeOwner(san.disk.read(at, BLOCK_BYTES));
    if (!owner.ok || owner.value === undefined) throw new Error('no owner record');
    return owner.value;
  };
  const container: ContainerFound = found.value;
  const renew = (before?: { epoch: number; counter: number }): Renewal => renewRecord(blade, '/dev/sda', container, store, { hardwareId: blade.state!.hardwareId, bootNonce: blade.state!.bootNonce }, before);
  return { san, blade, at, read, renew, container };
}

test('the volumes of a node are its own, without retired ones', async () => {
  const { container } = await node();
  expect(ownVolumes(container, 2).map(({ name }) => name)).toEqual(['node2', 'state2']);
  const retired = { ...container, registry: { ...container.registry, volumes: container.registry.volumes.map((volume) => (volume.kind === 'store' ? { ...volume, retired: 'rollback' as const } : volume)) } };
  expect(ownVolumes(retired, 2).map(({ name }) => name)).toEqual(['state2']);
  expect(ownVolumes(container, 9)).toEqual([]);
});

describe('a renewal', () => {
  test('counts, and tells what was acknowledged', async () => {
    const { renew, read } = await node();
    const { epoch, counter } = read();
    expect(renew()).toEqual({ kind: 'renewed', acknowledged: { epoch, counter: counter + 1 } });
    expect(renew({ epoch, counter: counter + 1 })).toEqual({ kind: 'renewed', acknowledged: { epoch, counter: counter + 2 } });
    expect(read().counter).toBe(counter + 2);
  });

  test('a record that is older than what was acknowledged is lost writes, and not written over', async () => {
    const { renew, read, san } = await node();
    const before = read();
    const writes = san.writes.length;
    expect(renew({ epoch: before.epoch, counter: before.counter + 1 })).toEqual({ kind: 'lost' });
    expect([read(), san.writes.length]).toEqual([before, writes]);
  });

  test("another blade's record, and one that is damaged, are not written over", async () => {
    const { renew, read, san, at } = await node();
    const { length } = san.writes;
    san.disk.write(at, encodeOwner({ ...read(), hardwareId: 'other/01' }));
    expect(renew()).toEqual({ kind: 'foreign' });
    san.disk.write(at, new Uint8Array(BLOCK_BYTES));
    expect(renew()).toEqual({ kind: 'foreign' });
    san.disk.write(at, new Uint8Array(BLOCK_BYTES).fill(7));
    expect(renew()).toMatchObject({ kind: 'damaged', problems: expect.stringMatching(/^MM-[A-Z-]+: node2, owner record/) as string });
    expect(san.writes.length).toBe(length);
  });
});
