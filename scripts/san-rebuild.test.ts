import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { twiceWrittenSan, type Damage } from '../daemons/storage/damaged-registry.test-kit.ts';
import { withoutSecrets } from '../daemons/storage/registry.ts';
import { SAMPLE_DISK_BYTES } from '../daemons/storage/sample-san.test-kit.ts';
import { sanCommand } from './san.ts';

let folder: string;
let copy: string;
const at = (name: string): string => join(folder, name);
const { registry } = twiceWrittenSan();

function writeImage(...damages: [0 | 1, Damage][]): string {
  const san = twiceWrittenSan();
  for (const damage of damages) san.damage(...damage);
  const descriptor = openSync(at('san.img'), 'w');
  ftruncateSync(descriptor, SAMPLE_DISK_BYTES);
  for (const [sector, bytes] of san.disk.sectors) writeSync(descriptor, bytes, 0, bytes.length, sector * 512);
  closeSync(descriptor);
  return at('san.img');
}

async function rebuild(...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const code = await sanCommand(['rebuild', ...argv], { out: (text) => void (out += text), error: (text) => void (error += text) });
  return { code, out, error };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-rebuild-'));
  copy = at('copy.json');
  writeFileSync(copy, JSON.stringify(registry));
  writeFileSync(at('bare.json'), JSON.stringify(withoutSecrets(registry)));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a registry that is lost', () => {
  let image: string;
  let before: Buffer;
  beforeEach(() => {
    image = writeImage([0, 'both'], [1, 'both']);
    before = readFileSync(image);
  });
  const untouched = (): void => expect(readFileSync(image).equals(before)).toBe(true);

  test('--dry-run shows what is there and what would be written, and writes nothing', async () => {
    const { code, out } = await rebuild(image, '--from', copy, '--dry-run');
    expect([code, out.includes('slot 0/0  header-damaged'), out.includes('To be written: the registry of the copy')]).toEqual([0, true, true]);
    untouched();
  });

  test('nothing is written without --yes', async () => {
    const { code, error } = await rebuild(image, '--from', copy);
    expect([code, error.includes('MM-REBUILD-YES')]).toEqual([1, true]);
    untouched();
  });

  test('with --yes the SAN is whole again, and all that changed lies in the registry partition', async () => {
    const { code, error } = await rebuild(image, '--from', copy, '--yes');
    expect([code, error.includes('written and read back')], error).toEqual([0, true]);
    const after = readFileSync(image);
    const changed = after.reduce<number[]>((found, byte, i) => (byte === before[i] ? found : [...found, i]), []);
    const start = twiceWrittenSan().registryAt;
    expect(changed.length).toBeGreaterThan(100);
    expect([changed[0]! >= start, changed.at(-1)! < start + 2 ** 20]).toEqual([true, true]);
    let out = '';
    expect(await sanCommand(['export', image, '--with-secrets'], { out: (text) => void (out += text), error: () => undefined })).toBe(0);
    expect(JSON.parse(out)).toEqual(registry);
  });

  test('a copy without secrets asks for --new-secrets', async () => {
    const { code, error } = await rebuild(image, '--from', at('bare.json'), '--yes');
    expect([code, error.includes('MM-REBUILD-SECRETS')]).toEqual([1, true]);
    untouched();
  });

  test('without a copy the labels are written down as a draft, with what they do not tell', async () => {
    const none = await rebuild(image, '--yes');
    expect([none.code, none.error.includes('MM-REBUILD-SOURCE')]).toEqual([1, true]);
    const { code, error } = await rebuild(image, '--draft', at('draft.json'), '--extent-mib', '1');
    expect([code, error.includes('secrets: cluster key')]).toEqual([0, true]);
    expect(JSON.parse(readFileSync(at('draft.json'), 'utf8'))).toMatchObject({ roster: { nodes: [{ number: 1 }, { number: 2 }] } });
    expect(statSync(at('draft.json')).mode & 0o777).toBe(0o600);
    expect((await rebuild(image, '--draft', at('draft.json'))).code).toBe(3);
    untouched();
  });

  test('a copy that is none', async () => {
    writeFileSync(at('wrong.json'), '{}');
    const { code, error } = await rebuild(image, '--from', at('wrong.json'), '--yes');
    expect([code, error.includes('MM-REGISTRY-FORMAT: ')]).toEqual([1, true]);
    untouched();
  });
});

test('a body that is whole is enough; --json names no secret', async () => {
  const image = writeImage([0, 'both'], [1, 'header tail']);
  const { code, out } = await rebuild(image, '--yes', '--json');
  expect([code, JSON.parse(out).plan]).toMatchObject([0, { source: { kind: 'slot', writer: 0, slot: 1 }, generation: 3 }]);
  for (const word of ['PRIVATE', registry.secret.clusterKey]) expect(out).not.toContain(word);
  expect(await rebuild(image, '--yes')).toMatchObject({ code: 1, error: expect.stringContaining('MM-REBUILD-VALID') });
});

test.each([[[]], [['a', 'b']], [['a', '--no-such']], [['a', '--slot', '0']], [['a', '--from']]])('wrong use: %j', async (argv) => {
  expect((await rebuild(...argv)).code).toBe(2);
  expect(existsSync('a')).toBe(false);
});
