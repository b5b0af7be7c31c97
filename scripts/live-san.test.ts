import { describe, expect, test } from 'vitest';
import { InputError } from '../daemons/core/problem.ts';
import { onlyDisk, sanOfLiveRecord } from './live-san.ts';

const record = (more: object): string => JSON.stringify({ bootNonce: '00', target: 'iqn.2026-11.x:san', portals: ['192.168.0.252:3260', '192.168.0.248:3260'], ...more });

function codesOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    return (error as InputError).problems.map(({ code }) => code);
  }
  return [];
}

describe('the SAN of a live system', () => {
  test('is that of the boot parameters, by the first portal', () => {
    expect(sanOfLiveRecord(record({}))).toEqual({ address: '192.168.0.252', port: 3260, target: 'iqn.2026-11.x:san' });
  });

  test('is none where the menu named none', () => {
    expect(sanOfLiveRecord(record({ target: undefined }))).toBeUndefined();
  });

  test.each<[string, string]>([
    ['no JSON', '{'], ['no object', '7'], ['null', 'null'], ['no portal', record({ portals: [] })], ['portals that are no list', record({ portals: '192.168.0.252:3260' })],
    ['a portal that is none', record({ portals: ['192.168.0.252:3260', '192.168.0:3260'] })], ['a target that is no text', record({ target: 7 })],
  ])('%s is refused', (_, text) => expect(codesOf(() => sanOfLiveRecord(text))).toEqual(['MM-LIVE-RECORD']));

  test('has one disk, or one is to be named', () => {
    expect(onlyDisk('iqn.x:y', ['sda'])).toBe('/dev/sda');
    expect(codesOf(() => onlyDisk('iqn.x:y', ['sda', 'sdb']))).toEqual(['MM-LIVE-DISK']);
  });
});
