// JF, full and invalid stores: on a rack of its own, whose one node has a store that can fill. It warns, it stops at once when the kernel gives
// the store up, and its next boot says what to do and maps nothing. Each remedy is then carried out with the code's own plans, and it boots.

import { viewOf } from '../../daemons/core/bytes.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { readFrom, type ReadAt } from '../../daemons/storage/read-at.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { COPIES_UNDER_WAY_MAX, revalidateSteps } from '../../daemons/storage/revalidate.ts';
import { examineStore, type StoreState } from '../../daemons/storage/snapshot-exceptions.ts';
import { resetSteps } from '../../daemons/storage/snapshot-store.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, type ChosenLabel } from '../../daemons/storage/volume-label.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import { Cluster, PATIENCE } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

const NODE = 1;
/** A first boot takes some 50 MiB of it: the file system's journal and its tables. */
const STORE_MIB = 128;
/** As slow as it must be for the agent, which looks every 5 s, to see both 70 % and 90 % on the way: some 2 MiB a second. */
const FILL = 'n=0; while :; do n=$((n + 1)); dd if=/dev/urandom of=/root/fill.$n bs=1M count=2 conv=fsync; sleep 1; done';
const FILL_MS = 240_000;
const REFUSED_MS = 120_000;
const FILE = '/root/kept-in-the-store';

/** The node's store as it lies on the SAN. */
interface Store {
  readonly found: ContainerFound;
  readonly volume: VolumeRecord;
  readonly label: ChosenLabel;
  readonly header: Uint8Array;
  readonly state: StoreState;
}

function readStore(cluster: Cluster): Store {
  const found = cluster.readSan();
  const { volumes, extentBytes } = found.registry;
  const volume = volumes.find(({ kind, node }) => kind === 'store' && node === NODE)!;
  const origin = volumes.find(({ name }) => name === volume.origin)!;
  return cluster.withSan((disk) => {
    const read: ReadAt = volumeReader(disk, volume, extentBytes, found.ranges.container.firstSector);
    const label = valueOf(chooseLabel(read(LABEL_OFFSETS[0], BLOCK_BYTES), read(LABEL_OFFSETS[1], BLOCK_BYTES)));
    const dataBytes = volume.extents.reduce((sum, { count }) => sum + count, 0) * extentBytes - DATA_OFFSET_BYTES;
    return { found, volume, label, header: read(DATA_OFFSET_BYTES, BLOCK_BYTES), state: examineStore(readFrom(read, DATA_OFFSET_BYTES), dataBytes, origin.sizeBytes) };
  });
}

const shownState = ({ state }: Store): string => (state.kind === 'none' || state.kind === 'empty' ? state.kind : `${state.kind}, ${state.valid ? 'valid' : 'marked invalid'}, tables ${state.problems.length === 0 ? 'whole' : 'damaged'}`);

/** Switches blade and SAN off, carries out what `plan` makes of the store, and switches the SAN on again. */
async function mend(cluster: Cluster, plan: (store: Store) => readonly WriteStep[]): Promise<void> {
  await cluster.powerOff(NODE);
  await cluster.rack.sanStop();
  const store = readStore(cluster);
  await cluster.writeVolume(store.found, store.volume, plan(store));
  await cluster.rack.sanStart();
}

/** Waits for the refusal of a boot that has begun, behind `after`, and checks that nothing was mapped and nothing written. */
async function expectRefusal(cluster: Cluster, journey: Journey, after: number, code: string, remedy: RegExp): Promise<void> {
  const { rack } = cluster;
  const before = readStore(cluster);
  const { match, end } = await rack.waitForConsole(NODE, /step claim FAILED[\s\S]*?mm-stage initrd claim failed: (.*)/, { timeoutMs: REFUSED_MS, after });
  expectThat(`the refusal is ${code}`, match[1]!.startsWith(code), match[1]);
  expectThat('its remedy', remedy.test(match[0]), match[0]);
  // It asks again, and goes no further.
  await rack.waitForConsole(NODE, /mm-stage initrd claim failed/, { timeoutMs: REFUSED_MS, after: end });
  expectThat('nothing is mapped', !rack.consoleText(NODE).slice(after).includes('mm-stage initrd snapshot'), rack.consoleText(NODE).slice(-1500));
  const now = readStore(cluster);
  expectEqual('the store, untouched', `${shownState(now)} ${now.label.label.generation}`, `${shownState(before)} ${before.label.label.generation}`);
  journey.note(match[1]!);
}

/** Boots the node from the disc: there is no other that could serve it. */
async function boot(cluster: Cluster): Promise<void> {
  await cluster.bootDisc(NODE, 'b');
  await cluster.serving(NODE);
}

/** What `metamaster status` says of the store, once the agent has looked at it. */
async function storeFact(cluster: Cluster): Promise<{ percent: number; canFill: boolean }> {
  const text = await cluster.ssh(NODE, 'for i in $(seq 60); do [ -e /run/metamaster/store-fill.json ] && break; sleep 1; done; metamaster status --json');
  return (JSON.parse(text) as { store: { percent: number; canFill: boolean } }).store;
}

