import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Ran } from '../boot-host.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { bootRegistry, ModelSan } from '../model-san.test-kit.ts';
import type { BootRecord } from './handover.ts';
import { MissingPaths } from './missing-paths.ts';
import { ModelIscsid } from './model-iscsid.test-kit.ts';

const FIRST = '10.0.0.252';
const SECOND = '10.0.0.251';
const THIRD = '10.0.0.250';
/** The agent's rounds. */
const ROUND_MS = 5_000;
const MINUTE_ROUNDS = 12;

interface Node {
  readonly blade: ModelBlade;
  readonly iscsid: ModelIscsid;
  /** So many rounds of the agent. */
  rounds(count: number): Promise<void>;
  /** Paths of the live table, in its order. */
  paths(): string[];
  /** Lines of the agent since the boot. */
  said(): string[];
  ran(...words: string[]): string[];
}

/** A node that booted while these portals of its SAN were dead. */
async function booted(dead: readonly string[], further: readonly string[] = [SECOND]): Promise<Node> {
  const registry = bootRegistry();
  const portals = further.map((address) => ({ address: address as Ipv4, port: 3260 }));
  const san = new ModelSan(undefined, { ...registry, roster: { ...registry.roster, san: { ...registry.roster.san, portals } } });
  for (const address of dead) san.deadPortals.add(address);
  // With its first portal dead a blade has to be told of another one.
  const blade = new ModelBlade(san, { commandLine: `storage_ip=${FIRST} sif=eth0 sifip=10.0.0.2 sifnm=255.255.255.0 ivid=${registry.roster.san.target} root=/dev/evms/defaultdebian mm.boot=net mm.portals=${SECOND}` });
  expect(await blade.boot()).toBe('handover');
  const iscsid = new ModelIscsid(blade);
  blade.override = (argv) => iscsid.answer(argv);
  const watch = new MissingPaths(blade, JSON.parse(blade.files.get('/run/metamaster/boot.json')!) as BootRecord);
  const before = blade.argvs.length;
  return {
    blade, iscsid,
    async rounds(count) {
      for (let i = 0; i < count; i++) {
        watch.look();
        await blade.sleep(ROUND_MS);
      }
    },
    paths: () => [...blade.mapped.get('debian-san')!.table.matchAll(/ (\d+:\d+)(?= )/g)].map(([, path]) => path!),
    said: () => blade.console.filter((line) => line.startsWith('storage-agent: ')),
    ran: (...words) => blade.argvs.slice(before).map((argv) => argv.join(' ')).filter((line) => words.every((word) => line.includes(word))),
  };
}

