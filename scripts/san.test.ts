import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../daemons/core/bytes.ts';
import { decodeRegistry } from '../daemons/storage/registry.ts';
import { SAMPLE_DISK_BYTES, sampleRegistry, sampleSan } from '../daemons/storage/sample-san.test-kit.ts';
import { sanCommand } from './san.ts';

let folder: string;
const at = (name: string): string => join(folder, name);

function writeImage(name: string, sectors: ReadonlyMap<number, Uint8Array>): void {
  const descriptor = openSync(at(name), 'w');
  ftruncateSync(descriptor, SAMPLE_DISK_BYTES);
  for (const [sector, bytes] of sectors) writeSync(descriptor, bytes, 0, bytes.length, sector * 512);
  closeSync(descriptor);
}

async function run(...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const code = await sanCommand(argv, { out: (text) => void (out += text), error: (text) => void (error += text) });
  return { code, out, error };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-san-'));
  const { disk, at: offset } = sampleSan();
  writeImage('good', disk.sectors);
  disk.write(offset('boot@1', 8192), new Uint8Array(512));
  writeImage('bad', disk.sectors);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('show and check', () => {
  test('a good SAN', async () => {
    const shown = await run('show', at('good'));
    expect([shown.code, shown.error]).toEqual([0, '']);
    expect(shown.out).toContain('Container debian');
    expect((await run('check', at('good'))).code).toBe(0);
  });
  test('check ends with 1 when there is a problem, show with 0; only check looks at every byte', async () => {
    expect((await run('show', at('bad'))).out).toContain('No problems.');
    const checked = await run('check', at('bad'));
    expect([checked.code, checked.out.includes('MM-SAN-BOOT-FILE')]).toEqual([1, true]);
  });
  test('as JSON', async () => {
    const { out, code } = await run('check', '--json', at('bad'));
    const report = JSON.parse(out);
    expect([code, report.containers[0].name, report.problems.map((problem: { code: string }) => problem.code)]).toEqual([1, 'debian', ['MM-SAN-BOOT-FILE']]);
    expect(out).not.toContain('PRIVATE');
  });
  test('a file that is no SAN', async () => {
    const { code, out } = await run('check', new URL(import.meta.url).pathname);
    expect([code, out.includes('MM-GPT-NONE')]).toEqual([1, true]);
  });
});

describe('export', () => {
  test('without secrets unless they are asked for', async () => {
    const { out, code } = await run('export', at('good'));
    expect([code, out.includes('PRIVATE'), JSON.parse(out).roster.clusterName]).toEqual([0, false, 'sample']);
    const all = await run('export', at('good'), '--with-secrets', '--container', 'debian');
    expect(decodeRegistry(encodeUtf8(all.out))).toEqual({ ok: true, value: sampleRegistry() });
  });
  test('to a new file that only its owner reads', async () => {
    const file = at('export.json');
    const { code, out, error } = await run('export', at('good'), '--with-secrets', `--output=${file}`);
    expect([code, out, statSync(file).mode & 0o777]).toEqual([0, '', 0o600]);
    expect(error).toContain('generation 1, with secrets');
    expect(JSON.parse(readFileSync(file, 'utf8')).secret.clusterKey).toHaveLength(64);
    const again = await run('export', at('good'), '--output', file);
    expect([again.code, again.error.includes('never written over')]).toEqual([3, true]);
  });
  test('a container that is not there', async () => {
    const file = at('none.json');
    const { code, error } = await run('export', at('good'), '--container', 'ubuntu', '--output', file);
    expect([code, error.includes('MM-CONTAINER-NONE'), error.includes('seen debian'), existsSync(file)]).toEqual([1, true, true, false]);
  });
});

describe('wrong use', () => {
  test.each<[string[], string]>([
    [[], 'say show, check, export, rebuild, leases or login'],
    [['look', 'x'], "'look' is none of show, check, export"],
    [['show'], 'wants one PATH, 0 given'],
    [['show', 'a', 'b'], 'wants one PATH, 2 given'],
    [['show', 'a', '--with-secrets'], "--with-secrets: no option of 'san show'"],
    [['export', 'a', '--output'], '--output needs a value'],
    [['show', 'a', '--json=1'], '--json takes no value'],
    [['show', 'a', '--json', '--json'], '--json: given twice'],
  ])('%j', async (argv, message) => {
    const { code, error, out } = await run(...argv);
    expect([code, out]).toEqual([2, '']);
    expect(error).toContain(message);
    expect(error).toContain('metamaster san --help');
  });
  test('--help', async () => expect(await run('export', '--help')).toMatchObject({ code: 0, error: '' }));
  test('what cannot be opened', async () => {
    const missing = await run('show', at('missing'));
    expect([missing.code, missing.error.includes('/dev/disk/by-path')]).toEqual([3, true]);
    expect((await run('show', folder)).code).toBe(3);
  });
});
