import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { StepError } from '../boot-host.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { diskBytes, disksOfSession, logIn, PATIENT_COMMAND_SECONDS, PATIENT_RECOVERY_SECONDS, sessionsOf } from './san-login.ts';

const PORTAL = { address: '10.0.0.252' as Ipv4, port: 3260 };
const STEP = { portals: [PORTAL], target: 'iqn.2026-01.example:san' };

function blade(): ModelBlade {
  const one = new ModelBlade(new ModelSan());
  one.state = { parameters: {} as never, bootNonce: '', stages: [], warnings: [], initiator: 'iqn.2026-11.metamaster:blade' };
  return one;
}

describe('login', () => {
  test('opens a session as the hardware and makes session and disk patient', async () => {
    const one = blade();
    await logIn(one, one.state!, STEP);
    expect(one.argvs).toEqual([[
      'iscsistart', '-i', 'iqn.2026-11.metamaster:blade', '-t', STEP.target, '-g', '1', '-a', '10.0.0.252', '-p', '3260', '--param', `node.session.timeo.replacement_timeout=${PATIENT_RECOVERY_SECONDS}`,
      '--param', 'node.conn[0].timeo.login_timeout=10', '--param', 'node.session.initial_login_retry_max=1',
    ]]);
    expect(sessionsOf(one, STEP.target)).toEqual(['session1']);
    expect(disksOfSession(one, 'session1')).toEqual(['sda']);
    expect(one.readText('/sys/class/iscsi_session/session1/recovery_tmo')).toBe(String(PATIENT_RECOVERY_SECONDS));
    expect(one.readText('/sys/block/sda/device/timeout')).toBe(String(PATIENT_COMMAND_SECONDS));
    expect(diskBytes(one, 'sda')).toBe(one.san.diskBytes);
    expect(diskBytes(one, 'sdq')).toBe(0);
  });

  test('a session that is open is used, not opened twice', async () => {
    const one = blade();
    await logIn(one, one.state!, STEP);
    await logIn(one, one.state!, STEP);
    expect(one.argvs).toHaveLength(1);
    expect(sessionsOf(one, 'iqn.2026-01.example:another')).toEqual([]);
  });

  test.each([
    ['connect to 10.0.0.252:3260 failed (No route to host)', 'MM-BOOT-LOGIN-UNREACHED', /storage_ip=, sifip= and sifnm=/],
    ['connect to 10.0.0.252:3260 failed (Network is unreachable)', 'MM-BOOT-LOGIN-UNREACHED', /storage_ip=, sifip= and sifnm=/],
    ['connect to 10.0.0.252:3260 failed (Connection refused)', 'MM-BOOT-LOGIN-PORT', /storage_port=/],
    ['Connection timed out', 'MM-BOOT-LOGIN-UNREACHED', /the cable to the SAN/],
    ['conn 0 login rejected: Initiator failed authentication with target', 'MM-BOOT-LOGIN-CHAP', /wants CHAP, and no login came with this boot/],
    ['conn 0 login rejected: initiator failed authorization with target', 'MM-BOOT-LOGIN-DENIED', /check its access list/],
    ['conn 0 login rejected: initiator error - target not found (02/03)', 'MM-BOOT-LOGIN-TARGET', /ivid=/],
    ['connection-1:0 cannot make a connection to 10.0.1.252:3260 (-1,101)', 'MM-BOOT-LOGIN-UNREACHED', /sifnm=/],
    ['something nobody foresaw', 'MM-BOOT-LOGIN', /Check that the SAN is on/],
  ])('%s leads to the likeliest cause', async (said, code, remedy) => {
    const one = blade();
    one.override = () => ({ code: 8, said: `iscsistart: version 2.1.11\n${said}\n` });
    const error = await logIn(one, one.state!, STEP).catch((caught: unknown) => caught as StepError);
    expect(error).toBeInstanceOf(StepError);
    expect((error as StepError).message).toBe(`${code}: iSCSI login to ${STEP.target} at ${PORTAL.address}, port ${PORTAL.port}, failed (code 8): ${said}`);
    expect((error as StepError).remedy).toMatch(remedy);
  });

  test('of two portals one that is dead is told of, and the boot goes on; with both dead it does not', async () => {
    const one = blade();
    const second = { address: '10.0.0.251' as Ipv4, port: 3260 };
    one.san.unlistedPortals.push(second);
    one.san.deadPortals.add(PORTAL.address);
    await logIn(one, one.state!, { ...STEP, portals: [PORTAL, second] });
    expect(sessionsOf(one, STEP.target)).toEqual(['session2']);
    expect(one.state!.warnings).toEqual([expect.stringMatching(/^MM-BOOT-PATH: a path to the SAN is missing: MM-BOOT-LOGIN-UNREACHED: .*10\.0\.0\.252/)]);
    const other = blade();
    other.san.reachable = false;
    await expect(logIn(other, other.state!, { ...STEP, portals: [PORTAL, second] })).rejects.toThrow(/at 10\.0\.0\.252, port 3260, failed/);
    expect(other.state!.warnings).toEqual([]);
  });

  test('a refused connection is no time-out, although iscsistart ends with one; what it repeats is told once, and names are no cause', async () => {
    const one = blade();
    const target = 'iqn.2026-01.example:san.0201';
    const shutdown = `iscsistart: Connection-1:0 to [target: ${target}, portal: 10.0.0.252,3260] through [iface: default] is shutdown.`;
    const refused = 'iscsistart: connect to 10.0.0.252:3260 failed (Connection refused)';
    const timedOut = 'iscsistart: initiator reported error (8 - connection timed out)';
    one.override = () => ({ code: 255, said: ['iscsistart: version 2.1.11', refused, refused, refused, refused, shutdown, timedOut, `iscsistart: Logging into ${target} 10.0.0.252:3260,1`].join('\n') });
    await expect(logIn(one, one.state!, { ...STEP, target })).rejects.toThrow(`MM-BOOT-LOGIN-PORT: iSCSI login to ${target} at 10.0.0.252, port 3260, failed (code 255): ${refused} | ${shutdown} | ${timedOut}`);
    one.override = () => ({ code: 255, said: [shutdown, timedOut].join('\n') });
    await expect(logIn(one, one.state!, { ...STEP, target })).rejects.toThrow('MM-BOOT-LOGIN-UNREACHED');
  });

  describe('with CHAP', () => {
    const LOGIN = { user: 'rack', password: 'topsecret-topsecret', mutual: { user: 'san', password: 'another-topsecret' } };
    const [READ, MOUNT, UMOUNT] = [['rm', '-f', '/san-login.json'], 'mount', ['umount', '/sys/firmware']] as const;
    function wanting(): ModelBlade {
      const one = blade();
      one.san.chap = LOGIN;
      one.state!.mac = '52:54:00:00:00:02' as Mac;
      return one;
    }

    test('iscsistart has the login from a table, which is gone after it; nothing of it is an argument, said or left', async () => {
      const one = wanting();
      one.files.set('/san-login.json', JSON.stringify(LOGIN));
      await logIn(one, one.state!, STEP);
      expect(one.argvs.map((argv) => (argv[0] === MOUNT ? [MOUNT] : [...argv]))).toEqual([
        READ, [MOUNT], ['iscsistart', '-b', '--param', `node.session.timeo.replacement_timeout=${PATIENT_RECOVERY_SECONDS}`, '--param', 'node.conn[0].timeo.login_timeout=10',
          '--param', 'node.session.initial_login_retry_max=1', '--param', 'node.session.auth.authmethod=CHAP'], UMOUNT,
      ]);
      expect(JSON.stringify([one.argvs, one.console, [...one.files]])).not.toContain('topsecret');
      expect(sessionsOf(one, STEP.target)).toEqual(['session1']);
    });

    test('the table goes also when the login fails, when it cannot be written, and the login is kept for the next try', async () => {
      const one = wanting();
      one.files.set('/san-login.json', JSON.stringify({ ...LOGIN, password: 'wrong-topsecret' }));
      await expect(logIn(one, one.state!, STEP)).rejects.toThrow('MM-BOOT-LOGIN-CHAP');
      expect(one.argvs.at(-1)).toEqual(UMOUNT);
      one.writeText = () => {
        throw new Error('No space left on device');
      };
      await expect(logIn(one, one.state!, STEP)).rejects.toThrow('No space left');
      expect(one.argvs.at(-1)).toEqual(UMOUNT);
      expect(one.state!.sanLogin?.password).toBe('wrong-topsecret');
    });

    test('a wrong login is to be compared, a missing one to be had', async () => {
      const one = wanting();
      const remedy = async () => ((await logIn(one, one.state!, STEP).catch((caught: unknown) => caught)) as StepError).remedy;
      expect(await remedy()).toMatch(/no login came with this boot: nodes hand it out by HTTP alone/);
      one.state = { ...one.state!, parameters: { boot: 'dvd' } as never };
      expect(await remedy()).toMatch(/type it when asked, or put in a stick labelled MM-SECRET/);
      one.state!.sanLogin = { user: 'rack', password: 'wrong-topsecret' };
      expect(await remedy()).toMatch(/Compare names and secrets/);
    });
  });

  test('a target without a LUN is waited for, then told', async () => {
    const one = blade();
    one.override = () => {
      one.files.set('/sys/class/iscsi_session/session1/targetname', `${STEP.target}\n`);
      one.files.set('/sys/class/iscsi_connection/connection1:0/persistent_address', '10.0.0.252\n');
      one.files.set('/sys/class/iscsi_connection/connection1:0/persistent_port', '3260\n');
      return { code: 0, said: '' };
    };
    await expect(logIn(one, one.state!, STEP)).rejects.toThrow('shows no disk');
    expect(one.uptimeSeconds()).toBeGreaterThanOrEqual(11);
  });
});
