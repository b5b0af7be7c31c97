import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildStore, firstChunks } from '../../daemons/storage/exception-store.test-kit.ts';
import { formatInstallInfo } from '../../daemons/storage/install-info.ts';
import { encodeOwner, OWNER_OFFSET, type OwnerRecord } from '../../daemons/storage/owner-record.ts';
import type { Registry } from '../../daemons/storage/registry.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleRegistry, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { decodeSnapshotHeader } from '../../daemons/storage/snapshot-store.ts';
import { DATA_OFFSET_BYTES, decodeLabel, labelSteps, type LabelState } from '../../daemons/storage/volume-label.ts';
import { NO_SANLOCK } from '../../daemons/host/sanlock.test-kit.ts';
import { setDrained } from '../../daemons/storage/registry-edit-nodes.ts';
import { changeRegistry } from '../registry-writer.ts';
import { ClusterImage } from '../cluster-image.test-kit.ts';
import type { CommandHost, ThisMachine } from '../command-host.ts';
import { restoreCommand } from './restore-command.ts';

const registry = sampleRegistry();
const node2 = registry.volumes.find(({ name }) => name === 'node2')!;
const FOREIGN: OwnerRecord = { hardwareId: 'board-2/52:54:00:00:00:02', bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: 2, volumeUuid: node2.uuid, renewedAtUnixMs: 1 };
const { at: place } = sampleSan(registry);

let folder: string;
let image: string;
let info: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-restore-'));
  image = join(folder, 'san.img');
  info = join(folder, 'INSTALL.info');
  writeFileSync(info, formatInstallInfo(registry));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An image of a SAN whose node 2 has run; its store is one of `from`, marked invalid if it is to be. */
function writeImage(state: LabelState, { from = registry, valid = true }: { from?: Registry; valid?: boolean } = {}): void {
  const san = sampleSan(from);
  const store = from.volumes.find(({ name }) => name === 'node2')!;
  const chunkSectors = store.chunkSectors!;
  san.disk.apply(labelSteps({ ...sampleLabel(from, store), state, generation: 2 }, 0), san.at('node2', 0));
  san.disk.write(san.at('node2', OWNER_OFFSET), encodeOwner(FOREIGN));
  for (const [sector, bytes] of buildStore({ chunkSectors, exceptions: firstChunks(chunkSectors, 4), valid }).sectors) san.disk.write(san.at('node2', DATA_OFFSET_BYTES + sector * 512), bytes);
  const descriptor = openSync(image, 'w');
  ftruncateSync(descriptor, SAMPLE_DISK_BYTES);
  for (const [sector, bytes] of san.disk.sectors) writeSync(descriptor, bytes, 0, bytes.length, sector * 512);
  closeSync(descriptor);
}

