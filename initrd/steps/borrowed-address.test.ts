import { describe, expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { releaseBorrowedAddress } from './borrowed-address.ts';
import type { BootRecord } from './handover.ts';

const RECORD = { bootAddress: '10.0.0.254', interfaceName: 'eth0', prefixLength: 24 } as BootRecord;

/** A node in its root, with these addresses on its interface. */
function node(addresses: readonly string[], own = '10.0.0.2'): ModelBlade {
  const blade = new ModelBlade(new ModelSan());
  blade.addresses.push(...addresses.map((address) => `${address}/24`));
  blade.files.set('/etc/metamaster/node.json', JSON.stringify({ number: 2, roster: { nodes: [{ number: 1, address: '10.0.0.1' }, { number: 2, address: own }] } }));
  blade.override = ([program]) => (program === 'busybox' || program === 'ss' ? { code: 0, said: '' } : undefined);
  return blade;
}

const changes = (blade: ModelBlade) => blade.argvs.filter((argv) => argv.includes('del') || argv[0] === 'ss').map((argv) => argv.join(' '));

describe('the borrowed address', () => {
  test('is given back and its connection closed, and the node keeps its own', async () => {
    const blade = node(['10.0.0.254', '10.0.0.2']);
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual(['ip addr del 10.0.0.254/24 dev eth0', 'ss -K src 10.0.0.254']);
    expect(blade.readText('/proc/sys/net/ipv4/conf/eth0/promote_secondaries')).toBe('1');
  });

  test.each([
    ['the boot address is the node\'s own', node(['10.0.0.254'], '10.0.0.254')],
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

  test('it is kept, and that is told, when nobody could move the session', async () => {
    const blade = node(['10.0.0.254', '10.0.0.2']);
    blade.override = ([program]) => (program === 'busybox' ? { code: 1, said: '' } : undefined);
    await releaseBorrowedAddress(blade, RECORD);
    expect(changes(blade)).toEqual([]);
    expect(blade.console.join()).toContain('10.0.0.254 is kept');
  });
});