async function fills(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  let end = 0;
  await journey.stage('the store fills: two warnings, then the kernel gives it up and the blade stops at once', async () => {
    const begin = rack.consoleText(NODE).length;
    await cluster.ssh(NODE, `setsid sh -c '${FILL}' > /dev/null 2>&1 < /dev/null & true`);
    const first = await rack.waitForConsole(NODE, /MM-AGENT-STORE-FILL: .* is (\d+) % full/, { timeoutMs: FILL_MS, after: begin });
    expectThat('the first warning comes between 70 and 90 %', Number(first.match[1]) >= 70 && Number(first.match[1]) < 90, first.match[0]);
    expectThat('the journal has it', Number(await cluster.ssh(NODE, 'journalctl -u metamaster-storage -o cat --no-pager | grep -c MM-AGENT-STORE-FILL')) >= 1, 'none');
    const second = await rack.waitForConsole(NODE, /MM-AGENT-STORE-FILL: .* is (\d+) % full/, { timeoutMs: FILL_MS, after: first.end });
    expectThat('the second warning comes from 90 % on', Number(second.match[1]) >= 90, second.match[0]);
    const stop = await rack.waitForConsole(NODE, /MM-AGENT-STORE-INVALID[\s\S]*# reset \(/, { timeoutMs: FILL_MS, after: second.end });
    const warnings = rack.consoleText(NODE).slice(begin, stop.end).match(/metamaster: MM-AGENT-STORE-FILL/g) ?? [];
    expectEqual('warnings, once each', String(warnings.length), '2');
    journey.measured['from the warning at 90 % to the stop, s'] = Math.round((stop.seconds - second.seconds) * 10) / 10;
    end = stop.end;
  });
  await journey.stage('its next boot says that the store overflowed, and what to do', async () => {
    const menu = await rack.waitForConsole(NODE, /Debug console/, { timeoutMs: PATIENCE.menuMs, after: end });
    await rack.type(NODE, 'b');
    await expectRefusal(cluster, journey, menu.end, 'MM-BOOT-STORE-FULL', /what to do: Reset it/);
    const { state } = readStore(cluster);
    // Copies that were under way have their chunks in the dead kernel's memory alone: on the SAN a few seem free.
    expectThat('the store, on the SAN', state.kind !== 'none' && state.kind !== 'empty' && !state.valid && state.problems.length === 0 && state.usage.freeChunks <= COPIES_UNDER_WAY_MAX, state);
  });
  await journey.stage('reset, it boots: what the store held is gone, its state volume is not', async () => {
    await mend(cluster, ({ label }) => resetSteps({ current: label, releaseOwner: true }));
    await boot(cluster);
    expectEqual('the file in the store', await cluster.ssh(NODE, `test -e ${FILE} && echo there || echo gone`), 'gone');
    expectEqual('the file on the state volume', await cluster.ssh(NODE, 'cat /var/lib/metamaster/kept'), 'kept');
  });
}

async function invalidated(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  await journey.stage('a store that is marked invalid, and did not overflow, is told apart', async () => {
    await cluster.ssh(NODE, `echo kept > ${FILE}; sync`);
    await mend(cluster, ({ header }) => {
      // As the kernel does when a read or a write of the store fails (drivers/md/dm-snap-persistent.c, persistent_drop_snapshot).
      viewOf(header).setUint32(4, 0, true);
      return [{ kind: 'write', offset: DATA_OFFSET_BYTES, bytes: header }];
    });
    await cluster.bootDisc(NODE, 'b');
    await expectRefusal(cluster, journey, 0, 'MM-BOOT-STORE-INVALID', /what to do: Set it valid again/);
    expectEqual('the store, on the SAN', shownState(readStore(cluster)), 'invalidated, marked invalid, tables whole');
  });
  await journey.stage('set valid again, it boots, and nothing is lost', async () => {
    await mend(cluster, ({ volume, label, header, state }) => valueOf(revalidateSteps({ volume: volume.name, label: label.label, header, state, ownerDown: true })));
    await boot(cluster);
    expectEqual('the file in the store', await cluster.ssh(NODE, `cat ${FILE}`), 'kept');
    await rack.dvdOut(NODE);
  });
}

export async function fullStore({ disc }: Cluster, journey: Journey): Promise<void> {
  const cluster = new Cluster({ name: 'full-store', disc });
  const { rack } = cluster;
  let passed = false;
  try {
    await journey.stage(`a rack of one blade, and a cluster whose store has ${STORE_MIB} MiB`, async () => {
      await rack.down({ wipe: true });
      await rack.up({ blades: 1, memory: '1G', kernel: 'build/images/current/vmlinuz' });
      await cluster.install([NODE], STORE_MIB);
    });
    await journey.stage('its node boots, and knows that its store can fill', async () => {
      await boot(cluster);
      await cluster.ssh(NODE, `echo kept > ${FILE}; echo kept > /var/lib/metamaster/kept; sync`);
      const { percent, canFill } = await storeFact(cluster);
      expectThat('the store can fill, and has not yet', canFill && percent < 70, { percent, canFill });
      journey.measured['fill of a store of 128 MiB after its first boot, %'] = percent;
    });
    await fills(cluster, journey);
    await invalidated(cluster, journey);
    passed = true;
  } finally {
    // After a failure the consoles' logs stay: build/rack/full-store/logs.
    await rack.down({ wipe: passed });
  }
}
