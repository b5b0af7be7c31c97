import { describe, expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { type FirmwareLogin, removeFirmwareTable, writeFirmwareTable } from './boot-firmware-table.ts';

const LOGIN: FirmwareLogin = {
  initiator: 'iqn.2026-11.metamaster:blade', target: 'iqn.2026-01.example:san', mac: '52:54:00:00:00:02', address: '10.0.0.2',
  portals: [{ address: '10.0.0.252', port: 3260 }, { address: '10.1.0.252', port: 3261 }],
  chap: { user: 'rack', password: 'topsecret-topsecret', mutual: { user: 'san', password: 'another-topsecret' } },
};
const IBFT = '/sys/firmware/ibft/';

/** What the model's kernel has of the table. */
const tableOf = (blade: ModelBlade): Record<string, string> => Object.fromEntries([...blade.files].filter(([path]) => path.startsWith(IBFT)).map(([path, text]) => [path.slice(IBFT.length), text]));

describe('the table', () => {
  test('golden: what iscsistart -b reads, a target for each portal', () => {
    const blade = new ModelBlade(new ModelSan());
    writeFirmwareTable(blade, LOGIN);
    const target = (index: string, address: string, port: string) => Object.fromEntries(Object.entries({
      index, flags: '3', 'nic-assoc': '0', 'target-name': LOGIN.target, 'ip-addr': address, port, lun: '0',
      'chap-name': 'rack', 'chap-secret': 'topsecret-topsecret', 'rev-chap-name': 'san', 'rev-chap-name-secret': 'another-topsecret',
    }).map(([key, text]) => [`target${index}/${key}`, text]));
    expect(tableOf(blade)).toEqual({
      'initiator/initiator-name': LOGIN.initiator, 'ethernet0/index': '0', 'ethernet0/flags': '3', 'ethernet0/mac': LOGIN.mac, 'ethernet0/ip-addr': '10.0.0.2',
      ...target('0', '10.0.0.252', '3260'), ...target('1', '10.1.0.252', '3261'),
    });
  });

  test('lies in memory, in a folder and in files of root alone, and no secret is an argument', () => {
    const blade = new ModelBlade(new ModelSan());
    writeFirmwareTable(blade, LOGIN);
    expect(blade.argvs).toEqual([['mount', '-t', 'tmpfs', '-o', 'mode=0700,nosuid,nodev,noexec,size=256k', 'tmpfs', '/sys/firmware']]);
    for (const path of Object.keys(tableOf(blade))) expect(blade.modes.get(`${IBFT}${path}`), path).toBe(0o600);
  });

  test('one-way CHAP has nothing of the other way, and none at all has neither', () => {
    const blade = new ModelBlade(new ModelSan());
    writeFirmwareTable(blade, { ...LOGIN, chap: { user: 'rack', password: 'topsecret-topsecret' } });
    expect(Object.keys(tableOf(blade)).filter((path) => path.includes('chap'))).toEqual(['target0/chap-name', 'target0/chap-secret', 'target1/chap-name', 'target1/chap-secret']);
    writeFirmwareTable(blade, { ...LOGIN, chap: undefined });
    expect(Object.keys(tableOf(blade)).filter((path) => path.includes('chap'))).toEqual([]);
  });

  test('the longest secret has no line feed behind it, which would be a byte too many', () => {
    const blade = new ModelBlade(new ModelSan());
    writeFirmwareTable(blade, { ...LOGIN, chap: { user: 'rack', password: 'x'.repeat(255) } });
    expect(tableOf(blade)['target0/chap-secret']).toHaveLength(255);
  });
});

describe('it goes', () => {
  test('with all that was in it, and what is not there need not go', () => {
    const blade = new ModelBlade(new ModelSan());
    writeFirmwareTable(blade, LOGIN);
    removeFirmwareTable(blade);
    expect(tableOf(blade)).toEqual({});
    const before = blade.argvs.length;
    removeFirmwareTable(blade);
    expect(blade.argvs.length).toBe(before);
  });

  test('one that a broken-off try left goes first', () => {
    const blade = new ModelBlade(new ModelSan());
    writeFirmwareTable(blade, LOGIN);
    writeFirmwareTable(blade, { ...LOGIN, portals: LOGIN.portals.slice(0, 1) });
    expect(Object.keys(tableOf(blade)).some((path) => path.startsWith('target1'))).toBe(false);
  });

  test('by its name at least when somebody is still in it; one that stays is told', () => {
    const blade = new ModelBlade(new ModelSan());
    writeFirmwareTable(blade, LOGIN);
    blade.override = (argv) => (argv[0] === 'umount' && argv[1] !== '-l' ? { code: 1, said: 'umount: Device or resource busy' } : undefined);
    removeFirmwareTable(blade);
    expect(tableOf(blade)).toEqual({});
    writeFirmwareTable(blade, LOGIN);
    blade.override = (argv) => (argv[0] === 'umount' ? { code: 1, said: 'umount: Device or resource busy' } : undefined);
    expect(() => removeFirmwareTable(blade)).toThrow(/MM-BOOT-FIRMWARE: umount -l \/sys\/firmware: exit code 1: umount: Device or resource busy/);
  });

  test('a login without a portal is a fault of ours', () => {
    expect(() => writeFirmwareTable(new ModelBlade(new ModelSan()), { ...LOGIN, portals: [] })).toThrow('MM-BOOT-FAULT');
  });
});
