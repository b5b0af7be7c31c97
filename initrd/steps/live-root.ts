// The steps `medium`, `overlay` and `live-identity`: the DVD's live root file system, with a writable layer in memory over it.

import { toHex } from '../../daemons/core/bytes.ts';
import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import { found, type BootState } from './boot-state.ts';
import { loadForDevices } from './load-modules.ts';
import { labelOf } from './medium-label.ts';

/** The disc's volume label (live-dvd/iso.ts). */
const LABEL = 'METAMASTER';
/** Optical drives need time to see a medium. */
const SEARCH_MS = 15_000;
const POLL_MS = 500;

const MEDIUM = '/run/metamaster/medium';
const SQUASH = '/run/metamaster/squash';
const LOWER = '/run/metamaster/lower';
const LAYER = '/run/metamaster/layer';

const isOurDisc = (host: BootHost, device: string): boolean => {
  const found = labelOf(host, device);
  return found?.type === 'iso9660' && found.label === LABEL;
};

/** Finds the disc among all block devices and mounts it. @throws StepError when there is none */
export async function mountMedium(host: BootHost, state: BootState): Promise<void> {
  const find = () => host.list('/sys/block').filter((name) => /^(sr|sd|vd|nvme|mmcblk)/.test(name)).map((name) => `/dev/${name}`).find((device) => isOurDisc(host, device));
  const asked = new Set<string>();
  let device = find();
  for (let waited = 0; device === undefined && waited < SEARCH_MS; waited += POLL_MS) {
    await host.sleep(POLL_MS);
    loadForDevices(host, asked);
    device = find();
  }
  if (device === undefined) {
    throw new StepError('MM-BOOT-MEDIUM', `no medium with the label ${LABEL}; block devices: ${host.list('/sys/block').join(', ') || 'none'}`, 'Put the DVD or stick in again; a BMC must keep its virtual medium attached.');
  }
  state.liveMedium = device;
  if (host.exists(`${MEDIUM}/metamaster`)) return;
  host.makeFolder(MEDIUM);
  mustRun(host, 'MM-BOOT-MEDIUM-READ', ['mount', '-t', 'iso9660', '-o', 'ro', device, MEDIUM], 'The medium cannot be read; make it anew.');
}

/** Puts the overlay together at /sysroot; what an earlier try mounted is not mounted a second time over itself. @throws StepError */
export function mountOverlay(host: BootHost): void {
  if (host.exists('/sysroot/usr')) return;
  const damaged = 'The medium is damaged; check it against its SHA-256.';
  for (const folder of [SQUASH, LOWER, LAYER]) host.makeFolder(folder);
  if (!host.exists(`${SQUASH}/root.ext4`)) mustRun(host, 'MM-BOOT-MEDIUM-READ', ['mount', '-t', 'squashfs', '-o', 'loop,ro', `${MEDIUM}/metamaster/root.squashfs`, SQUASH], damaged);
  if (!host.exists(`${LOWER}/usr`)) mustRun(host, 'MM-BOOT-MEDIUM-READ', ['mount', '-t', 'ext4', '-o', 'loop,ro,noload', `${SQUASH}/root.ext4`, LOWER], damaged);
  if (!host.exists(`${LAYER}/upper`)) mustRun(host, 'MM-BOOT-MEMORY', ['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', LAYER], 'The blade has too little memory for the live system; 1 GiB is enough.');
  for (const folder of ['upper', 'work']) host.makeFolder(`${LAYER}/${folder}`);
  mustRun(host, 'MM-BOOT-MEDIUM-READ', ['mount', '-t', 'overlay', '-o', `lowerdir=${LOWER},upperdir=${LAYER}/upper,workdir=${LAYER}/work`, 'overlay', '/sysroot'], damaged);
}

const AUTOLOGIN = '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noreset --noclear';

const NOTE: Readonly<Record<string, string>> = {
  install: 'Install: write the answers (docs/answers.example.yaml), then: metamaster install --answers FILE',
  restore: 'Restore: metamaster san show DEVICE tells what the SAN holds.',
  boot: 'Live system.',
};

/** What makes the root the live system: its name, a login without a password on its own consoles, the initiator's name. */
export function writeLiveIdentity(host: BootHost, state: BootState): void {
  const root = '/sysroot';
  const write = (path: string, text: string) => host.writeText(`${root}${path}`, text, 0o644);
  write('/etc/hostname', 'metamaster-live\n');
  write('/etc/hosts', '127.0.0.1 localhost\n127.0.1.1 metamaster-live\n');
  write('/etc/machine-id', `${toHex(host.randomBytes(16))}\n`);
  write('/etc/iscsi/initiatorname.iscsi', `InitiatorName=${found(state.initiator, 'the initiator name')}\n`);
  write('/etc/motd', `\nmetamaster live system. ${NOTE[state.parameters.mode] ?? ''}\n\n`);
  host.link('/dev/null', `${root}/etc/systemd/system/ssh.service`);
  for (const [unit, line] of [['serial-getty@', `${AUTOLOGIN} --keep-baud 115200,57600,38400,9600 - \${TERM}`], ['getty@', `${AUTOLOGIN} - \${TERM}`]] as const) {
    host.makeFolder(`${root}/etc/systemd/system/${unit}.service.d`);
    write(`/etc/systemd/system/${unit}.service.d/live.conf`, `${line}\n`);
  }
}
