import { describe, expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { preferOwnAddress, releaseBorrowedAddress } from './borrowed-address.ts';
import type { BootRecord } from './handover.ts';

const RECORD = { bootAddress: '10.0.0.254', interfaceName: 'eth0' } as BootRecord;
const OWN = { address: '10.0.0.2', prefixLength: 24 };
const BORROWED = { address: '10.0.0.254', prefixLength: 24 };

/** A blade with these addresses on its interface; its connection from the borrowed one closes after being told so `kills` times. */
function blade(addresses: readonly string[], kills = 1): ModelBlade {
  const made = new ModelBlade(new ModelSan());
  made.addresses.push(...addresses);
  let killed = 0;
  made.override = (argv) => {
    if (argv[0] !== 'ss') return undefined;
    if (argv[1] === '-K') killed++;
    return { code: 0, said: killed < kills ? '0 0 10.0.0.254:41000 10.0.0.252:3260\n' : '' };
  };
  return made;
}

const changes = (made: ModelBlade) => made.argvs.map((argv) => argv.join(' ')).filter((line) => /addr (add|del|replace)|-K/.test(line));
const GONE = 'ip addr del 10.0.0.254/32 dev eth0';

describe('in the initrd, the node\'s own address', () => {
  test('comes first, and the borrowed one stays as a plain address of the host', () => {
    const made = blade(['10.0.0.254/24']);
    preferOwnAddress(made, 'eth0', OWN, BORROWED);
    expect(changes(made)).toEqual(['ip addr replace 10.0.0.2/24 brd + dev eth0', 'ip addr del 10.0.0.254/24 dev eth0', 'ip addr replace 10.0.0.254/32 dev eth0']);
    expect(made.readText('/proc/sys/net/ipv4/conf/eth0/promote_secondaries')).toBe('1');
  });

  test('done again, or after a failure half-way, the same comes out', () => {
    for (const before of [['10.0.0.2/24', '10.0.0.254/32'], ['10.0.0.254/24', '10.0.0.2/24'], ['10.0.0.2/24']]) {
      const made = blade(before);
      preferOwnAddress(made, 'eth0', OWN, BORROWED);
      expect(made.addresses.toSorted()).toEqual(['10.0.0.2/24', '10.0.0.254/32']);
    }
  });

  test('that cannot be set is told, and the borrowed one left alone', () => {
    const made = blade(['10.0.0.254/24']);
    made.override = (argv) => (argv.includes('replace') ? { code: 2, said: 'RTNETLINK answers: Operation not permitted' } : undefined);
    expect(() => preferOwnAddress(made, 'eth0', OWN, BORROWED)).toThrow('Operation not permitted');
    expect(made.addresses).toEqual(['10.0.0.254/24']);
  });
});

describe('in the root, the borrowed address', () => {
  test('goes at once when nothing uses it', async () => {
    const made = blade(['10.0.0.2/24', '10.0.0.254/32'], 0);
    await releaseBorrowedAddress(made, RECORD);
    expect(changes(made)).toEqual([GONE]);
    expect(made.console).toEqual(['storage-agent: gave 10.0.0.254 back']);
  });

  test('goes only when no connection uses it any more', async () => {
    const made = blade(['10.0.0.2/24', '10.0.0.254/32'], 5);
    await releaseBorrowedAddress(made, RECORD);
    expect(changes(made)).toEqual([...Array.from({ length: 5 }, () => 'ss -K src 10.0.0.254'), GONE]);
  });

  test('stays when its connections do not close, and that is told: the root lies behind them', async () => {
    const made = blade(['10.0.0.2/24', '10.0.0.254/32'], Infinity);
    await releaseBorrowedAddress(made, RECORD);
    expect(changes(made)).not.toContain(GONE);
    expect(made.console.join()).toContain('10.0.0.254 is kept: its connections do not close: 0 0 10.0.0.254:41000 10.0.0.252:3260');
  });

  test.each([
    ['the boot address is the node\'s own', ['10.0.0.254/24']],
    ['it was given back before', ['10.0.0.2/24']],
    ['the longer address only begins like it', ['10.0.0.2/24', '10.0.0.25/32']],
  ])('nothing is changed when %s', async (_, addresses) => {
    const made = blade(addresses);
    await releaseBorrowedAddress(made, RECORD);
    expect(changes(made)).toEqual([]);
  });

  test('nothing is changed without an interface', async () => {
    const made = blade(['10.0.0.2/24', '10.0.0.254/32']);
    await releaseBorrowedAddress(made, { ...RECORD, interfaceName: undefined });
    expect(changes(made)).toEqual([]);
  });
});
