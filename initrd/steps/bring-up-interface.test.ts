import { describe, expect, test } from 'vitest';
import type { Mac } from '../../daemons/core/mac.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { bringUpInterface } from './bring-up-interface.ts';

const STEP = { candidates: ['eth0', 'ib0'], address: '10.0.0.2', netmask: '255.255.255.0', probeConflict: false };

function blade(): ModelBlade {
  const one = new ModelBlade(new ModelSan());
  one.state = { parameters: {} as never, bootNonce: '', stages: [], warnings: [] };
  one.run(['modprobe', 'pci:v00001AF4d00001000']);
  return one;
}

describe('the storage interface', () => {
  test('gets its address, and names the hardware', async () => {
    const one = blade();
    await bringUpInterface(one, one.state!, STEP);
    expect(one.addresses).toEqual(['10.0.0.2/24']);
    expect(one.state).toMatchObject({
      interfaceName: 'eth0', mac: '52:54:00:00:00:02', hardwareId: '4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02',
      initiator: 'iqn.2026-11.metamaster:4c4c4544-0000-0000-0000-000000000002.525400000002',
    });
  });

  test('is the card that the firmware booted from, whatever the drivers called it', async () => {
    const one = blade();
    one.files.set('/sys/class/net/eth1/address', '52:54:00:00:00:99\n');
    one.files.set('/sys/class/net/eth1/carrier', '1\n');
    await bringUpInterface(one, one.state!, { ...STEP, mac: '52:54:00:00:00:99' as Mac });
    expect(one.state).toMatchObject({ interfaceName: 'eth1', mac: '52:54:00:00:00:99' });
  });

  test('is the one named by sif where the card it booted from is not to be seen', async () => {
    const one = blade();
    await bringUpInterface(one, one.state!, { ...STEP, mac: '52:54:00:00:00:77' as Mac });
    expect(one.state).toMatchObject({ interfaceName: 'eth0' });
  });

  test('done twice it has the address once', async () => {
    const one = blade();
    await bringUpInterface(one, one.state!, STEP);
    await bringUpInterface(one, one.state!, { ...STEP, probeConflict: true });
    expect(one.addresses).toEqual(['10.0.0.2/24']);
    expect(one.argvs.some(([program]) => program === 'arping')).toBe(false);
  });

  test('a board without a UUID is told apart by its MAC address alone', async () => {
    const one = blade();
    one.files.delete('/sys/class/dmi/id/product_uuid');
    await bringUpInterface(one, one.state!, STEP);
    expect(one.state!.hardwareId).toBe('no-uuid/52:54:00:00:00:02');
  });

  test('a menu\'s default address that somebody has is refused; one from the roster is not even asked for', async () => {
    const one = blade();
    one.taken.add('10.0.0.2');
    await expect(bringUpInterface(one, one.state!, { ...STEP, probeConflict: true })).rejects.toThrow('the address 10.0.0.2 is in use by another machine');
    expect(one.addresses).toEqual([]);
    await bringUpInterface(one, one.state!, STEP);
    expect(one.addresses).toEqual(['10.0.0.2/24']);
  });

  test('an interface that is not there is told with those that are', async () => {
    const one = blade();
    await expect(bringUpInterface(one, one.state!, { ...STEP, candidates: ['eth5'] })).rejects.toThrow('no interface named eth5; there are: eth0');
  });

  test('one that appears late, with a link that comes late, is waited for', async () => {
    const one = new ModelBlade(new ModelSan());
    one.state = { parameters: {} as never, bootNonce: '', stages: [], warnings: [] };
    one.cable = false;
    one.sleep = async () => {
      if (one.exists('/sys/class/net/eth0')) one.files.set('/sys/class/net/eth0/carrier', '1\n');
      else one.run(['modprobe', 'pci:v00001AF4d00001000']);
    };
    await bringUpInterface(one, one.state, STEP);
    expect(one.addresses).toEqual(['10.0.0.2/24']);
  });

  describe('as a VLAN', () => {
    const tagged = { ...STEP, vlan: 5 };
    const made = (one: ModelBlade) => one.argvs.filter((argv) => argv.includes('vlan'));
    function withModule(): ModelBlade {
      const one = blade();
      one.run(['modprobe', '-q', '8021q']);
      return one;
    }

    test('the card has no address; its VLAN has it, asks for it first, and is the interface from then on', async () => {
      const one = withModule();
      await bringUpInterface(one, one.state!, { ...tagged, probeConflict: true });
      expect(one.state).toMatchObject({ interfaceName: 'eth0.5', mac: '52:54:00:00:00:02', hardwareId: '4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02' });
      expect(one.argvs.filter(([program]) => program !== 'modprobe').map((argv) => argv.join(' '))).toEqual([
        'ip link set lo up', 'ip link set eth0 up', 'ip link add link eth0 name eth0.5 type vlan id 5', 'ip link set eth0.5 up', 'ip -4 addr show dev eth0.5',
        'arping -D -q -c 2 -w 2 -I eth0.5 10.0.0.2', 'ip addr add 10.0.0.2/24 brd + dev eth0.5',
      ]);
    });

    test('tried again it is made once, and its own device is not taken for the card that booted', async () => {
      const one = withModule();
      one.taken.add('10.0.0.2');
      const step = { ...tagged, mac: '52:54:00:00:00:02' as Mac, probeConflict: true };
      await expect(bringUpInterface(one, one.state!, step)).rejects.toThrow('is in use');
      await expect(bringUpInterface(one, one.state!, step)).rejects.toThrow('is in use');
      one.taken.clear();
      await bringUpInterface(one, one.state!, step);
      await bringUpInterface(one, one.state!, step);
      expect(made(one)).toHaveLength(1);
      expect([one.state!.interfaceName, one.addresses]).toEqual(['eth0.5', ['10.0.0.2/24']]);
    });

    test('where the kernel makes none it is told, and the address goes nowhere', async () => {
      const one = blade();
      await expect(bringUpInterface(one, one.state!, tagged)).rejects.toThrow(/MM-BOOT-VLAN: ip link add link eth0 name eth0\.5 .*Operation not supported/);
      expect(one.addresses).toEqual([]);
    });

    test('on a card without a link it is not even made', async () => {
      const one = withModule();
      one.cable = false;
      await expect(bringUpInterface(one, one.state!, tagged)).rejects.toThrow('eth0 has no link');
      expect(made(one)).toEqual([]);
    });
  });

  test('no link and no usable MAC address are told', async () => {
    const one = blade();
    one.cable = false;
    await expect(bringUpInterface(one, one.state!, STEP)).rejects.toThrow('eth0 has no link');
    one.cable = true;
    one.files.set('/sys/class/net/eth0/address', 'nonsense\n');
    await expect(bringUpInterface(one, one.state!, STEP)).rejects.toThrow('eth0 has no usable MAC address');
  });
});
