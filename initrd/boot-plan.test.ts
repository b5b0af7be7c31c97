import { describe, expect, test } from 'vitest';
import { bootPlan, formatPlan, LIVE_MODULES, RETRY, retryDelayMs, SAN_MODULES, VLAN_MODULE } from './boot-plan.ts';
import { parseCommandLine } from './command-line.ts';

const planOf = (commandLine: string) => bootPlan(parseCommandLine(commandLine).parameters);
const SAN_BOOT = 'storage_ip=10.0.0.252 sif=eth0 sifip=10.0.0.2 sifnm=255.255.255.0 sifm=tg3 ivid=iqn.2026-01.example:san root=/dev/evms/defaultfoo';

describe('the plan', () => {
  test('of a boot into the SAN claims before it maps, checks before it mounts, and ends with the handover', () => {
    const kinds = planOf(SAN_BOOT).map(({ kind }) => kind);
    expect(kinds).toEqual(['modules', 'interface', 'login', 'registry', 'paths', 'identity', 'claim', 'snapshot', 'check', 'mount', 'configure', 'swap', 'handover']);
  });

  test('carries what the command line says', () => {
    const plan = planOf(`${SAN_BOOT} mm.node=3`);
    expect(plan[0]).toMatchObject({ required: ['tg3', ...SAN_MODULES] });
    expect(plan[1]).toMatchObject({ candidates: ['eth0'], address: '10.0.0.2', netmask: '255.255.255.0' });
    expect(plan[2]).toEqual({ kind: 'login', portals: [{ address: '10.0.0.252', port: 3260 }], target: 'iqn.2026-01.example:san' });
    expect(plan[3]).toEqual({ kind: 'registry', container: 'foo' });
    expect(plan[5]).toEqual({ kind: 'identity', node: 3 });
  });

  test('makes a VLAN, with its module, only where the command line names one', () => {
    const tagged = planOf(`${SAN_BOOT} mm.vlan=5`);
    expect(tagged[0]).toMatchObject({ required: ['tg3', VLAN_MODULE, ...SAN_MODULES] });
    expect(tagged[1]).toMatchObject({ vlan: 5 });
    expect(formatPlan(tagged)).toContain('the first of eth0, VLAN 5 on it, with 10.0.0.2');
    const live = planOf('mm.live mm.vlan=4094');
    expect(live[0]).toMatchObject({ required: [...LIVE_MODULES, VLAN_MODULE] });
    expect(live[3]).toMatchObject({ kind: 'interface', vlan: 4094 });
    for (const plan of [planOf(SAN_BOOT), planOf('mm.live')]) expect(JSON.stringify(plan)).not.toContain(VLAN_MODULE);
  });

  test('asks the network whether an address is free only for one that came from a menu', () => {
    const probes = (extra: string) => planOf(`${SAN_BOOT} ${extra}`).find(({ kind }) => kind === 'interface');
    expect(probes('mm.boot=net')).toMatchObject({ probeConflict: false });
    expect(probes('mm.boot=dvd')).toMatchObject({ probeConflict: true });
  });

  test.each(['mm.live', 'mm.mode=install', 'mm.mode=restore'])('of the live system (%s) touches no volume', (flag) => {
    const plan = planOf(flag);
    expect(plan.map(({ kind }) => kind)).toEqual(['modules', 'medium', 'overlay', 'interface', 'live-identity', 'handover']);
    expect(plan[0]).toMatchObject({ required: LIVE_MODULES });
  });

  test('crc32c comes before iSCSI, which asks for it by name', () => {
    expect(SAN_MODULES.indexOf('crc32c_generic')).toBeLessThan(SAN_MODULES.indexOf('iscsi_tcp'));
  });
});

test('the pauses between tries grow from 1 s to 30 s and never beyond', () => {
  expect([1, 2, 3, 4, 5, 6, 7].map(retryDelayMs)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(retryDelayMs(100_000)).toBe(RETRY.longestMs);
});

test('as text it is a numbered line a step, and every kind of step has its words', () => {
  const san = formatPlan(planOf(SAN_BOOT)).split('\n');
  expect(san).toHaveLength(13);
  expect(san[2]).toBe(' 3. login: log in to iqn.2026-01.example:san at 10.0.0.252:3260');
  expect(san[12]).toMatch(/^13\. handover: /);
  const live = formatPlan(planOf('mm.live')).split('\n');
  for (const line of [...san, ...live]) expect(line).toMatch(/^[ 1][0-9]\. [a-z-]+: \S.{10}/);
  expect(live.join()).not.toContain('undefined');
});
