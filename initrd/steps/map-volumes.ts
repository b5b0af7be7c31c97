// The steps `snapshot`, `check`, `mount` and `swap`: this node's own volumes, and no others, become devices and file systems.

import { linearTable, snapshotTable, volumePath } from '../../daemons/storage/dm-table.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { DATA_OFFSET_BYTES } from '../../daemons/storage/volume-label.ts';
import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import { VOLUME_MODULES } from '../boot-plan.ts';
import { found, type BootState } from './boot-state.ts';
import { setLabelState } from './claim-volumes.ts';
import { requireModules } from './load-modules.ts';

const SECTOR = 512;
const TABLE_FILE = '/run/metamaster.table';
const DM_REMEDY = 'See dmesg; if the SAN was cut off, this step will succeed when it is back.';
/** e2fsck(8): 0 nothing, 1 corrected, 2 corrected and a reboot is advised, which on an unmounted root means nothing. */
const CHECK_ACCEPTED = [0, 1, 2] as const;

/**
 * Sectors that are read ahead where a file is read from front to back: the kernel's own 128 KiB cost a SAN of usual latency three
 * quarters of its speed. A root is read here and there as well, the boot files only as a whole.
 */
const READ_AHEAD = { root: 2_048, boot: 8_192 } as const;

/** Creates a device unless it is there. */
function create(host: BootHost, name: string, table: string, { readOnly = false, readAhead }: { readOnly?: boolean; readAhead?: number } = {}): string {
  const path = `/dev/mapper/${name}`;
  if (host.exists(path)) return path;
  host.writeText(TABLE_FILE, `${table}\n`, 0o600);
  mustRun(host, 'MM-BOOT-DM', ['dmsetup', 'create', name, ...(readOnly ? ['--readonly'] : []), ...(readAhead === undefined ? [] : ['--readahead', String(readAhead)]), TABLE_FILE], DM_REMEDY);
  // Told to do without udev, dmsetup makes the node itself; where it did not, it is asked for.
  if (!host.exists(path)) mustRun(host, 'MM-BOOT-DM', ['dmsetup', 'mknodes', name], DM_REMEDY);
  if (!host.exists(path)) throw new StepError('MM-BOOT-DM', `dmsetup made no ${path}`, DM_REMEDY);
  return path;
}

function link(host: BootHost, name: string, target: string): void {
  host.makeFolder(name.slice(0, name.lastIndexOf('/')));
  host.link(target, name);
}

/**
 * Maps origin, store and root, the state volume, swap and the boot volume. Labels say `live` before anything is mapped, for `down`
 * would give a volume that is in use to whoever asks; only a fresh store's says so afterwards. @throws StepError
 */
export function mapVolumes(host: BootHost, state: BootState): void {
  requireModules(host, VOLUME_MODULES);
  const { origin, boot, store, state: stateVolume, swap } = found(state.volumes, 'the volumes');
  const registry = found(state.registry, 'the registry');
  const { container } = registry.roster;
  const number = found(state.node, 'the node').number;
  const firstSector = found(state.container, 'the container').container.firstSector;
  const table = (volume: VolumeRecord, offsetBytes: number) => linearTable(volume.extents, registry.extentBytes, found(state.disk, 'the disk'), firstSector, { offsetBytes });
  const fresh = found(state.freshStore, 'the state of the store');
  for (const volume of [...(fresh ? [] : [store]), stateVolume, ...(swap === undefined ? [] : [swap])]) setLabelState(host, state, volume, 'live');
  const originDevice = create(host, `${container}-${origin.name}`, table(origin, 0), { readOnly: true });
  const bootDevice = create(host, `${container}-${boot.name}`, table(boot, 0), { readOnly: true, readAhead: READ_AHEAD.boot });
  const storeDevice = create(host, `${container}-store${number}`, table(store, DATA_OFFSET_BYTES));
  const root = create(host, `${container}-node${number}`, snapshotTable(originDevice, storeDevice, origin.sizeBytes / SECTOR, found(store.chunkSectors, 'the chunk size')), { readAhead: READ_AHEAD.root });
  const stateDevice = create(host, `${container}-state${number}`, table(stateVolume, DATA_OFFSET_BYTES));
  link(host, volumePath(container, `node${number}`), root);
  link(host, volumePath(container, `state${number}`), stateDevice);
  link(host, `/dev/evms/default${container}`, originDevice);
  link(host, '/dev/metamaster/boot', bootDevice);
  if (swap !== undefined) link(host, volumePath(container, `swap${number}`), create(host, `${container}-swap${number}`, table(swap, DATA_OFFSET_BYTES)));
  if (!fresh) return;
  // The kernel has written the new store's header, and did not flush it. The label must not be there without it: from here on a header that
  // reads as zero will mean that something is wrong.
  host.flush(found(state.disk, 'the disk'));
  setLabelState(host, state, store, 'live');
}

