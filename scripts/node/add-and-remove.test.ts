// `metamaster node add`, `remove` and `release` on an image file, under the real sanlock's lease. What needs device-mapper is noted, not run.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Status } from '../../daemons/agent/status.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import type { Uuid } from '../../daemons/core/uuid.ts';
import { NO_SANLOCK } from '../../daemons/host/sanlock.test-kit.ts';
import { BLOCK_BYTES, MIB } from '../../daemons/storage/block.ts';
import { isGivenBack } from '../../daemons/storage/hand-over.ts';
import { decodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { addCheckpoint } from '../../daemons/storage/registry-edit-checkpoints.ts';
import { roomyRegistry } from '../../daemons/storage/registry-edit.test-kit.ts';
import { examineForRebuild, planRebuild } from '../../daemons/storage/registry-rebuild.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { SAMPLE_DISK_BYTES, sampleLabel } from '../../daemons/storage/sample-san.test-kit.ts';
import { readVolumeFront } from '../../daemons/storage/volume-front.ts';
import { chooseLabel, encodeLabel, LABEL_OFFSETS } from '../../daemons/storage/volume-label.ts';
import { ClusterImage, codeOf, type CommandRun, LIVE, NODE_1, type RunOptions } from '../cluster-image.test-kit.ts';
import { nodeCommand } from './node-command.ts';

const { mapped } = vi.hoisted(() => ({ mapped: [] as string[] }));
vi.mock('../../daemons/host/run.ts', async (original) => {
  const real = await original<typeof import('../../daemons/host/run.ts')>();
  const run: typeof real.run = (argv, options) => {
    if (!['dmsetup', 'mkfs.ext4', 'mkswap'].includes(argv[0]!)) return real.run(argv, options);
    mapped.push(argv.join(' '));
    return Promise.resolve({ code: 0, output: '', errorOutput: '' });
  };
  return { ...real, run };
});

const LONG = 90_000;
const NEW = '52:54:00:00:00:0a' as Mac;
const [OLD, UUID] = ['board-2/52:54:00:00:00:02', '00000000-0000-4000-8000-0000000000ab'];

let image: ClusterImage;
beforeEach(() => {
  image = new ClusterImage();
  mapped.length = 0;
});
afterEach(() => image.remove());

function node(line: string, options: RunOptions = {}): Promise<CommandRun> {
  const status = { alive: [1], live: [1], unknown: [{ mac: NEW, count: 3, detail: 'bios-rom', agoMs: 1000 }] } as unknown as Status;
  return image.run((host) => nodeCommand([...line.split(' '), '--device', image.path], { ...host, status: async () => status }), options);
}
const front = (volume: VolumeRecord) => readVolumeFront(image.read, volume, image.found().registry.extentBytes, image.found().ranges.container);
const ofNode = (number: number): readonly VolumeRecord[] => image.found().registry.volumes.filter((volume) => volume.node === number);
const numbers = (): readonly number[] => image.found().registry.roster.nodes.map(({ number }) => number);

describe('refused, and nothing is written', () => {
  test.each<[string, string, RunOptions, string]>([
    ['a node that nobody fenced', 'remove 2 --yes --no-fence-power', {}, 'MM-HANDOVER-OWNER'],
    ['the node that this runs on', 'remove 1 --yes', { machine: NODE_1 }, 'MM-NODE-OWN'],
    ['a volume that is in use', 'release 00000000-0000-4000-8000-000000000066 --yes --fenced', {}, 'MM-EDIT-VOLUME'],
    ['a volume that is not there', `release ${UUID} --yes`, {}, 'MM-EDIT-VOLUME'],
    ['a node more than the registry was made for', `add --mac ${NEW} --yes`, {}, 'MM-EDIT-NUMBER'],
    ['a card that another node has', 'add --mac 52:54:00:00:00:01 --yes', {}, 'MM-EDIT-NUMBER'],
  ])('%s', async (_, line, options, wanted) => {
    image.own(2, 'live', { hardwareId: OLD });
    const run = await image.untouched(() => node(line, options));
    expect([run.code, codeOf(run)], run.error).toEqual([1, wanted]);
  });

  test('a dry run says what would be lost, and whom it would fence', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    const run = await image.untouched(() => node('remove 2 --fenced --dry-run'));
    expect([run.code, run.out], run.error).toEqual([0, expect.stringMatching(/^To be done: node 2 \(node2\) leaves the roster; what is in node2, state2 is lost\. To be fenced and watched before: node2, state2: by your word/)]);
  });
});

