import { describe, expect, test } from 'vitest';
import { qemuArgv, type BladeHardware } from './blade-argv.ts';
import { bladeMac, bladeUuid, outsideMac } from './identity.ts';

const blade: BladeHardware = {
  mark: 'mm-abc123-blade-3', accelerator: 'tcg', processors: 1, memory: '1G', uuid: bladeUuid('abc123', 3), mac: bladeMac('abc123', 3), tap: 'b3', first: 'dvd',
  serialSocket: '/run/mm-abc123/blade-3.serial', qmpSocket: '/run/mm-abc123/blade-3.qmp', eventsSocket: '/run/mm-abc123/blade-3.events',
};

/** The value after an option; `nth` counts from 0. */
function optionOf(argv: readonly string[], option: string, nth = 0): string | undefined {
  return argv.filter((_, i) => argv[i - 1] === option)[nth];
}

describe("a blade's command line", () => {
  test('a plain blade', () => {
    expect(qemuArgv(blade).join(' ')).toMatchInlineSnapshot(
      `"qemu-system-x86_64 -name mm-abc123-blade-3 -no-user-config -nodefaults -display none -msg timestamp=on -machine pc,graphics=off -accel tcg,tb-size=256 -cpu qemu64,-cx16,+ssse3,+sse4.1,+sse4.2,+popcnt,+lahf-lm,+rdrand -smp 1 -m 1G -uuid d849e041-0df2-4823-bd9a-ec99b362d5d5 -boot strict=on,reboot-timeout=5000 -netdev tap,id=n0,ifname=b3,script=no,downscript=no -device virtio-net-pci,netdev=n0,mac=52:54:00:ab:c1:03,bootindex=2 -drive if=none,id=medium,media=cdrom,readonly=on -device ide-cd,id=dvd,drive=medium,bus=ide.1,bootindex=0 -chardev socket,id=con,path=/run/mm-abc123/blade-3.serial,server=on,wait=on -serial chardev:con -device i6300esb -watchdog-action reset -device virtio-rng-pci -qmp unix:/run/mm-abc123/blade-3.qmp,server=on,wait=off -qmp unix:/run/mm-abc123/blade-3.events,server=on,wait=off"`,
    );
  });

  test('a clock that is years off', () => {
    expect(optionOf(qemuArgv({ ...blade, clock: '2000-01-01' }), '-rtc')).toBe('base=2000-01-01');
  });

  test('a medium whose path holds a comma stays one value', () => {
    expect(optionOf(qemuArgv({ ...blade, dvd: '/iso/a,readonly=off' }), '-drive')).toBe('if=none,id=medium,media=cdrom,readonly=on,format=raw,file=/iso/a,,readonly=off');
  });

  test('network first', () => {
    const argv = qemuArgv({ ...blade, first: 'network' });
    expect(argv.filter((word) => word.includes('bootindex=')).map((word) => `${word.split(',')[0]} ${/bootindex=\d/.exec(word)![0]}`)).toEqual(['virtio-net-pci bootindex=0', 'ide-cd bootindex=1']);
  });

  test('on a tagged switch port the card speaks datagrams, and is the same card', () => {
    const trunk = { local: 17_312, remote: 17_313 };
    const argv = qemuArgv({ ...blade, trunk });
    expect(optionOf(argv, '-netdev')).toBe('dgram,id=n0,local.type=inet,local.host=127.0.0.1,local.port=17312,remote.type=inet,remote.host=127.0.0.1,remote.port=17313');
    expect(optionOf(argv, '-device')).toBe(optionOf(qemuArgv(blade), '-device'));
    expect(argv.join(' ')).not.toContain('ifname=');
  });

  test('the second interface has no ROM and its own MAC address', () => {
    const argv = qemuArgv({ ...blade, outside: { mac: outsideMac('abc123', 3), tap: 'o3' } });
    expect(optionOf(argv, '-netdev', 1)).toBe('tap,id=n1,ifname=o3,script=no,downscript=no');
    expect(optionOf(argv, '-device', 1)).toBe('virtio-net-pci,netdev=n1,mac=56:54:00:ab:c1:03,romfile=');
  });

  test('the boot interface as the second card', () => {
    const argv = qemuArgv({ ...blade, outside: { mac: outsideMac('abc123', 3), tap: 'o3' }, outsideFirst: true });
    expect([optionOf(argv, '-device', 0), optionOf(argv, '-device', 1)].map((card) => card!.split(',')[1])).toEqual(['netdev=n1', 'netdev=n0']);
  });

  test('HTTP Boot takes PXE off the list of UEFI firmware', () => {
    const uefi = { code: '/code.fd', variables: '/vars.fd' };
    expect(qemuArgv({ ...blade, uefi: { ...uefi, networkBoot: 'http' } }).filter((word) => word.startsWith('name=opt/'))).toEqual([
      'name=opt/org.tianocore/IPv4PXESupport,string=n', 'name=opt/org.tianocore/IPv6PXESupport,string=n',
    ]);
    expect(qemuArgv({ ...blade, uefi }).join(' ')).not.toContain('fw_cfg');
  });

  test('ROMs', () => {
    expect(optionOf(qemuArgv({ ...blade, rom: 'none' }), '-device')).toMatch(/,romfile=$/);
    expect(optionOf(qemuArgv({ ...blade, rom: '/usr/lib/ipxe/virtio-net.rom' }), '-device')).toMatch(/,romfile=\/usr\/lib\/ipxe\/virtio-net\.rom$/);
  });

  test('KVM uses the host processor, unless told otherwise', () => {
    expect(optionOf(qemuArgv({ ...blade, accelerator: 'kvm' }), '-cpu')).toBe('host');
    expect(optionOf(qemuArgv({ ...blade, accelerator: 'kvm', cpu: 'qemu64,+svm' }), '-cpu')).toBe('qemu64,+svm');
  });

  test('UEFI has two flash images, the code read-only', () => {
    const argv = qemuArgv({ ...blade, uefi: { code: '/code.fd', variables: '/vars.fd' } });
    expect(optionOf(argv, '-machine')).toBe('q35,graphics=off,smm=off');
    expect([optionOf(argv, '-drive', 0), optionOf(argv, '-drive', 1)]).toEqual(['if=pflash,unit=0,format=raw,readonly=on,file=/code.fd', 'if=pflash,unit=1,format=raw,file=/vars.fd']);
  });
});
