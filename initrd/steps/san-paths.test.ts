import { expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { commandLineOf, ModelBlade } from '../model-blade.test-kit.ts';
import { bootRegistry, ModelSan } from '../model-san.test-kit.ts';

const SECOND = { address: '10.0.0.251' as Ipv4, port: 3260 };

/** A SAN of two portals, as the registry says. */
function twoPortals(): ModelSan {
  const registry = bootRegistry();
  return new ModelSan(undefined, { ...registry, roster: { ...registry.roster, san: { ...registry.roster.san, portals: [SECOND] } } });
}

const multipath = (blade: ModelBlade): string | undefined => blade.mapped.get('debian-san')?.table;

test('with one portal there is no device between volumes and disk', async () => {
  const blade = new ModelBlade(new ModelSan());
  expect(await blade.boot()).toBe('handover');
  expect(multipath(blade)).toBeUndefined();
  expect(blade.state!.disk).toBe('/dev/sda');
});

test('two portals are one device, in the order of the portals, and every volume lies on it', async () => {
  const blade = new ModelBlade(twoPortals());
  expect(await blade.boot()).toBe('handover');
  expect(multipath(blade)).toBe(`0 ${blade.san.diskBytes / 512} multipath 1 queue_if_no_path 0 2 1 service-time 0 1 1 8:0 1 service-time 0 1 1 8:16 1`);
  expect(blade.state).toMatchObject({ disk: '/dev/mapper/debian-san', multipath: 'debian-san' });
  for (const [name, { table }] of blade.mapped) if (name !== 'debian-san' && table.includes(' linear ')) expect(table, name).toMatch(/ linear \/dev\/mapper\/debian-san /);
  // Each path is given up within seconds: the patience is the device's.
  for (const session of ['session1', 'session2']) expect(blade.readText(`/sys/class/iscsi_session/${session}/recovery_tmo`)).toBe('5');
  for (const disk of ['sda', 'sdb']) expect(blade.readText(`/sys/block/${disk}/device/timeout`)).toBe('30');
  expect(blade.argvs.find(([program]) => program === 'unshare')?.at(-1)).toBe('debian-san');
});

test('a portal that only the command line names is a path as well', async () => {
  const san = new ModelSan();
  san.unlistedPortals.push(SECOND);
  const blade = new ModelBlade(san, { commandLine: `${commandLineOf(2)} mm.portals=10.0.0.251` });
  expect(await blade.boot()).toBe('handover');
  expect(multipath(blade)).toContain(' 8:0 1 service-time 0 1 1 8:16 1');
});

test('a portal that is dead at the boot is told of, once, and the blade boots by the other', async () => {
  const san = twoPortals();
  san.deadPortals.add('10.0.0.252');
  const blade = new ModelBlade(san, { commandLine: `${commandLineOf(2)} mm.portals=10.0.0.251` });
  expect(await blade.boot()).toBe('handover');
  expect(multipath(blade)).toMatch(/ 0 1 1 service-time 0 1 1 8:16 1$/);
  expect(blade.console.filter((line) => line.includes('MM-BOOT-PATH'))).toHaveLength(1);
});

test('a disk of another identity at the second portal is no path to ours', async () => {
  const san = twoPortals();
  const blade = new ModelBlade(san);
  blade.override = (argv) => {
    san.wwid = argv.includes('10.0.0.251') ? 't10.OTHER\n' : 't10.OURS\n';
    return undefined;
  };
  expect(await blade.boot()).toBe('handover');
  expect(multipath(blade)).toMatch(/ 0 1 1 service-time 0 1 1 8:0 1$/);
});

test('disks that do not say which they are cannot be joined, and nothing is mapped', async () => {
  const san = twoPortals();
  san.wwid = '';
  const blade = new ModelBlade(san);
  expect(await blade.boot()).toBe('stuck');
  expect(blade.mapped.size).toBe(0);
  expect(blade.console.join('\n')).toMatch(/step paths FAILED[\s\S]*MM-BOOT-PATHS: the disk sda does not say which one it is/);
});
