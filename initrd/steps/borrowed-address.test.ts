import { describe, expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { releaseBorrowedAddress } from './borrowed-address.ts';
import type { BootRecord } from './handover.ts';

const RECORD = { bootAddress: '10.0.0.254', interfaceName: 'eth0', prefixLength: 24 } as BootRecord;

/** A node in its root, with these addresses on its interface; its connection from the borrowed one closes after being told so `kills` times. */
function node(addresses: readonly string[], { own = '10.0.0.2', kills = 1 } = {}): ModelBlade {
  const blade = new ModelBlade(new ModelSan());
  blade.addresses.push(...addresses.map((address) => (address.includes('/') ? address : `${address}/24`)));
  blade.files.set('/etc/metamaster/node.json', JSON.stringify({ number: 2, roster: { nodes: [{ number: 1, address: '10.0.0.1' }, { number: 2, address: own }] } }));
  let killed = 0;
  blade.override = (argv) => {
    if (argv[0] !== 'ss') return undefined;
    if (argv[1] === '-K') killed++;
    return { code: 0, said: killed < kills ? '0 0 10.0.0.254:41000 10.0.0.252:3260\n' : '' };
  };
  return blade;
}

const changes = (blade: ModelBlade) => blade.argvs.map((argv) => argv.join(' ')).filter((line) => /-batch|addr del|-K/.test(line));
const BATCH = 'ip -batch /run/metamaster/addresses';

describe('the borrowed address', () => {
  test('first ceases to be the network\'s first one, in one go, then its connection is closed, and last it goes', async () => {
    const blade = node(['10.0.0.254', '10.0.0.2']);
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual([BATCH, 'ss -K src 10.0.0.254', 'ip addr del 10.0.0.254/32 dev eth0']);
    expect(blade.readText('/run/metamaster/addresses')).toBe('addr del 10.0.0.254/24 dev eth0\naddr add 10.0.0.254/32 dev eth0\n');
    expect(blade.readText('/proc/sys/net/ipv4/conf/eth0/promote_secondaries')).toBe('1');
    expect(blade.console).toEqual(['storage-agent: gave 10.0.0.254 back']);
  });

  test('is given up only when no connection uses it any more', async () => {
    const blade = node(['10.0.0.254', '10.0.0.2'], { kills: 5 });
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual([BATCH, ...Array.from({ length: 5 }, () => 'ss -K src 10.0.0.254'), 'ip addr del 10.0.0.254/32 dev eth0']);
  });

  test('stays when its connections do not close, and that is told: the root lies behind them', async () => {
    const blade = node(['10.0.0.254', '10.0.0.2'], { kills: Infinity });
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).not.toContain('ip addr del 10.0.0.254/32 dev eth0');
    expect(blade.console.join()).toContain('10.0.0.254 is kept: its connections do not close: 0 0 10.0.0.254:41000 10.0.0.252:3260');
  });

  test('is taken up again where a former run of the agent left it', async () => {
    const blade = node(['10.0.0.2', '10.0.0.254/32']);
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual(['ss -K src 10.0.0.254', 'ip addr del 10.0.0.254/32 dev eth0']);
  });

  test('no connection is closed when the addresses cannot be changed', async () => {
    const blade = node(['10.0.0.254', '10.0.0.2']);
    blade.override = (argv) => (argv[1] === '-batch' ? { code: 2, said: 'RTNETLINK answers: Operation not permitted\n' } : undefined);
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual([BATCH]);
    expect(blade.console.join()).toContain('10.0.0.254 is kept: RTNETLINK answers');
  });

  test.each([
    ['the boot address is the node\'s own', node(['10.0.0.254'], { own: '10.0.0.254' })],
    ['the node has not its own yet', node(['10.0.0.254'])],
    ['it was given back before', node(['10.0.0.2'])],
    ['the longer address only begins like it', node(['10.0.0.25', '10.0.0.2'])],
  ])('nothing is changed when %s', async (_, blade) => {
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual([]);
  });

  test('nothing is changed without an interface or a node\'s configuration', async () => {
    const blade = node(['10.0.0.254', '10.0.0.2']);
    await releaseBorrowedAddress(blade, { ...RECORD, interfaceName: undefined });
    blade.files.delete('/etc/metamaster/node.json');
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual([]);
  });
});
