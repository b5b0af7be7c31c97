import { beforeEach, describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Registry } from '../../daemons/storage/registry.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { isCandidate, setWayOut, setWayOut6, startOutside } from './way-out.ts';

const { registry } = new ModelSan();
const OUTSIDE = { 'primary-gateway-local-IP': registry.roster.nodes[0]!.address, 'public-IP': '203.0.113.9' as Ipv4, 'public-interface': 'eth1' };
const withAnswers = (answers: object): Registry => ({ ...registry, install: { ...registry.install, ...answers } });
const MOVING = registry.roster.metaMasterAddress;

let blade: ModelBlade;
beforeEach(() => { blade = new ModelBlade(new ModelSan()); });
const lines = (): readonly string[] => blade.argvs.map((argv) => argv.join(' '));

test('nodes leave by the address that moves; where nothing leads out only that way is taken away', () => {
  setWayOut(blade, withAnswers(OUTSIDE), 'eth0');
  setWayOut(blade, registry, 'eth0');
  expect(lines()).toEqual([`ip -4 route replace default via ${MOVING} dev eth0`, `ip -4 route del default via ${MOVING} dev eth0`]);
});

test('and by IPv6 likewise, where the outside has it', () => {
  const named = (answers: object): Registry => ({ ...withAnswers(answers), roster: { ...registry.roster, clusterName: 'abc' } });
  setWayOut6(blade, named({ ...OUTSIDE, 'public-IP6': '2001:db8::9/64', 'public-router6': 'fe80::1' }), 'eth0');
  setWayOut6(blade, named(OUTSIDE), 'eth0');
  expect(lines()).toEqual(['ip -6 route replace default via fdba:7816:bf8f::1:0 dev eth0', 'ip -6 route del default via fdba:7816:bf8f::1:0 dev eth0']);
});

test('who is a candidate', () => {
  expect([1, 2].map((node) => isCandidate(withAnswers(OUTSIDE), node))).toEqual([true, false]);
  expect(isCandidate(registry, 1)).toBe(false);
});

describe('the card on the outside network', () => {
  const sent: string[] = [];
  const SILENT = (name: string): string[] => [`/proc/sys/net/ipv6/conf/${name}/disable_ipv6=1`, `/proc/sys/net/ipv4/conf/${name}/rp_filter=1`];
  beforeEach(() => {
    sent.length = 0;
    blade.send = (path, text) => (sent.push(`${path}=${text.trim()}`), true);
  });

  test('is started without IPv6 and without an address, and takes nothing', () => {
    blade.files.set('/sys/class/net/eth1/address', '52:54:00:00:01:01\n');
    startOutside(blade, withAnswers(OUTSIDE), 'eth0');
    expect([lines(), sent]).toEqual([['ip link set dev eth1 up'], SILENT('eth1')]);
  });

  test('that is up is left alone, for gatewayd may have its addresses there', () => {
    blade.files.set('/sys/class/net/eth1/address', '52:54:00:00:01:01\n');
    blade.files.set('/sys/class/net/eth1/flags', '0x1003\n');
    startOutside(blade, withAnswers(OUTSIDE), 'eth0');
    expect([lines(), sent]).toEqual([[], []]);
    blade.files.set('/sys/class/net/eth1/flags', '0x1002\n');
    startOutside(blade, withAnswers(OUTSIDE), 'eth0');
    expect([lines(), sent]).toEqual([['ip link set dev eth1 up'], SILENT('eth1')]);
  });

  test('that is not there is left alone', () => {
    startOutside(blade, withAnswers(OUTSIDE), 'eth0');
    startOutside(blade, registry, 'eth0');
    expect([lines(), sent]).toEqual([[], []]);
  });

  test('may be a VLAN on a card, which is made once', () => {
    blade.files.set('/sys/module/8021q/refcnt', '0\n');
    blade.files.set('/sys/class/net/eth1/address', '52:54:00:00:01:01\n');
    const tagged = withAnswers({ ...OUTSIDE, 'public-interface': 'eth1.7' });
    startOutside(blade, tagged, 'eth0');
    startOutside(blade, tagged, 'eth0');
    expect(lines()).toEqual(['ip link set dev eth1 up', 'ip link add link eth1 name eth1.7 type vlan id 7', 'ip link set dev eth1.7 up', 'ip link set dev eth1.7 up']);
    expect(new Set(sent)).toEqual(new Set(['eth1', 'eth1.7'].flatMap(SILENT)));
  });

  test('may be a VLAN on the card that the node was booted by, which goes on as it is', () => {
    blade.files.set('/sys/module/8021q/refcnt', '0\n');
    blade.files.set('/sys/class/net/eth0/address', '52:54:00:00:01:00\n');
    startOutside(blade, withAnswers({ ...OUTSIDE, 'public-interface': 'eth0.7' }), 'eth0');
    expect(sent).toEqual(SILENT('eth0.7'));
  });
});