describe.skipIf(NO_SANLOCK !== undefined)(`what is written${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  beforeEach(() => image.withLeases());

  test('a node goes, its volumes are nobody\'s; another one comes, with volumes that are new, before the registry speaks of them', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    const former = ofNode(2);
    const removed = await node('remove 2 --fenced', { answers: ['node2', 'yes'] });
    expect([removed.code, removed.waitedMs, numbers(), ofNode(2)], removed.error).toEqual([0, 30_000, [1], []]);
    expect(former.every((volume) => isGivenBack(front(volume)))).toBe(true);
    expect(image.found().registry.secret.sshHostKeys).not.toHaveProperty('2');

    const added = await node('add --yes --json', { machine: NODE_1 });
    expect([added.code, JSON.parse(added.out)], added.error).toMatchObject([0, { node: 2, name: 'node2', macs: [NEW], address: '10.0.0.2', generation: 3, result: 'done' }]);
    const volumes = ofNode(2);
    expect(volumes.map(({ kind }) => kind)).toEqual(['store', 'state', 'swap']);
    for (const volume of volumes) {
      const { labels, owner, header } = front(volume);
      expect([chooseLabel(...labels), decodeOwner(owner), volume.kind !== 'store' || header.every((byte) => byte === 0)]).toMatchObject([{ ok: true, value: { label: { state: 'new', volumeUuid: volume.uuid, node: 2 } } }, { ok: true, value: undefined }, true]);
    }
    expect(mapped.filter((line) => line.startsWith('mk')).map((line) => line.split(' ')[0])).toEqual(['mkfs.ext4', 'mkswap']);
    // What a command that was killed left is taken away, and so is what this one made.
    expect(mapped.filter((line) => line.startsWith('dmsetup')).map((line) => line.split(' ')[1])).toEqual(['remove', 'create', 'remove', 'remove', 'create', 'remove']);
    expect(image.found().registry.secret.sshHostKeys['2']?.publicKey).toMatch(/^ssh-ed25519 /);
  }, LONG);

  test('a node whose owner nobody could fence goes into quarantine; each volume is released for itself, once its machine is gone', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    expect((await node('remove 2 --quarantine --yes')).code).toBe(0);
    expect([numbers(), ofNode(2).map(({ retired }) => retired)]).toEqual([[1], ['quarantined', 'quarantined']]);
    const [store, state] = ofNode(2) as [VolumeRecord, VolumeRecord];
    expect(codeOf(await image.untouched(() => node(`release ${store.uuid} --yes`)))).toBe('MM-HANDOVER-OWNER');
    const run = await node(`release ${store.uuid} --fenced`, { answers: [store.name, 'yes'] });
    expect([run.code, run.waitedMs, ofNode(2).map(({ name }) => name), isGivenBack(front(store))], run.error).toEqual([0, 30_000, [state.name], true]);
    // What this machine owned at an earlier boot is given up at once; what it has mapped now is not.
    const owned = { ...LIVE, hardwareId: OLD };
    expect(codeOf(await image.untouched(() => node(`release ${state.uuid} --yes`, { machine: { ...owned, bootNonce: '01'.repeat(16) } })))).toBe('MM-NODE-OWN');
    expect(await node(`release ${state.uuid} --yes`, { machine: owned })).toMatchObject({ code: 0, waitedMs: 0 });
    expect(ofNode(2)).toEqual([]);
  }, LONG);

  test('a checkpoint that is unfinished, or whose room has another\'s old label, keeps nobody from replacing or removing its node', async () => {
    image.remove();
    image = await new ClusterImage(valueOf(addCheckpoint(roomyRegistry(40), { node: 2, name: 'before', sizeBytes: 2 * MIB, uuid: UUID as Uuid, atUnixMs: 1 }))).withLeases();
    image.own(2, 'down', { hardwareId: OLD });
    const checkpoint = ofNode(2).find(({ retired }) => retired === 'checkpoint')!;
    const others = encodeLabel({ ...sampleLabel(image.found().registry, checkpoint), volumeUuid: '99999999-9999-4999-8999-999999999999' as Uuid });
    for (const [left, blocks] of [['nothing', new Uint8Array(BLOCK_BYTES)], ['another\'s label', others]] as const) {
      for (const offset of LABEL_OFFSETS) image.poke(checkpoint.name, offset, blocks);
      image.poke(checkpoint.name, OWNER_OFFSET, new Uint8Array(BLOCK_BYTES));
      expect((await node('replace 2 --mac 52:54:00:00:00:77 --dry-run')).code, left).toBe(0);
    }
    const replaced = await node('replace 2 --mac 52:54:00:00:00:77 --yes');
    expect([replaced.code, ofNode(2).map(({ retired }) => retired)], replaced.error).toEqual([0, [undefined, undefined, 'checkpoint']]);
    const removed = await node('remove 2 --yes');
    expect([removed.code, ofNode(2), isGivenBack(front(checkpoint))], removed.error).toEqual([0, [], true]);
  }, LONG);

  test('its checkpoints go, and no label of theirs keeps an up-to-date copy of the registry from being taken', async () => {
    image.remove();
    image = await new ClusterImage(valueOf(addCheckpoint(roomyRegistry(40), { node: 2, name: 'before', sizeBytes: 2 * MIB, uuid: UUID as Uuid, atUnixMs: 1 }))).withLeases();
    image.own(2, 'down', { hardwareId: OLD });
    const [store, , checkpoint] = ofNode(2) as [VolumeRecord, VolumeRecord, VolumeRecord];
    const { registry } = image.found();
    const label = encodeLabel({ ...sampleLabel(registry, checkpoint), state: 'down', checkpoint: { name: checkpoint.name, madeAtUnixMs: 1, storeUuid: store.uuid, storeGeneration: 2, clean: true } });
    for (const offset of LABEL_OFFSETS) image.poke(checkpoint.name, offset, label);
    const left = front(store);
    const run = await node('remove 2 --quarantine', { answers: ['yes'] });
    expect([run.code, run.asked[0]], run.error).toEqual([0, expect.stringContaining('node2, state2 stay in quarantine, node2@before is lost')]);
    expect([isGivenBack(front(checkpoint)), front(store)]).toEqual([true, left]);
    const { registry: { secret, ...copy } } = image.found();
    const findings = valueOf(examineForRebuild(image.read, SAMPLE_DISK_BYTES, 'debian'));
    expect(planRebuild({ findings, read: image.read, force: true, copy: { registry: copy, secret } })).toMatchObject({ ok: true });
  }, LONG);

  test('several volumes are released together, or none', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    expect((await node('remove 2 --quarantine --yes')).code).toBe(0);
    const uuids = ofNode(2).map(({ uuid }) => uuid).join(' ');
    expect(codeOf(await image.untouched(() => node(`release ${uuids} ${UUID} --fenced --yes`)))).toBe('MM-EDIT-VOLUME');
    const run = await node(`release ${uuids} --fenced`, { answers: ['release', 'yes'] });
    expect([run.code, run.waitedMs, ofNode(2)], run.error).toEqual([0, 30_000, []]);
  }, LONG);

  test('a removal that was cut off between volumes and registry is ended by the same command', async () => {
    image.own(2, 'down', { hardwareId: OLD });
    for (const { name } of ofNode(2)) for (const offset of [OWNER_OFFSET, 0, 8192]) image.poke(name, offset, new Uint8Array(4096));
    const run = await node('remove 2 --yes --no-fence-power');
    expect([run.code, numbers()], run.error).toEqual([0, [1]]);
  }, LONG);

  test('room in which somebody\'s owner record stands is not taken', async () => {
    image.own(2, 'down', { hardwareId: OLD });
    const fronts = ofNode(2).map((volume) => [volume, front(volume)] as const);
    const at = image.found().ranges.container.firstSector * 512;
    expect((await node('remove 2 --yes')).code).toBe(0);
    const before = numbers();
    for (const [volume, { labels, owner }] of fronts) [labels[0], owner, labels[1]].forEach((block, i) => image.write(at + volume.extents[0]!.start * 2 ** 20 + i * 4096, block));
    expect([codeOf(await node(`add --mac ${NEW} --yes`)), numbers()]).toEqual(['MM-NODE-OCCUPIED', before]);
  }, LONG);
});
