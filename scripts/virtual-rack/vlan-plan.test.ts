import { describe, expect, test } from 'vitest';
import { MAX_BLADES } from './identity.ts';
import { cableArgv, datagramNetdev, isVlan, switchArgv, vlanPorts } from './vlan-plan.ts';

const PORTS = vlanPorts(3);

describe('the wiring of a tagged card', () => {
  test('no port is two blades\', or two ends of one blade\'s', () => {
    const all = Array.from({ length: MAX_BLADES }, (_, at) => Object.values(vlanPorts(at + 1)) as number[]).flat();
    expect(new Set(all).size).toBe(4 * MAX_BLADES);
    // Below the kernel's ephemeral ports, which begin at 32768.
    expect(Math.max(...all)).toBeLessThan(32_768);
  });

  test('each end sends to where the other one listens', () => {
    expect(switchArgv('node', 'mm-abc123-vlan-switch-3', 5, PORTS).slice(2)).toEqual(['mm-abc123-vlan-switch-3', '5', '17313', '17312', '17314', '17315']);
    const cable = cableArgv('mm-abc123-vlan-cable-3', 'b3', PORTS);
    expect(cable.join(' ')).toBe(
      'qemu-system-x86_64 -name mm-abc123-vlan-cable-3 -M none -no-user-config -nodefaults -display none -netdev tap,id=tap,ifname=b3,script=no,downscript=no ' +
        '-netdev dgram,id=port,local.type=inet,local.host=127.0.0.1,local.port=17315,remote.type=inet,remote.host=127.0.0.1,remote.port=17314 ' +
        '-netdev hubport,id=plug0,hubid=0,netdev=tap -netdev hubport,id=plug1,hubid=0,netdev=port',
    );
    expect(datagramNetdev('n0', PORTS.blade, PORTS.trunk)).toContain('local.port=17312,remote.type=inet,remote.host=127.0.0.1,remote.port=17313');
  });

  test.each([[1, true], [4094, true], [0, false], [4095, false], [-1, false], [1.5, false], [Number.NaN, false]])('%d is a VLAN: %s', (vlan, is) => expect(isVlan(vlan)).toBe(is));
});