describe('a portal that was dead at the boot', () => {
  test('is taken into use when it answers: a session, its times, and a place in the table', async () => {
    const node = await booted([SECOND]);
    expect(node.paths()).toEqual(['8:0']);
    node.blade.san.deadPortals.clear();
    await node.rounds(2 * MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16']);
    expect(node.blade.mapped.get('debian-san')!.table).toBe(`0 ${node.blade.san.diskBytes / 512} multipath 1 queue_if_no_path 0 2 1 service-time 0 1 1 8:0 1 service-time 0 1 1 8:16 1`);
    expect([node.blade.readText('/sys/class/iscsi_session/session2/recovery_tmo'), node.blade.readText('/sys/block/sdb/device/timeout')]).toEqual(['5', '30']);
    expect(node.said()).toEqual([`storage-agent: the portal ${SECOND}:3260 is a path to the SAN now: sdb`]);
    const record = node.blade.files.get(`/var/lib/iscsi/nodes/iqn.2026-01.example:san/${SECOND},3260`)!;
    for (const line of ['iface.iscsi_ifacename = default', 'node.session.timeo.replacement_timeout = 5', 'node.conn[0].timeo.noop_out_interval = 2', 'node.conn[0].timeo.noop_out_timeout = 2', 'node.session.initial_login_retry_max = 1']) expect(record).toContain(`${line}\n`);
  });

  test('the first one comes first in the table again', async () => {
    const node = await booted([FIRST]);
    expect(node.paths()).toEqual(['8:16']);
    node.blade.san.deadPortals.clear();
    await node.rounds(2 * MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16']);
  });

  test('nothing is flushed and nobody waited for while the table changes: the root lies on it', async () => {
    const node = await booted([SECOND]);
    node.blade.san.deadPortals.clear();
    await node.rounds(2 * MINUTE_ROUNDS);
    const changes = node.ran('dmsetup').filter((line) => !line.startsWith('dmsetup table'));
    expect(changes).toEqual([expect.stringMatching(/^dmsetup load debian-san --table 0 /), 'dmsetup resume --noflush --nolockfs --noudevsync debian-san']);
  });

  test('is tried once a minute, not in the first, and told of once', async () => {
    const node = await booted([SECOND]);
    await node.rounds(MINUTE_ROUNDS - 1);
    expect(node.ran('--login')).toEqual([]);
    await node.rounds(5 * MINUTE_ROUNDS);
    expect(node.ran('--login')).toHaveLength(5);
    expect(node.said()).toEqual([expect.stringMatching(/^storage-agent: MM-AGENT-PATH: iscsiadm .*-p 10\.0\.0\.251:3260 .*--login: exit code 8: .*timed out\); the portal 10\.0\.0\.251:3260 is tried again every minute$/)]);
  });

  test('another reason is another line', async () => {
    const node = await booted([SECOND]);
    await node.rounds(2 * MINUTE_ROUNDS);
    node.blade.san.chap = { user: 'rack', password: 'topsecret-topsecret' };
    node.blade.san.deadPortals.clear();
    await node.rounds(2 * MINUTE_ROUNDS);
    expect(node.said().map((line) => /exit code \d+/.exec(line)?.[0])).toEqual(['exit code 8', 'exit code 24']);
  });

  test('two of them are one login in a round each: the owner records are renewed in between', async () => {
    const node = await booted([SECOND, THIRD], [SECOND, THIRD]);
    await node.rounds(MINUTE_ROUNDS);
    for (let round = 0; round < MINUTE_ROUNDS; round++) {
      const before = node.ran('--login').length;
      await node.rounds(1);
      expect(node.ran('--login').length - before).toBeLessThanOrEqual(1);
    }
    expect(node.ran('--login')).toHaveLength(2);
    node.blade.san.deadPortals.clear();
    await node.rounds(2 * MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16', '8:32']);
  });

  test('with CHAP its record holds the login, for root alone, and no argument does', async () => {
    const node = await booted([SECOND]);
    node.blade.san.chap = { user: 'rack', password: 'topsecret-topsecret' };
    node.blade.files.set('/etc/metamaster/san-login.json', JSON.stringify(node.blade.san.chap));
    node.blade.san.deadPortals.clear();
    await node.rounds(2 * MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16']);
    expect(node.blade.modes.get(`/var/lib/iscsi/nodes/iqn.2026-01.example:san/${SECOND},3260`)).toBe(0o600);
    expect(JSON.stringify([node.blade.argvs, node.blade.console])).not.toContain('topsecret');
  });
});

describe('what is no path', () => {
  test('another disk at that portal', async () => {
    const node = await booted([SECOND]);
    node.blade.san.deadPortals.clear();
    node.blade.san.wwid = 't10.OTHER\n';
    await node.rounds(3 * MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0']);
    expect(node.said()).toEqual([expect.stringContaining(`MM-AGENT-PATH: the portal ${SECOND}:3260 shows another disk than the others: sdb t10.OTHER; `)]);
  });

  test('a session without a disk; a disk that comes late is waited for', async () => {
    const node = await booted([SECOND]);
    node.blade.san.deadPortals.clear();
    node.iscsid.scans = false;
    await node.rounds(MINUTE_ROUNDS + 3);
    expect(node.said()).toEqual([]);
    await node.rounds(MINUTE_ROUNDS);
    expect(node.said()).toEqual([expect.stringContaining(`MM-AGENT-PATH: the portal ${SECOND}:3260 shows no disk; `)]);
    node.blade.showSession(1, SECOND, '3260');
    await node.rounds(MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16']);
  });

  test('a session that was lost before its disk had a place', async () => {
    const node = await booted([SECOND]);
    node.blade.showSession(1, SECOND, '3260');
    node.blade.files.set('/sys/class/iscsi_session/session2/state', 'FAILED\n');
    await node.rounds(2 * MINUTE_ROUNDS);
    expect([node.paths(), node.said(), node.ran('--login')]).toEqual([['8:0'], [], []]);
    node.blade.files.set('/sys/class/iscsi_session/session2/state', 'LOGGED_IN\n');
    await node.rounds(MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16']);
  });

  test('the control session, which leads to the same portal', async () => {
    const node = await booted([SECOND]);
    node.blade.showSession(1, SECOND, '3260');
    node.blade.files.set('/sys/class/iscsi_session/session2/initiatorname', 'iqn.2026-11.metamaster:x.control\n');
    await node.rounds(2 * MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0']);
    expect(node.ran('--login')).toHaveLength(1);
  });
});

describe('device-mapper', () => {
  const refusing = (node: Node, verb: string, answer: () => Ran | undefined): void => {
    node.blade.override = (argv) => (argv[0] === 'dmsetup' && argv[1] === verb ? answer() : node.iscsid.answer(argv));
  };

  test('a table that is refused changes nothing, is told of once, and tried again', async () => {
    const node = await booted([SECOND]);
    node.blade.san.deadPortals.clear();
    let refuses = true;
    refusing(node, 'load', () => (refuses ? { code: 1, said: 'device-mapper: reload ioctl on debian-san failed: Invalid argument\n' } : undefined));
    await node.rounds(3 * MINUTE_ROUNDS);
    expect([node.paths(), node.ran('resume')]).toEqual([['8:0'], []]);
    expect(node.said()).toEqual([expect.stringMatching(/MM-AGENT-PATH: dmsetup load .*Invalid argument; /)]);
    refuses = false;
    await node.rounds(MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16']);
  });

  test('a resume that fails leaves the device suspended: it is resumed at once, with the old table', async () => {
    const node = await booted([SECOND]);
    node.blade.san.deadPortals.clear();
    let tries = 0;
    refusing(node, 'resume', () => {
      tries++;
      if (tries > 1) return undefined;
      node.blade.inactive.delete('debian-san');
      return { code: 1, said: 'device-mapper: resume ioctl on debian-san failed: Invalid argument\n' };
    });
    await node.rounds(MINUTE_ROUNDS + 4);
    expect([tries, node.paths()]).toEqual([2, ['8:0']]);
    await node.rounds(MINUTE_ROUNDS);
    expect([tries, node.paths()]).toEqual([3, ['8:0', '8:16']]);
  });

  test('a path that was put in by somebody else stays, unless its disk is gone', async () => {
    const node = await booted([SECOND]);
    const { table } = node.blade.mapped.get('debian-san')!;
    const withMore = table.replace(' 0 1 1 service-time 0 1 1 8:0 1', ' 0 3 1 service-time 0 1 1 8:0 1 service-time 0 1 1 8:96 1 service-time 0 1 1 8:112 1');
    node.blade.mapped.set('debian-san', { table: withMore, readOnly: false });
    node.blade.files.set('/sys/dev/block/8:96/dev', '8:96\n');
    node.blade.san.deadPortals.clear();
    await node.rounds(2 * MINUTE_ROUNDS);
    expect(node.paths()).toEqual(['8:0', '8:16', '8:96']);
  });

  test('a device that is something else, or whose disks do not say which they are, stays as it is', async () => {
    const other = await booted([SECOND]);
    other.blade.san.deadPortals.clear();
    refusing(other, 'table', () => ({ code: 0, said: '0 100 linear 8:0 0\n' }));
    await other.rounds(3 * MINUTE_ROUNDS);
    expect(other.said()).toEqual([FIRST, SECOND].map((address) => `storage-agent: MM-AGENT-PATH: debian-san is no multipath device: 0 100 linear 8:0 0; the portal ${address}:3260 is tried again every minute`));
    const nameless = await booted([SECOND]);
    nameless.blade.san.deadPortals.clear();
    nameless.blade.files.set('/sys/block/sda/device/wwid', '');
    await nameless.rounds(3 * MINUTE_ROUNDS);
    expect(nameless.said()).toEqual([expect.stringContaining('MM-AGENT-PATH: none of the paths of debian-san says which disk it is (8:0); ')]);
    expect([other, nameless].flatMap((node) => node.ran('dmsetup load'))).toEqual([]);
  });
});

test('with all paths there nothing is opened and nothing changed', async () => {
  const node = await booted([]);
  await node.rounds(3 * MINUTE_ROUNDS);
  expect([node.ran('iscsiadm'), node.ran('dmsetup load'), node.said()]).toEqual([[], [], []]);
});

test('with one portal nothing is even looked at', async () => {
  const blade = new ModelBlade(new ModelSan());
  const watch = new MissingPaths(blade, { target: 't', portals: [`${FIRST}:3260`], disk: '/dev/sda' });
  for (let round = 0; round < 3 * MINUTE_ROUNDS; round++) {
    watch.look();
    await blade.sleep(ROUND_MS);
  }
  expect(blade.argvs).toEqual([]);
});
