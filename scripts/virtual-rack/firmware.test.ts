import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findFirmware } from './firmware.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'firmware-'));
  for (const name of ['OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd', 'OVMF_CODE_4M.secboot.fd', 'ALONE_CODE.fd', 'bios.bin']) writeFileSync(join(folder, name), '');
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

describe('firmware by its path', () => {
  test('comes with the variables beside it, whatever the kind of code image', () => {
    for (const name of ['OVMF_CODE_4M.fd', 'OVMF_CODE_4M.secboot.fd']) expect(findFirmware(at(name))).toMatchObject({ code: at(name), variables: at('OVMF_VARS_4M.fd') });
  });

  test('has variables of its own on each blade', () => {
    const keys = ['OVMF_CODE_4M.fd', 'OVMF_CODE_4M.secboot.fd'].map((name) => findFirmware(at(name)).key);
    expect(new Set(keys).size).toBe(2);
    expect(keys.every((key) => /^[0-9a-f]{8}$/.test(key))).toBe(true);
  });

  test('is refused with the file that is missing', () => {
    expect(() => findFirmware(at('NO_CODE.fd'))).toThrow(/MM-RACK-FIRMWARE: .*NO_CODE\.fd/);
    expect(() => findFirmware(at('ALONE_CODE.fd'))).toThrow(/MM-RACK-FIRMWARE: .*ALONE_VARS\.fd/);
  });

  test('is refused when its name cannot lead to its variables: they would be the code itself', () => {
    expect(() => findFirmware(at('bios.bin'))).toThrow(/whose name holds CODE/);
    expect(() => findFirmware('debian-11')).toThrow(/one of debian-12, debian-13, or the path/);
  });
});

test.each(['debian-12', 'debian-13'])('%s is found, or the message says how it comes there', (name) => {
  try {
    expect(findFirmware(name)).toMatchObject({ code: expect.stringMatching(/\/OVMF\/OVMF_CODE_4M\.fd$/), variables: expect.stringMatching(/\/OVMF\/OVMF_VARS_4M\.fd$/), key: name });
  } catch (error) {
    expect((error as Error).message).toMatch(name === 'debian-12' ? /MM-RACK-FIRMWARE: .*apt-get install ovmf/ : /MM-RACK-FIRMWARE: .*live-dvd\/images\.ts --recipe debian-13/);
  }
});
