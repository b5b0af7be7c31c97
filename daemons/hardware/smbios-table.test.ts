import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, fromHex } from '../core/bytes.ts';
import { blade } from './facts.test-kit.ts';
import { formatHardware, parseHardware } from './hardware-facts.ts';
import { readSmbios } from './smbios-table.ts';

/** A structure (DSP0134 section 6.1): `fields` by their offsets as the specification counts them, head included. */
function structure(type: number, length: number, fields: Readonly<Record<number, readonly number[]>>, strings: readonly string[] = []): Uint8Array {
  const formatted = new Uint8Array(length);
  formatted.set([type, length]);
  for (const [at, bytes] of Object.entries(fields)) formatted.set(bytes, Number(at));
  return concatBytes(formatted, encodeLatin1(strings.length === 0 ? '\0\0' : `${strings.join('\0')}\0\0`));
}

const le = (value: number, bytes: number): number[] => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256);
const UUID_BYTES = [...fromHex('44454c4c420010358052b4c04f4d3332')!];
const SYSTEM = structure(1, 0x1b, { 4: [1], 5: [2], 7: [3], 8: UUID_BYTES }, ['Dell Inc.', 'PowerEdge M640', 'ABC1234']);
const module = (sizeMib: number, speed = 2933): Uint8Array => structure(17, 0x22, { 0x0c: le(sizeMib, 2), 0x10: [1], 0x15: le(3200, 2), 0x20: le(speed, 2) }, ['A1']);

describe('the firmware\'s table', () => {
  test('tells of machine, board and firmware; the UUID as the kernel spells it', () => {
    const table = concatBytes(
      structure(0, 0x18, { 4: [1], 5: [2], 8: [3] }, ['Dell Inc.', '2.10.0', '11/12/2020']), SYSTEM,
      structure(2, 0x0f, { 4: [1], 5: [2], 7: [3] }, ['Dell Inc.', '0K28T9', 'CN7']), structure(38, 0x12, {}), structure(127, 4, {}),
    );
    expect(readSmbios(table)).toEqual({
      bios: { vendor: 'Dell Inc.', version: '2.10.0', date: '2020-11-12' },
      system: { vendor: 'Dell Inc.', product: 'PowerEdge M640', serial: 'ABC1234', uuid: '4c4c4544-0042-3510-8052-b4c04f4d3332' },
      board: { vendor: 'Dell Inc.', product: '0K28T9', serial: 'CN7' },
      modules: [], coresOff: undefined, bmc: true,
    });
  });

  test('tells of the modules that are plugged in: their size, whatever its unit, and the speed at which they run', () => {
    const large = structure(17, 0x22, { 0x0c: le(0x7fff, 2), 0x1c: le(65_536, 4), 0x15: le(3200, 2) });
    const small = structure(17, 0x15, { 0x0c: le(0x8000 + 512, 2) });
    expect(readSmbios(concatBytes(module(16_384), module(0), module(0xffff), large, small)).modules).toEqual([
      { slot: 'A1', bytes: 2 ** 34, speedMts: 2933 }, { bytes: 2 ** 36, speedMts: 3200 }, { bytes: 512 * 1024 },
    ]);
    expect(readSmbios(module(1024, 0)).modules).toEqual([{ slot: 'A1', bytes: 2 ** 30, speedMts: 3200 }]);
  });

  test('tells of cores that were switched off, in sockets that hold a processor', () => {
    const processor = (status: number, cores: number, enabled: number, wide: readonly [number, number] = [0, 0]): Uint8Array => structure(4, 0x30, { 0x18: [status], 0x23: [cores], 0x24: [enabled], 0x2a: le(wide[0], 2), 0x2c: le(wide[1], 2) });
    expect(readSmbios(concatBytes(processor(0x41, 20, 16), processor(0x41, 20, 20), processor(0, 20, 0))).coresOff).toBe(4);
    expect(readSmbios(processor(0x41, 0xff, 0xff, [384, 380])).coresOff).toBe(4);
    expect(readSmbios(processor(0x41, 0, 0)).coresOff).toBeUndefined();
  });

  test('says nothing where its maker filled nothing in', () => {
    expect(readSmbios(structure(1, 0x1b, { 4: [1], 5: [0], 7: [9], 8: Array.from({ length: 16 }, () => 0xff) }, ['To Be Filled By O.E.M.'])).system).toEqual({});
  });

  test('of an old board has shorter structures', () => expect(readSmbios(structure(1, 8, { 4: [1] }, ['Old'])).system).toEqual({ vendor: 'Old' }));

  test('whatever it is, is read without an exception, into facts that keep their rules', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 4, 17, 38, 127), fc.integer({ min: 0, max: 60 }), fc.uint8Array({ maxLength: 80 })), { maxLength: 6 })
      .map((parts) => concatBytes(...parts.map(([type, length, rest]) => concatBytes(Uint8Array.of(type, length), rest, new Uint8Array(2))))));
    fc.assert(fc.property(bytes, (table) => {
      const { system, board, bios, modules, bmc } = readSmbios(table);
      expect(parseHardware(formatHardware(blade(1, { system, board, bios, bmc, memory: { bytes: 1, modules } })), 'x')).toMatchObject({ ok: true });
    }), { numRuns: 2000 });
  });

  test('that is cut off gives what could be read whole', () => {
    const table = concatBytes(SYSTEM, module(1024));
    for (let length = 0; length <= table.length; length++) expect(readSmbios(table.subarray(0, length)).modules.length, `${length} bytes`).toBe(length < SYSTEM.length + 0x22 ? 0 : 1);
    expect(readSmbios(table.subarray(0, SYSTEM.length + 5)).system.product).toBe('PowerEdge M640');
  });
});
