// `metamaster restore -s` with Debian's own tools on the image of a SAN; a loop device over the volume's extents stands for device-mapper's.

import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import process from 'node:process';
import { run } from '../../daemons/host/run.ts';
import { NO_SANLOCK } from '../../daemons/host/sanlock.test-kit.ts';
import { MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { mkfsOcfs2, OCFS2_BLOCK_BYTES } from '../../daemons/storage/ocfs2-text.ts';
import { encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import type { Registry } from '../../daemons/storage/registry.ts';
import { roomyRegistry } from '../../daemons/storage/registry-edit.test-kit.ts';
import { sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { encodeSharedMark, markOffset } from '../../daemons/storage/shared-volume.ts';
import { ClusterImage, NODE_1, type RunOptions } from '../cluster-image.test-kit.ts';
import type { SharedTools } from './format-shared.ts';
import { restoreCommand } from './restore-command.ts';

const has = (program: string): boolean => spawnSync(program, ['-V']).error === undefined;
const NO_OCFS2 = process.getuid?.() !== 0 ? 'not root' : !has('mkfs.ocfs2') ? 'ocfs2-tools is not installed; scripts/prepare installs it' : spawnSync('losetup', ['-f']).status !== 0 ? 'no loop device' : NO_SANLOCK;
/** The lease's lockspace is joined and left, which takes 5 s, and mkfs goes over a SAN's image: on a machine with nothing else to do ten seconds each. */
const LONG = 240_000;

const SHARED_MIB = 64;
const MADE = sampleUuid(0xabc);
const EXTENTS = 100;
const DISK_BYTES = 120 * MIB;

/** Two nodes and a shared volume of 64 MiB, in one run of extents behind all others. */
function clusterRegistry(sharedMib = SHARED_MIB): Registry {
  const registry = roomyRegistry(EXTENTS);
  return { ...registry, volumes: registry.volumes.map((volume) => (volume.kind === 'shared' ? Object.assign({}, volume, { sizeBytes: sharedMib * MIB, extents: [{ start: EXTENTS - SHARED_MIB, count: sharedMib }] }) : volume)) };
}

describe.skipIf(NO_OCFS2 !== undefined)(`an OCFS2 on the shared volume${NO_OCFS2 === undefined ? '' : ` (skipped: ${NO_OCFS2})`}`, () => {
  let cluster: ClusterImage;
  beforeEach(async () => { cluster = await new ClusterImage(clusterRegistry(), DISK_BYTES).withLeases(); });
  afterEach(() => cluster.remove());

  const begin = (): number => cluster.found().ranges.container.firstSector * SECTOR_BYTES + (EXTENTS - SHARED_MIB) * MIB;
  const withLoop: SharedTools['withDevice'] = async (path, { registry, ranges }, { extents }, offsetBytes, use) => {
    const [{ start, count }] = extents as [{ start: number; count: number }];
    const first = ranges.container.firstSector * SECTOR_BYTES + start * registry.extentBytes + offsetBytes;
    const { output } = await run(['losetup', '--find', '--show', '--offset', String(first), '--sizelimit', String(count * registry.extentBytes - offsetBytes), path]);
    try {
      return await use(output.trim());
    } finally {
      await run(['losetup', '--detach', output.trim()]);
    }
  };
  const TOOLS: SharedTools = { withDevice: withLoop, usersHere: async () => [] };
  const restore = (line: string, { tools = TOOLS, ...options }: RunOptions & { readonly tools?: SharedTools } = {}) => cluster.run((host) => restoreCommand([...line.split(' '), '--device', cluster.path, '-w', cluster.folder], host, tools), options);
  const shared = () => cluster.found().registry.volumes.find(({ kind }) => kind === 'shared')!;
  const onVolume = <T>(use: (device: string) => Promise<T>): Promise<T> => withLoop(cluster.path, cluster.found(), shared(), 0, use);
  /** Every byte that is not the shared volume's, but for the leases', which sanlock writes. */
  const outside = (): Buffer => {
    const { leases } = cluster.found().ranges;
    return Buffer.from(cluster.bytes()).fill(0, begin(), begin() + SHARED_MIB * MIB).fill(0, leases.firstSector * SECTOR_BYTES, (leases.firstSector + leases.sectors) * SECTOR_BYTES);
  };
  const volumeNow = (): Buffer => cluster.bytes().subarray(begin(), begin() + SHARED_MIB * MIB);
  let heartbeatAt = 0;
  /** As a node leaves its heartbeat that mounts the file system; `beat` is what it counts. */
  const heartbeat = (beat: number): void => cluster.write(begin() + heartbeatAt + OCFS2_BLOCK_BYTES, Uint8Array.of(beat, 1, 1, 1));
  /** A file system as the command makes it, on a SAN whose node 2 runs. */
  async function formatted(): Promise<void> {
    cluster.own(2, 'live', { hardwareId: 'board-2/52:54:00:00:00:02' });
    await onVolume(async (device) => {
      await run(mkfsOcfs2(device, { label: 'sharedfs', uuid: MADE, clusterName: 'node', slots: 2, journalBytes: 4 * MIB, blocks: markOffset(SHARED_MIB * MIB) / OCFS2_BLOCK_BYTES }));
      const { output } = await run(['debugfs.ocfs2', '-R', 'stat //heartbeat', device]);
      heartbeatAt = Number(/^\s*0\s+0\s+\d+\s+(\d+)/m.exec(output)![1]) * OCFS2_BLOCK_BYTES;
    });
  }

  test('a blank volume, while another node runs: made, clean, and every other byte as it was', async () => {
    cluster.own(2, 'live', { hardwareId: 'board-2/52:54:00:00:00:02' });
    const before = outside();
    const done = await restore('-s --yes --json -v 2', { machine: NODE_1 });
    expect([done.code, done.waitedMs], done.error).toEqual([0, 0]);
    expect(outside().equals(before)).toBe(true);
    const { shared: made } = JSON.parse(done.out) as { shared: { uuid: string } };
    expect(made).toMatchObject({ result: 'done', holds: 'blank', problems: [], fileSystem: { label: 'sharedfs', slots: 2, clusterName: 'node' } });
    await onVolume(async (device) => {
      expect((await run(['fsck.ocfs2', '-f', '-n', device])).output).toContain('All passes succeeded');
      expect((await run(['blkid', '-p', '-o', 'export', device])).output).toContain(`UUID=${made.uuid}`);
      expect((await run(['debugfs.ocfs2', '-R', 'stats', device])).output).toMatch(/Max Node Slots: 2[^]*Label: sharedfs[^]*Cluster stack: o2cb\s+Cluster name: node\s/);
    });
    expect(volumeNow().subarray(markOffset(SHARED_MIB * MIB)).every((byte) => byte === 0)).toBe(true);
  }, LONG);

  test('an OCFS2: what is lost is said, and it is written over when the others are down and its heartbeat stands still', async () => {
    await formatted();
    heartbeat(7);
    const before = volumeNow();
    const running = await restore('-s --yes', { machine: NODE_1 });
    expect([running.code, running.waitedMs, running.out.includes('MM-SHARED-NODE: node 2'), volumeNow().equals(before)], running.out).toEqual([1, 0, true, true]);
    const word = await restore('-s --fenced 2 --dry-run --json', { machine: NODE_1 });
    expect([word.code, word.waitedMs, JSON.parse(word.out)], word.error).toMatchObject([0, 30_000, { shared: { result: 'planned', holds: 'ocfs2' } }]);
    cluster.own(2, 'down', { hardwareId: 'board-2/52:54:00:00:00:02' });
    const beating = await restore('-s --yes', { machine: NODE_1, meanwhile: (ms) => heartbeat(Math.floor(ms / 2000)) });
    expect([beating.code, beating.out.includes('MM-SHARED-MOUNTED')], beating.out).toEqual([1, true]);
    heartbeat(7);
    expect(volumeNow().equals(before)).toBe(true);
    const declined = await restore('-s', { machine: NODE_1, answers: ['no'] });
    expect([declined.code, declined.asked[0]], declined.error).toEqual([1, expect.stringMatching(/loses the OCFS2 "sharedfs", UUID [0-9a-f-]{36}: \d+ of 66060288 bytes in use/)]);
    expect(volumeNow().equals(before)).toBe(true);
    const done = await restore('-s', { machine: NODE_1, answers: ['yes'] });
    expect([done.code, done.waitedMs], done.error).toEqual([0, 30_000]);
    expect(volumeNow().equals(before)).toBe(false);
    expect((await onVolume((device) => run(['fsck.ocfs2', '-f', '-n', device]))).output).toContain('All passes succeeded');
  }, LONG);

  test('mkfs that fails half-way says so; the same command begins anew, while others run', async () => {
    cluster.own(2, 'live', { hardwareId: 'board-2/52:54:00:00:00:02' });
    let calls = 0;
    // The third device is the one that is written to; it ends in the middle of the volume.
    const short: SharedTools = { ...TOOLS, withDevice: (path, found, volume, offset, use) => withLoop(path, found, ++calls === 3 ? { ...volume, extents: [{ start: volume.extents[0]!.start, count: 8 }] } : volume, offset, use) };
    const failed = await restore('-s --yes --json', { machine: NODE_1, tools: short });
    expect([failed.code, JSON.parse(failed.out)], failed.error).toMatchObject([1, { shared: { result: 'failed', problems: [expect.stringContaining('MM-SHARED-MAKE')] } }]);
    const again = await restore('-s --yes --json', { machine: NODE_1 });
    expect([again.code, JSON.parse(again.out)], again.error).toMatchObject([0, { shared: { result: 'done', holds: 'unfinished' } }]);
  }, LONG);

  test('a power cut right before the mark is wiped: unfinished, unless a node has mounted it since', async () => {
    await formatted();
    cluster.write(begin() + markOffset(SHARED_MIB * MIB), encodeSharedMark({ volumeUuid: shared().uuid, fileSystemUuid: MADE, begunAtUnixMs: 1 }));
    expect(JSON.parse((await restore('-s --dry-run --json', { machine: NODE_1 })).out)).toMatchObject({ shared: { result: 'planned', holds: 'unfinished' } });
    heartbeat(7);
    expect(JSON.parse((await restore('-s --dry-run --json', { machine: NODE_1 })).out)).toMatchObject({ shared: { result: 'refused', holds: 'ocfs2' } });
  }, LONG);

  test('what nobody knows is refused without --force, and with it only while others are down', async () => {
    cluster.own(2, 'live', { hardwareId: 'board-2/52:54:00:00:00:02' });
    await onVolume((device) => run(['mkfs.ext4', '-q', '-F', device]));
    const before = volumeNow();
    const refused = await restore('-s --yes', { machine: NODE_1 });
    expect([refused.code, refused.out], refused.error).toEqual([1, expect.stringMatching(/MM-SHARED-CONTENT: shared: .*seen ext4[^]*MM-SHARED-NODE: node 2/)]);
    expect((await restore('-s --force --yes', { machine: NODE_1 })).out).not.toContain('MM-SHARED-CONTENT');
    expect(volumeNow().equals(before)).toBe(true);
    cluster.own(2, 'down', { hardwareId: 'board-2/52:54:00:00:00:02' });
    const forced = await restore('-s --force --yes', { machine: NODE_1 });
    expect([forced.code, forced.out.includes('loses what it holds: ext4')], forced.error).toEqual([0, true]);
    expect((await onVolume((device) => run(['blkid', '-p', '-o', 'export', device]))).output).toContain('TYPE=ocfs2');
  }, LONG);

  test('in use on this very machine: refused, also when it is blank', async () => {
    const used = await restore('-s --yes', { machine: NODE_1, tools: { ...TOOLS, usersHere: async () => ['device data of device-mapper'] } });
    expect([used.code, used.out.includes('MM-SHARED-MOUNTED: shared: in use by nobody; seen device data of device-mapper')], used.out).toEqual([1, true]);
  }, LONG);

  test('what is written to the volume while the question stands open is not written over', async () => {
    let then: Buffer | undefined;
    const late = await cluster.run((host) => restoreCommand(['-s', '--device', cluster.path], {
      ...host,
      async ask() {
        cluster.write(begin() + MIB, Uint8Array.of(1));
        then = volumeNow();
        return 'yes';
      },
    }, TOOLS), { machine: NODE_1 });
    expect([late.code, late.error.includes('MM-RESTORE-CHANGED'), volumeNow().equals(then!)], late.error).toEqual([1, true, true]);
  }, LONG);

  test('-d 2 -s: every node first, then the shared volume; with one JSON object', async () => {
    cluster.own(2, 'down', { hardwareId: 'board-2/52:54:00:00:00:02' });
    const done = await restore('-d 2 -s --yes --json');
    expect([done.code, JSON.parse(done.out)], done.error).toMatchObject([0, { nodes: [{ node: 1, result: 'done' }, { node: 2, result: 'done' }], registry: 'keep', shared: { result: 'done', holds: 'blank' } }]);
  }, LONG);

  test('node 2 boots while the volume of a cluster that was all down is asked for: its claim is seen', async () => {
    await formatted();
    heartbeat(7);
    cluster.own(2, 'down', { hardwareId: 'board-2/52:54:00:00:00:02' });
    const store = cluster.found().registry.volumes.find(({ name }) => name === 'node2')!;
    const late = await cluster.run((host) => restoreCommand(['-s', '--device', cluster.path], {
      ...host,
      async ask() {
        cluster.poke('node2', OWNER_OFFSET, encodeOwner({ hardwareId: 'board-2/52:54:00:00:00:02', bootNonce: '02'.repeat(16), epoch: 4, counter: 1, node: 2, volumeUuid: store.uuid, renewedAtUnixMs: 1 }));
        return 'yes';
      },
    }, TOOLS), { machine: NODE_1 });
    expect([late.code, late.error], late.error).toEqual([1, expect.stringContaining('MM-RESTORE-CHANGED: node2')]);
  }, LONG);
});

describe('what is refused before anything is looked at', () => {
  let cluster: ClusterImage | undefined;
  afterEach(() => cluster?.remove());
  const refused = async (registry: Registry, line: string) => {
    cluster = new ClusterImage(registry, DISK_BYTES);
    const before = cluster.bytes();
    const { path } = cluster;
    const done = await cluster.run((host) => restoreCommand([...line.split(' '), '--device', path], host), { machine: NODE_1 });
    expect([done.code, cluster.bytes().equals(before)]).toEqual([1, true]);
    return done.error;
  };

  test('a cluster without a shared volume, also beside a reset', async () => {
    const none = { ...clusterRegistry(), volumes: clusterRegistry().volumes.filter(({ kind }) => kind !== 'shared') };
    expect(await refused(none, '-s --yes')).toContain('MM-SHARED-NONE');
    cluster?.remove();
    expect(await refused(none, '-d 2 -s --yes')).toContain('MM-SHARED-NONE');
  });

  test('a volume that is too small', async () => expect(await refused(clusterRegistry(8), '-s --yes')).toContain('MM-SHARED-SIZE'));

  test('a machine without the tools', async () => {
    const { PATH } = process.env;
    process.env['PATH'] = '/nonexistent';
    try {
      expect(await refused(clusterRegistry(), '-s --yes')).toContain('MM-SHARED-TOOLS');
    } finally {
      process.env['PATH'] = PATH;
    }
  });
});
