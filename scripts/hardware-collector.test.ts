// The collector for real, on whatever machine this is; and how systeminformation is mended where it is silent.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { valueOf } from '../daemons/core/problem.ts';
import { formatHardware, parseHardware } from '../daemons/hardware/hardware-facts.ts';
import { collectHardware } from './hardware-collector.ts';

const folder = mkdtempSync(join(tmpdir(), 'mmcollector-'));
afterAll(() => rmSync(folder, { recursive: true }));
const output = join(folder, 'run', 'hardware.json');
const run = (env: NodeJS.ProcessEnv, ...argv: string[]) => spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'hardware-collector.ts'), ...argv], { encoding: 'utf8', timeout: 60_000, env });

describe('on this machine', () => {
  test('it writes facts that are true, whole, for nobody else to read', () => {
    expect(run(process.env, '--output', output)).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(join(folder, 'run'))).toEqual(['hardware.json']);
    expect(statSync(output).mode & 0o777).toBe(0o600);
    const content = readFileSync(output, 'utf8');
    const facts = valueOf(parseHardware(content, output));
    expect(formatHardware(facts)).toBe(content);
    expect(facts.cpu.threads).toBe(cpus().length);
    expect(facts.memory.bytes).toBe(totalmem());
    expect(facts.bootMode).toBe(existsSync('/sys/firmware/efi') ? 'uefi' : 'bios');
    const cards = readdirSync('/sys/class/net').filter((name) => existsSync(`/sys/class/net/${name}/device`));
    expect(facts.nics.map(({ name }) => name)).toEqual(cards.toSorted().slice(0, 32));
    expect(Math.abs(Date.now() - facts.readAtUnixMs)).toBeLessThan(120_000);
  }, 90_000);

  test('without a single program to start it still writes what the kernel says itself', () => {
    expect(run({ PATH: folder }, '--output', join(folder, 'bare.json'))).toMatchObject({ status: 0 });
    const facts = valueOf(parseHardware(readFileSync(join(folder, 'bare.json'), 'utf8'), 'bare'));
    expect(facts.cpu.threads).toBe(cpus().length);
    expect(facts.memory.bytes).toBe(totalmem());
  }, 90_000);

  test('it says how it is used, and writes nothing over a folder', () => {
    expect(run(process.env, '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('hardware-collector [--output FILE]') as string });
    expect(run(process.env, '--output', folder).status).not.toBe(0);
    expect(run(process.env, '--no-such-option').status).not.toBe(0);
  }, 90_000);
});

test('systeminformation is really asked: a processor that /proc does not name has a name', async () => {
  const { cpu, nics, disks } = await collectHardware(folder, 0);
  expect([nics, disks]).toEqual([[], []]);
  if (cpus()[0]?.model !== undefined && cpus()[0]!.model !== 'unknown') expect(cpu.model).toEqual(expect.any(String));
}, 60_000);
