// A made-up /sys and /proc, in a folder: what the files say is as kernels say it.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasIpmiDevice, isUdevBusy, readBootMode, readDisks, readDmiTable, readMemoryBytes, readNics, readProcessors, readWatchdog } from './machine-files.ts';

let root = '';
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'mmhardware-'))));
afterEach(() => rmSync(root, { recursive: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function link(path: string, to: string): void {
  for (const folder of [dirname(path), to]) mkdirSync(join(root, folder), { recursive: true });
  symlinkSync(join(root, to), join(root, path));
}

test('a machine that tells nothing', () => {
  expect([readNics(root), readDisks(root), readWatchdog(root), readBootMode(root), readMemoryBytes(root), readDmiTable(root).length, hasIpmiDevice(root), isUdevBusy(root)]).toEqual([[], [], undefined, 'bios', undefined, 0, false, false]);
  expect(readProcessors(root)).toEqual({ sockets: 1, cores: 1, threads: 1, threadsOff: 0, virtualisation: 'none' });
});

describe('network cards', () => {
  const PCI = 'sys/devices/pci0000:00/0000:00:03.0';

  test('that are up, that are down, on a virtual bus, and on USB', () => {
    put({
      [`${PCI}/uevent`]: 'DRIVER=ixgbe\nPCI_CLASS=20000\nPCI_ID=8086:10FB\n', [`${PCI}/virtio0/uevent`]: 'DRIVER=virtio_net\nMODALIAS=virtio:d00000001v00001AF4\n',
      'sys/class/net/eth0/address': '52:54:00:AA:00:01\n', 'sys/class/net/eth0/carrier': '1\n', 'sys/class/net/eth0/speed': '10000\n',
      'sys/class/net/eth1/address': '52:54:00:aa:00:02\n', 'sys/class/net/eth1/carrier': '0\n', 'sys/class/net/eth1/speed': '-1\n',
      'sys/class/net/ib0/address': '80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0e:8b:01\n', 'sys/class/net/lo/address': '00:00:00:00:00:00\n',
    });
    link(`${PCI}/driver`, 'sys/bus/pci/drivers/ixgbe');
    link('sys/class/net/eth0/device', PCI);
    link('sys/class/net/eth1/device', `${PCI}/virtio0`);
    link('sys/class/net/ib0/device', 'sys/devices/usb1/1-1');
    expect(readNics(root)).toEqual([
      { name: 'eth0', mac: '52:54:00:aa:00:01', driver: 'ixgbe', pciId: '8086:10fb', link: 'up', speedMbit: 10_000 },
      { name: 'eth1', mac: '52:54:00:aa:00:02', pciId: '8086:10fb', link: 'down' },
      { name: 'ib0' },
    ]);
  });

  test('of which the kernel refuses to tell the link while they are down', () => {
    link('sys/class/net/eth0/device', PCI);
    // A folder in the file's place is refused to be read, as EINVAL is.
    mkdirSync(join(root, 'sys/class/net/eth0/carrier'));
    expect(readNics(root)).toEqual([{ name: 'eth0' }]);
  });
});

test('disks of the machine\'s own, and neither those of the SAN nor what the kernel makes', () => {
  const devices = { sda: 'sys/devices/platform/host2/session1/target2:0:0/2:0:0:1', sdb: 'sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/host3/target3:0:0/3:0:0:0', sdc: 'sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0', sdd: 'sys/devices/pci0000:00/0000:01:00.0/host4/target4:2:0/4:2:0:0', nvme0n1: 'sys/devices/pci0000:00/0000:02:00.0/nvme/nvme0', sr0: 'sys/devices/pci0000:00/ata2/host1', vda: 'sys/devices/pci0000:00/virtio2' };
  for (const [name, device] of Object.entries(devices)) {
    put({ [`sys/block/${name}/size`]: '2048\n', [`${device}/model`]: `MODEL ${name}  \n` });
    link(`sys/block/${name}/device`, device);
  }
  put({ 'sys/block/dm-0/size': '8\n', 'sys/block/zram0/size': '8\n', 'sys/block/loop0/size': '8\n' });
  expect(readDisks(root).map(({ name, bus, bytes, model }) => [name, bus, bytes, model])).toEqual([
    ['nvme0n1', 'nvme', 1_048_576, 'MODEL nvme0n1'], ['sdb', 'usb', 1_048_576, 'MODEL sdb'], ['sdc', 'ata', 1_048_576, 'MODEL sdc'], ['sdd', 'scsi', 1_048_576, 'MODEL sdd'], ['vda', 'virtio', 1_048_576, 'MODEL vda'],
  ]);
});

test('processors: sockets, cores and threads, those that are off, and what they can', () => {
  put({ 'proc/cpuinfo': 'processor\t: 0\nmodel name\t: Maker(R) CPU  @ 2.10GHz\nflags\t\t: fpu svm sse\n\n', 'sys/devices/system/cpu/online': '0-2,4-7\n', 'sys/devices/system/cpu/present': '0-7\n' });
  for (let cpu = 0; cpu < 8; cpu++) {
    mkdirSync(join(root, `sys/devices/system/cpu/cpu${cpu}`), { recursive: true });
    // One that is off has no topology.
    if (cpu !== 3) put({ [`sys/devices/system/cpu/cpu${cpu}/topology/physical_package_id`]: `${cpu & 1}\n`, [`sys/devices/system/cpu/cpu${cpu}/topology/core_id`]: `${(cpu >> 1) & 1}\n` });
  }
  mkdirSync(join(root, 'sys/devices/system/cpu/cpufreq'));
  expect(readProcessors(root)).toEqual({ model: 'Maker(R) CPU @ 2.10GHz', sockets: 2, cores: 4, threads: 7, threadsOff: 1, virtualisation: 'svm' });
});

test('watchdog, boot mode, memory, BMC, udev and the firmware\'s table', () => {
  put({
    'sys/class/watchdog/watchdog0/identity': 'Software Watchdog\n', 'sys/class/watchdog/watchdog1/identity': 'i6300ESB timer\n', 'sys/firmware/efi/fw_platform_size': '64\n',
    'proc/meminfo': 'MemTotal:         245632 kB\nMemFree: 1 kB\n', 'dev/ipmi0': '', 'run/udev/queue': '', 'sys/firmware/dmi/tables/DMI': 'x'.repeat(70_000),
  });
  expect([readWatchdog(root), readBootMode(root), readMemoryBytes(root), readDmiTable(root).length, hasIpmiDevice(root), isUdevBusy(root)]).toEqual(['i6300ESB timer', 'uefi', 245_632 * 1024, 70_000, true, true]);
  put({ 'sys/firmware/dmi/tables/DMI': 'x'.repeat(300_000) });
  expect(readDmiTable(root).length).toBe(256 * 1024);
});
