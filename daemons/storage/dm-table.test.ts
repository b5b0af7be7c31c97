import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIB } from './block.ts';
import { diskOffset } from './disk-offset.ts';
import { linearTable, multipathTable, parseMultipathTable, snapshotTable, volumePath } from './dm-table.ts';

const EXTENTS = [{ start: 10, count: 2 }, { start: 12, count: 1 }, { start: 3, count: 4 }];

describe('linearTable', () => {
  test('runs that touch are one line', () => {
    expect(linearTable(EXTENTS, MIB, '/dev/sda', 4096)).toBe(`0 6144 linear /dev/sda ${4096 + 20480}\n6144 8192 linear /dev/sda ${4096 + 6144}`);
  });
  test('the data behind the label', () => {
    expect(linearTable(EXTENTS, MIB, '/dev/sda', 0, { offsetBytes: MIB })).toBe('0 4096 linear /dev/sda 22528\n4096 8192 linear /dev/sda 6144');
  });
  test('the owner block alone', () => {
    expect(linearTable(EXTENTS, MIB, '/dev/sda', 0, { offsetBytes: 4096, lengthBytes: 4096 })).toBe('0 8 linear /dev/sda 20488');
  });
  test('a window over the seam of two runs', () => {
    expect(linearTable(EXTENTS, MIB, '/dev/sda', 0, { offsetBytes: 3 * MIB - 512, lengthBytes: 1024 })).toBe('0 1 linear /dev/sda 26623\n1 1 linear /dev/sda 6144');
  });
  test.each([[{ offsetBytes: 7 * MIB }], [{ offsetBytes: 100 }], [{ lengthBytes: 7 * MIB + 512 }], [{ lengthBytes: 0 }], [{ offsetBytes: -512 }]])('%j is our own mistake', (window) => {
    expect(() => linearTable(EXTENTS, MIB, '/dev/sda', 0, window)).toThrow(RangeError);
  });

  test('every sector of any window lands where the volume has it; the lines are dense and no two of them touch', () => {
    const runs = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 8 }).map((starts) => starts.map((start) => ({ start, count: 1 })));
    fc.assert(
      fc.property(runs, fc.constantFrom(4096, 8192), fc.nat(), fc.nat(), fc.nat(100), (extents, extentBytes, a, b, first) => {
        const sectors = (extents.length * extentBytes) / 512;
        const from = a % sectors;
        const length = 1 + (b % (sectors - from));
        const lines = linearTable(extents, extentBytes, 'D', first, { offsetBytes: from * 512, lengthBytes: length * 512 }).split('\n').map((line) => line.split(' '));
        let at = 0;
        let end = -1;
        for (const [logical, count, , , start] of lines) {
          expect(Number(logical)).toBe(at);
          expect(Number(start)).not.toBe(end);
          for (let i = 0; i < Number(count); i++) expect((Number(start) + i) * 512).toBe(diskOffset({ extents }, extentBytes, first, (from + at + i) * 512));
          at += Number(count);
          end = Number(start) + Number(count);
        }
        expect(at).toBe(length);
      }),
    );
  });
});

test('snapshotTable', () => expect(snapshotTable('/dev/mapper/o', '/dev/mapper/c', 8192, 16)).toBe('0 8192 snapshot /dev/mapper/o /dev/mapper/c P 16'));
test('volumePath', () => expect(volumePath('debian', 'node3')).toBe('/dev/evms/debian/node3'));

describe('a multipath table', () => {
  const paths = fc.array(fc.tuple(fc.nat(4095), fc.nat(1_048_575)).map(([major, minor]) => `${major}:${minor}`), { minLength: 1, maxLength: 8 });

  test('is read as it was made', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 50 }), paths, (sectors, numbers) => {
      expect(parseMultipathTable(`${multipathTable(sectors, numbers)}\n`)).toEqual({ sectors, paths: numbers });
    }));
  });

  test('is read with the features and arguments that a kernel adds', () => {
    expect(parseMultipathTable('0 409600 multipath 2 queue_if_no_path retain_attached_hw_handler 1 alua 2 1 service-time 0 1 2 8:0 1 1 service-time 0 1 2 8:16 1 1 \n')).toEqual({ sectors: 409_600, paths: ['8:0', '8:16'] });
  });

  test.each(['', 'Command failed.', '0 100 linear 8:0 0', '0 0 multipath 1 queue_if_no_path 0 1 1 service-time 0 1 1 8:0 1', '0 100 multipath 1 queue_if_no_path 0 0 0', '0 99999999999999999999 multipath 0 0 1 1 service-time 0 1 1 8:0 1', '0 8 multipath 0 0 1 1 service-time 0 1 1 8:0 1\n8 8 linear 8:0 0'])('%j is none', (text) => {
    expect(parseMultipathTable(text)).toBeUndefined();
  });
});
