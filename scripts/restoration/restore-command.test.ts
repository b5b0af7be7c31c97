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
import { restoreCommand } from './restore-command.ts';
import type { RestoreHost, RestoreMachine } from './restore-host.ts';

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

/** Runs the command with a clock that jumps; `meanwhile` happens at each sleep, `answer` is what is typed. */
async function restore(line: string, { answer, meanwhile = () => undefined, machine = { hardwareId: 'our-board/52:54:00:00:00:09', bootNonce: 'ab'.repeat(16) } }: { answer?: string; meanwhile?: (ms: number) => void; machine?: RestoreMachine } = {}): Promise<Run> {
  let out = '';
  let error = '';
  let now = 0;
  const asked: string[] = [];
  const host: RestoreHost = {
    out: (text) => void (out += text), error: (text) => void (error += text), machine: () => machine, now: () => now, unixMs: () => 1_700_000_000_000 + now,
    async sleep(ms) {
      now += ms;
      meanwhile(now);
    },
    async ask(question) {
      asked.push(question);
      return answer;
    },
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
    const late: RestoreHost = {
      out: () => undefined, error: (text) => void (told += text), machine: () => ({ hardwareId: 'our-board', bootNonce: 'ab'.repeat(16) }), now: () => 0, unixMs: () => 1, sleep: async () => undefined,
      async ask() {
        poke(place('node2', OWNER_OFFSET), encodeOwner({ ...FOREIGN, epoch: 4 }));
        now = readFileSync(image);
        return 'yes';
      },
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

  test.each(['-d 1 --yes', '-d 3 -n 2 -F --yes'])('%s is refused: this release does not write the registry', async (line) => {
    writeImage('down');
    const run = await untouched(() => restore(line));
    expect([run.code, run.error.includes('MM-RESTORE-REGISTRY')]).toEqual([1, true]);
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
    const nobody = { out: () => undefined, error: (text: string) => void (told += text), machine: () => ({ hardwareId: 'x', bootNonce: 'ab'.repeat(16) }) } as unknown as RestoreHost;
    expect([await restoreCommand(['-d', '2'], nobody), told.includes('MM-RESTORE-DEVICE')]).toEqual([2, true]);
  });
});
