import { describe, expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { controlConnection, controlInitiator, openControlSession, SAN_FILE, tellDisk, waitForTakeOver } from './control-session.ts';
import type { BootRecord } from './handover.ts';

const TARGET = 'iqn.2026-01.example:san';
const RECORD = { target: TARGET, portals: ['10.0.0.252:3260'], hardwareId: '4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02' } as unknown as BootRecord;
const SESSIONS = '/sys/class/iscsi_session';

function withSession(blade: ModelBlade, name: string, initiator: string, disk: string): void {
  blade.files.set(`${SESSIONS}/${name}/targetname`, `${TARGET}\n`);
  blade.files.set(`${SESSIONS}/${name}/initiatorname`, `${initiator}\n`);
  blade.files.set(`${SESSIONS}/${name}/state`, 'LOGGED_IN\n');
  blade.files.set(`${SESSIONS}/${name}/device/target3:0:0/3:0:0:1/block/${disk}/dev`, '8:16\n');
  blade.files.set(`/sys/block/${disk}/device/timeout`, '30\n');
}

/** A booted node: the patient session is open, iscsid runs. */
function node(): ModelBlade {
  const blade = new ModelBlade(new ModelSan());
  withSession(blade, 'session1', 'iqn.2026-11.metamaster:4c4c4544-0000-0000-0000-000000000002.525400000002', 'sda');
  blade.override = (argv) => {
    if (argv[0] !== 'iscsiadm') return undefined;
    if (argv.includes('new')) return { code: 15, said: 'exists' };
    if (argv.includes('--login')) withSession(blade, 'session2', controlInitiator(RECORD.hardwareId!), 'sdb');
    return { code: 0, said: '' };
  };
  return blade;
}

test('the control session has an initiator name of its own and gives a disk of its own, an impatient one', async () => {
  const blade = node();
  expect(await openControlSession(blade, RECORD)).toBe('sdb');
  expect(blade.readText('/sys/block/sdb/device/timeout')).toBe('10');
  expect(blade.readText('/sys/block/sda/device/timeout')).toBe('30\n');
  const said = blade.argvs.map((argv) => argv.join(' '));
  expect(said).toContain('iscsiadm -m iface -I control --op update -n iface.initiatorname -v iqn.2026-11.metamaster:4c4c4544-0000-0000-0000-000000000002.525400000002.control');
  expect(said).toContain(`iscsiadm -m node -T ${TARGET} -p 10.0.0.252:3260 -I control --op update -n node.session.timeo.replacement_timeout -v 5`);
  expect(said.at(-1)).toBe(`iscsiadm -m node -T ${TARGET} -p 10.0.0.252:3260 -I control --login`);
});

test('which disk it is, is told in one piece to who asks in the root', () => {
  const blade = node();
  tellDisk(blade, 'sdb');
  tellDisk(blade, 'sdc');
  expect([SAN_FILE, JSON.parse(blade.files.get(SAN_FILE)!), blade.modes.get(SAN_FILE) ?? 0o644, blade.files.has(`${SAN_FILE}.new`)]).toEqual(['/run/metamaster/san.json', { disk: '/dev/sdc' }, 0o644, false]);
});

test('one that is open is used', async () => {
  const blade = node();
  withSession(blade, 'session5', 'iqn.2026-11.metamaster:x.control', 'sdc');
  expect(await openControlSession(blade, RECORD)).toBe('sdc');
  expect(blade.argvs).toEqual([]);
});

test('one that was lost is passed over: the next portal is asked', async () => {
  const blade = node();
  withSession(blade, 'session2', 'iqn.2026-11.metamaster:x.control', 'sdb');
  blade.files.set(`${SESSIONS}/session2/state`, 'FAILED\n');
  blade.override = (argv) => {
    if (argv.includes('10.0.0.252:3260') && argv.includes('--login')) return { code: 8, said: 'connection timed out' };
    if (argv.includes('--login')) withSession(blade, 'session3', controlInitiator(RECORD.hardwareId!), 'sdc');
    return { code: 0, said: '' };
  };
  expect(await openControlSession(blade, { ...RECORD, portals: ['10.0.0.252:3260', '10.0.0.251:3260'] })).toBe('sdc');
  expect(blade.argvs.map((argv) => argv.join(' ')).filter((line) => line.endsWith('--login'))).toHaveLength(2);
});

test('with no portal that lets us in the last failure is told', async () => {
  const blade = node();
  blade.override = (argv) => ({ code: argv.includes('--login') ? 8 : 0, said: 'connection timed out' });
  await expect(openControlSession(blade, { ...RECORD, portals: ['10.0.0.252:3260', '10.0.0.251:3260'] })).rejects.toThrow(/MM-AGENT-SESSION: iscsiadm .*10\.0\.0\.251:3260.*timed out/);
});

test('its connection is told by the local port, which is another after each login', async () => {
  const blade = node();
  expect(controlConnection(blade, TARGET)).toBeUndefined();
  await openControlSession(blade, RECORD);
  expect(controlConnection(blade, TARGET)).toBeUndefined();
  // While the connection is down the kernel shows an empty text.
  const port = '/sys/class/iscsi_connection/connection2:0/local_port';
  const seen = ['41000\n', '', '41017\n'].map((text) => {
    blade.files.set(port, text);
    return controlConnection(blade, TARGET);
  });
  expect(seen).toEqual(['session2/41000', undefined, 'session2/41017']);
});

const state = (connection: string, internal: string) => `\t\tiSCSI Connection State: ${connection}\n\t\tiSCSI Session State: LOGGED_IN\n\t\tInternal iscsid Session State: ${internal}\n`;
const QUESTION = 'iscsiadm -m session -r 1 -P 1';

test('iscsid has the session in hand when it says that it is logged in and at rest; the control session is not asked for', async () => {
  const blade = node();
  withSession(blade, 'session2', controlInitiator(RECORD.hardwareId!), 'sdb');
  const answers = ['iscsiadm: can not connect to iSCSI daemon', state('Unknown', 'Unknown'), state('TRANSPORT WAIT', 'REOPEN'), state('LOGGED IN', 'REOPEN'), state('LOGGED IN', 'NO CHANGE')];
  blade.override = () => ({ code: 0, said: answers[blade.argvs.length - 1] ?? '' });
  await waitForTakeOver(blade, TARGET);
  expect(blade.argvs.map((argv) => argv.join(' '))).toEqual(answers.map(() => QUESTION));
});

test('an iscsid that never takes the session over is told', async () => {
  const blade = node();
  blade.override = () => ({ code: 0, said: state('Unknown', 'Unknown') });
  await expect(waitForTakeOver(blade, TARGET)).rejects.toThrow(/iscsid has not taken the session over: iSCSI Connection State: Unknown/);
});

test('a login that is refused is told', async () => {
  const blade = node();
  blade.override = (argv) => (argv.includes('--login') ? { code: 24, said: 'authorization failure' } : { code: 0, said: '' });
  await expect(openControlSession(blade, RECORD)).rejects.toThrow('exit code 24: authorization failure');
});

test('a session without a disk is an error after a while, never the patient session\'s disk', async () => {
  const blade = node();
  blade.override = (argv) => (argv[0] === 'iscsiadm' ? { code: 0, said: '' } : undefined);
  await expect(openControlSession(blade, RECORD)).rejects.toThrow('the control session shows no disk');
});

describe('CHAP', () => {
  const LOGIN = { user: 'rack', password: 'topsecret-topsecret', mutual: { user: 'san', password: 'another-topsecret' } };
  const FILE = `/var/lib/iscsi/nodes/${TARGET}/10.0.0.252,3260`;
  const PLAIN = '# BEGIN RECORD 2.1.11\nnode.session.auth.authmethod = None\n# END RECORD\n';
  function nodeWith(record: string | undefined, login: string): ModelBlade {
    const blade = node();
    if (record !== undefined) blade.files.set(FILE, record);
    blade.files.set('/etc/metamaster/san-login.json', login);
    return blade;
  }

  test('goes into open-iscsi\'s record, for root alone, before the login, and is no argument', async () => {
    const blade = nodeWith(PLAIN, JSON.stringify(LOGIN));
    const { override } = blade;
    let atLogin = '';
    blade.override = (argv) => {
      if (argv.includes('--login')) atLogin = blade.files.get(FILE)!;
      return override(argv);
    };
    expect(await openControlSession(blade, RECORD)).toBe('sdb');
    expect(atLogin).toBe('# BEGIN RECORD 2.1.11\n' + ['authmethod = CHAP', 'username = rack', 'password = topsecret-topsecret', 'username_in = san', 'password_in = another-topsecret'].map((line) => `node.session.auth.${line}\n`).join('') + '# END RECORD\n');
    expect(blade.modes.get(FILE)).toBe(0o600);
    expect(JSON.stringify([blade.argvs, blade.console])).not.toContain('topsecret');
  });

  test('that there is no more is taken out of it; a record that needs nothing is not written', async () => {
    const before = nodeWith(PLAIN, JSON.stringify(LOGIN));
    await openControlSession(before, RECORD);
    const after = nodeWith(before.files.get(FILE), '{}\n');
    await openControlSession(after, RECORD);
    expect(after.files.get(FILE)).toBe(PLAIN);
    const plain = nodeWith(PLAIN, '{}\n');
    await openControlSession(plain, RECORD);
    expect([plain.files.get(FILE), plain.modes.has(FILE)]).toEqual([PLAIN, false]);
  });

  test('without a record, or with a broken file, is no login without it', async () => {
    for (const [record, login, said] of [[undefined, JSON.stringify(LOGIN), 'keeps no record of'], [PLAIN, '{"user":"topsecret', 'MM-CHAP']] as const) {
      const blade = nodeWith(record, login);
      await expect(openControlSession(blade, RECORD)).rejects.toThrow(said);
      await expect(openControlSession(blade, RECORD)).rejects.not.toThrow('topsecret');
      expect(blade.argvs.some((argv) => argv.includes('--login'))).toBe(false);
    }
  });
});