function poke(offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(image, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}

interface Run {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  readonly asked: readonly string[];
  readonly waitedMs: number;
}

/** What writes no registry takes no lease. */
const NO_LEASES: Pick<CommandHost, 'sanlock' | 'wrote'> = { sanlock: { startDaemon: ['false'] }, wrote: () => undefined };

/** Runs the command with a clock that jumps; `meanwhile` happens at each sleep, `answer` is what is typed. */
async function restore(line: string, { answer, meanwhile = () => undefined, machine = { hardwareId: 'our-board/52:54:00:00:00:09', bootNonce: 'ab'.repeat(16) } }: { answer?: string; meanwhile?: (ms: number) => void; machine?: ThisMachine } = {}): Promise<Run> {
  let out = '';
  let error = '';
  let now = 0;
  const asked: string[] = [];
  const host: CommandHost = {
    out: (text) => void (out += text), error: (text) => void (error += text), machine: () => machine, liveDisk: () => Promise.resolve(undefined), now: () => now, unixMs: () => 1_700_000_000_000 + now,
    async sleep(ms) {
      now += ms;
      meanwhile(now);
    },
    async ask(question) {
      asked.push(question);
      return answer;
    },
    ...NO_LEASES,
  };
  const code = await restoreCommand([...line.split(' '), '--device', image, '-w', folder], host);
  return { code, out, error, asked, waitedMs: now };
}
const stateOf = (): string => {
  const label = decodeLabel(readFileSync(image).subarray(place('node2', 0), place('node2', 4096)));
  return label.ok ? label.value.state : 'none';
};
const kept = (): string[] => readdirSync(folder).filter((name) => name.startsWith('metamaster-restore-'));
async function untouched(run: () => Promise<Run>): Promise<Run> {
  const before = readFileSync(image);
  const done = await run();
  expect(readFileSync(image).equals(before)).toBe(true);
  expect(kept()).toEqual([]);
  return done;
}

describe('a reset of one node', () => {
  test('given back in good order: at once, and what stood there is kept', async () => {
    writeImage('down');
    const before = readFileSync(image);
    const run = await restore(`-f ${folder} -d 3 -n 2 --yes`);
    expect([run.code, run.waitedMs, run.out], run.error).toEqual([0, 0, 'node 2: node2: loses all that was changed in the root since the installation\n']);
    expect(stateOf()).toBe('new');
    const [file] = kept();
    expect(statSync(join(folder, file!)).mode & 0o777).toBe(0o600);
    const saved = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as { before: { offset: number; base64: string }[] };
    for (const { offset, base64 } of saved.before) poke(offset, Buffer.from(base64, 'base64'));
    expect(readFileSync(image).equals(before)).toBe(true);
  });

  test('foreign, fenced and still: after 30 s of watching, shown and asked for', async () => {
    writeImage('live');
    const run = await restore('-d 3 -n 2 --fenced 2', { answer: 'yes' });
    expect([run.code, run.waitedMs, run.asked.length], run.error).toEqual([0, 30_000, 1]);
    expect(run.error).toContain('still for 27 s');
    expect(run.asked[0]).toContain('By your word the machine of node 2 cannot write');
    expect(stateOf()).toBe('new');
  });

  test('foreign, fenced, and its counter moves: refused', async () => {
    writeImage('live');
    const run = await restore('-d 3 -n 2 --fenced 2 --yes', { meanwhile: (ms) => poke(place('node2', OWNER_OFFSET), encodeOwner({ ...FOREIGN, counter: 70 + Math.floor(ms / 5000) })) });
    expect([run.code, run.out.includes('MM-CLAIM-FOREIGN'), run.error.includes('that machine runs')]).toEqual([1, true, true]);
    expect([stateOf(), kept()]).toEqual(['live', []]);
  });

  test('foreign and not fenced: refused at once', async () => {
    writeImage('live');
    const run = await untouched(() => restore('-d 3 -n 2 --yes'));
    expect([run.code, run.waitedMs, run.out.includes('MM-CLAIM-FOREIGN')]).toEqual([1, 0, true]);
  });

  test('the node that this runs on: refused with the remedy', async () => {
    writeImage('down');
    const run = await untouched(() => restore('-d 3 -n 2 --yes', { machine: { hardwareId: FOREIGN.hardwareId, bootNonce: FOREIGN.bootNonce, node: 2 } }));
    expect([run.code, run.out.includes('MM-RESTORE-OWN')]).toEqual([1, true]);
  });

  test.each([['no', 'no'], ['an empty line', '']])('answered with %s nothing is written', async (_, answer) => {
    writeImage('down');
    expect((await untouched(() => restore('-d 3 -n 2', { answer }))).code).toBe(1);
  });

  test('with nobody to ask nothing is written', async () => {
    writeImage('down');
    const run = await untouched(() => restore('-d 3 -n 2'));
    expect([run.code, run.error.includes('MM-RESTORE-CONFIRM')]).toEqual([1, true]);
  });

  test('a blade that claims the volume while the question stands open is not written over', async () => {
    writeImage('down');
    let now: Buffer | undefined;
    let told = '';
    const late: CommandHost = {
      out: () => undefined, error: (text) => void (told += text), machine: () => ({ hardwareId: 'our-board', bootNonce: 'ab'.repeat(16) }), liveDisk: () => Promise.resolve(undefined), now: () => 0, unixMs: () => 1, sleep: async () => undefined,
      async ask() {
        poke(place('node2', OWNER_OFFSET), encodeOwner({ ...FOREIGN, epoch: 4 }));
        now = readFileSync(image);
        return 'yes';
      },
      ...NO_LEASES,
    };
    expect(await restoreCommand(['-d', '3', '-n', '2', '--device', image, '-w', folder], late)).toBe(1);
    expect(told).toContain('MM-RESTORE-CHANGED');
    expect(now !== undefined && readFileSync(image).equals(now)).toBe(true);
  });
});

test('a store that the kernel gave up is set valid again, given back, and nothing else changes', async () => {
  // In two pieces, and so large that what was under way cannot have filled it.
  const large = { ...registry, volumes: registry.volumes.map((volume) => (volume === node2 ? Object.assign({}, volume, { chunkSectors: 8, sizeBytes: 20 * 2 ** 20, extents: [...node2.extents, { start: 26, count: 14 }] }) : volume)) };
  writeImage('live', { from: large, valid: false });
  const before = readFileSync(image);
  expect((await untouched(() => restore('--revalidate 2 --yes'))).out).toContain('MM-CLAIM-FOREIGN');
  const run = await restore('--revalidate 2 --fenced 2 --yes');
  expect([run.code, run.waitedMs, run.out], run.error).toEqual([0, 30_000, 'node 2: node2: is set valid again; nothing is lost\n']);
  const after = readFileSync(image);
  const header = (bytes: Buffer) => decodeSnapshotHeader(bytes.subarray(place('node2', DATA_OFFSET_BYTES), place('node2', DATA_OFFSET_BYTES + 4096)));
  expect([header(before), header(after), stateOf()]).toMatchObject([{ value: { valid: false } }, { value: { valid: true } }, 'down']);
  const [first, end] = [place('node2', 0), place('node2', DATA_OFFSET_BYTES + 4096)];
  expect([before.subarray(0, first).equals(after.subarray(0, first)), before.subarray(end).equals(after.subarray(end))]).toEqual([true, true]);
});

describe('several nodes', () => {
  test('-d 2 writes those that may be written, and tells of the others', async () => {
    writeImage('live');
    const run = await restore('-d 2 --yes --json');
    expect([run.code, JSON.parse(run.out)]).toMatchObject([1, { nodes: [{ node: 1, result: 'done' }, { node: 2, result: 'refused', problems: [expect.stringContaining('MM-CLAIM-FOREIGN')] }], registry: 'keep' }]);
    expect(stateOf()).toBe('live');
  });

  test('-i asks for each node', async () => {
    writeImage('down');
    const run = await restore('-d 2 -i', { answer: 'yes' });
    expect([run.code, run.asked.map((question) => question.split(':')[0])]).toEqual([0, ['Node 1', 'Node 2']]);
  });
});

describe('without writing', () => {
  test('--dry-run shows what would be done', async () => {
    writeImage('down');
    const run = await untouched(() => restore('-d 3 -n 2 --dry-run --json'));
    expect([run.code, JSON.parse(run.out)]).toEqual([0, { nodes: [{ node: 2, result: 'planned', problems: [] }], registry: 'keep', takeAtOnce: [], takeAtBoot: [] }]);
  });

  test('-d 1 --dry-run says who takes the registry at once: who renews its records', async () => {
    writeImage('live');
    const run = await restore('-d 1 --dry-run', { meanwhile: () => poke(place('node2', OWNER_OFFSET), encodeOwner({ ...FOREIGN, counter: 71 })) });
    expect([run.code, run.out]).toEqual([0, 'The registry is written again: node 2 takes it at once, node 1 at the next boot.\n']);
  });

  test('INSTALL.info that differs: every difference is listed and refused, and no secret is shown', async () => {
    writeImage('down');
    writeFileSync(info, formatInstallInfo(registry).replace('address = 10.0.0.2', 'address = 10.0.0.7').replace('[answers]', '[answers]\nroot-password-hash = $6$hush'));
    const run = await untouched(() => restore(`-f ${info} -d 3 -n 2 --yes`));
    expect([run.code, run.error.match(/MM-RESTORE-DIFFERS/g)?.length, run.error.includes('[node 2] address: "10.0.0.2", as the registry says; seen "10.0.0.7"'), run.error.includes('hush')]).toEqual([1, 2, true, false]);
    const forced = await restore(`-f ${info} --force -d 3 -n 2 --yes`);
    expect([forced.code, forced.error.includes('warning: MM-RESTORE-DIFFERS'), stateOf()]).toEqual([0, true, 'new']);
  });

  test('INSTALL.info that cannot be read', async () => {
    writeImage('down');
    writeFileSync(info, 'nonsense\n');
    expect((await untouched(() => restore(`-f ${folder} -d 2 --yes`))).error).toContain('MM-INFO-LINE');
    rmSync(info);
    expect((await untouched(() => restore(`-f ${folder} -d 2 --yes`))).code).toBe(3);
  });

  test('--revalidate of a store that is valid', async () => {
    writeImage('down');
    const run = await untouched(() => restore('--revalidate 2 --yes'));
    expect([run.code, run.out.includes('MM-REVALIDATE-NONE')]).toEqual([1, true]);
  });

  test('wrong use, and no device', async () => {
    writeImage('down');
    expect((await untouched(() => restore('-d 9'))).code).toBe(2);
    let told = '';
    const nobody = { out: () => undefined, error: (text: string) => void (told += text), machine: () => ({ hardwareId: 'x', bootNonce: 'ab'.repeat(16) }), liveDisk: () => Promise.resolve(undefined) } as unknown as CommandHost;
    expect([await restoreCommand(['-d', '2'], nobody), told.includes('MM-RESTORE-DEVICE')]).toEqual([2, true]);
  });
});

describe.skipIf(NO_SANLOCK !== undefined)(`what writes the registry${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  /** Joining takes 3 s, leaving 2 s. */
  const LONG = 60_000;
  let cluster: ClusterImage;
  beforeEach(async () => { cluster = await new ClusterImage().withLeases(); });
  afterEach(() => cluster.remove());
  const run = (line: string, answers: string[] = []) => cluster.run((host) => restoreCommand([...line.split(' '), '--device', cluster.path, '-w', cluster.folder], host), { answers });

  test('-d 1 writes it anew, as it is', async () => {
    const before = cluster.found();
    const done = await run('-d 1 --yes --json');
    expect([done.code, JSON.parse(done.out)], done.error).toEqual([0, { nodes: [], registry: 'rewrite', takeAtOnce: [], takeAtBoot: [1, 2], generation: 2 }]);
    expect([cluster.found().registry, cluster.found().header.generation, done.wrote]).toEqual([before.registry, 2, 2]);
  }, LONG);

  test('-d 1 that is not confirmed writes nothing', async () => {
    const before = cluster.bytes();
    expect((await run('-d 1', ['no'])).code).toBe(1);
    expect(cluster.bytes().equals(before)).toBe(true);
  });

  test('-F gives the store new room, and only then the registry speaks of it; nobody is fenced', async () => {
    cluster.own(2, 'live', { hardwareId: FOREIGN.hardwareId });
    const old = cluster.found().registry.volumes.find(({ name }) => name === 'node2')!;
    const done = await run('-d 3 -n 2 -F --yes');
    expect([done.code, done.waitedMs], done.error).toEqual([0, 0]);
    const { volumes } = cluster.found().registry;
    const store = volumes.find(({ name }) => name === 'node2')!;
    expect(volumes.find(({ uuid }) => uuid === old.uuid)).toMatchObject({ retired: 'quarantined', extents: old.extents });
    expect(store.uuid).not.toBe(old.uuid);
    const label = decodeLabel(cluster.read(cluster.found().ranges.container.firstSector * 512 + store.extents[0]!.start * 2 ** 20, 4096));
    expect(label).toMatchObject({ ok: true, value: { state: 'new', volumeUuid: store.uuid } });
  }, LONG);

  test('-F -i leaves out of the registry what was answered with no', async () => {
    const done = await run('-d 2 -F -i', ['no', 'yes']);
    expect([done.code, done.asked.length], done.error).toEqual([1, 2]);
    expect(cluster.found().registry.volumes.filter(({ retired }) => retired === 'quarantined').map(({ node }) => node)).toEqual([2]);
  }, LONG);

  test('a registry that was changed since it was looked at is not written over', async () => {
    const other = await cluster.run((host) => restoreCommand(['-d', '1', '--device', cluster.path, '-w', cluster.folder], {
      ...host,
      async ask() {
        const { found } = await changeRegistry({ path: cluster.path, container: 'debian', machine: host.machine(), host }, (registry) => setDrained(registry, { node: 2, drained: true }));
        return found.header.generation === 2 ? 'yes' : 'no';
      },
    }));
    expect([other.code, other.error.includes('MM-CHANGE-MEANWHILE'), cluster.found().header.generation]).toEqual([1, true, 2]);
  }, LONG);
});