function devices(state: BootState): { root: string; stateVolume: string; swap: string } {
  const { container } = found(state.registry, 'the registry').roster;
  const number = found(state.node, 'the node').number;
  const of = (what: string) => `/dev/mapper/${container}-${what}${number}`;
  return { root: of('node'), stateVolume: of('state'), swap: of('swap') };
}

/** Says what e2fsck says. @throws StepError when a file system has errors that e2fsck does not mend by itself */
export function checkFileSystems(host: BootHost, state: BootState): void {
  const { root, stateVolume } = devices(state);
  for (const device of [root, stateVolume]) {
    const { said } = mustRun(host, 'MM-BOOT-CHECK', ['e2fsck', '-p', device], `Repair it at the debug console (e2fsck -f ${device}), or restore the node, which loses what its root holds.`, CHECK_ACCEPTED);
    // `clean` after an orderly shutdown, `recovering journal` after a power cut: worth a line on the console.
    for (const line of said.split('\n').filter((text) => text.trim() !== '')) host.print(`    e2fsck: ${line}`);
  }
}

const NODE = '/sysroot/usr/bin/node';
const DAEMON = '/sysroot/usr/lib/metamaster/metamasterd.mjs';
/**
 * Reads a file whole, and of another the parts `offset length offset length …`; what it reads is thrown away. One process that needs
 * no other program: the root is switched to while it reads, and the initrd's programs are gone then.
 */
const READ_PARTS = `
const [whole, file, ...parts] = scriptArgs;
const buffer = new ArrayBuffer(1 << 20);
const read = (path, ranges) => {
  const fd = os.open(path, os.O_RDONLY);
  for (const [offset, length] of ranges) {
    os.seek(fd, offset, 0);
    for (let left = length; left > 0; ) {
      const got = os.read(fd, buffer, 0, Math.min(left, buffer.byteLength));
      if (got <= 0) break;
      left -= got;
    }
  }
};
const ranges = [];
for (let i = 0; i + 1 < parts.length; i += 2) ranges.push([Number(parts[i]), Number(parts[i + 1])]);
read(whole, [[0, Infinity]]);
read(file, ranges.length > 0 ? ranges : [[0, Infinity]]);
`;

/** What reads ahead the parts of Node's binary that a start of the daemon touches (live-dvd/measure-prefetch.ts); all of it when there is no such list. */
export function readAheadArgv(list: string | undefined): readonly string[] {
  const { ranges } = JSON.parse(list ?? '{"ranges":[]}') as { ranges: readonly (readonly [number, number])[] };
  return ['qjs', '--std', '-e', READ_PARTS, DAEMON, NODE, ...ranges.flat().map(String)];
}

/** @throws StepError */
export function mountRoot(host: BootHost, state: BootState): void {
  const { root, stateVolume } = devices(state);
  const remedy = 'See dmesg. A root that cannot be mounted is mended at the debug console or by a restore of the node.';
  if (!host.exists('/sysroot/usr')) mustRun(host, 'MM-BOOT-MOUNT', ['mount', '-t', 'ext4', '-o', 'rw,noatime', root, '/sysroot'], remedy);
  // Node is the largest piece of a cold start: its pages come in while the rest of the boot goes on.
  host.start(readAheadArgv(host.readText('/sysroot/usr/lib/metamaster/node-prefetch.json')));
  if (!host.exists('/sysroot/var/lib/metamaster/lost+found')) {
    host.makeFolder('/sysroot/var/lib/metamaster');
    mustRun(host, 'MM-BOOT-MOUNT', ['mount', '-t', 'ext4', '-o', 'rw,noatime', stateVolume, '/sysroot/var/lib/metamaster'], remedy);
  }
}

/** Turns the swap volume on; a blade without one uses compressed memory alone. */
export function turnOnSwap(host: BootHost, state: BootState): void {
  if (found(state.volumes, 'the volumes').swap === undefined) return;
  const { swap } = devices(state);
  if (host.readText('/proc/swaps')?.includes(`${swap} `) === true) return;
  mustRun(host, 'MM-BOOT-SWAP', ['swapon', swap], 'The swap volume has no swap signature: make one at the debug console (mkswap), or reinstall.');
}
