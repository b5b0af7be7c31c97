// For tests: installations, recorded through the installer's own disk. mkfs and resize2fs are run in name only, for they need
// device-mapper; whoever uses this replaces daemons/host/run.ts.

import { BLOCK_BYTES, MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { SectorRange } from '../../daemons/storage/container-partitions.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { GPT_BACKUP_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { Installation, type DiscPlaces } from '../../scripts/install/engine.ts';
import { ModelDisk, sampleRequest, SilentProgress } from '../../scripts/install/install.test-kit.ts';
import { planLayout, type Layout } from '../../scripts/install/layout.ts';
import { examineForInstall, keptTable, refusal } from '../../scripts/install/san-content.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { journalOfSteps } from './crash-journal.ts';
import type { ByteRange } from './iscsi-conversation.ts';
import type { CrashCase } from './crash-states.ts';
import { foreignSector, imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

/** Two containers of the least size, and some room that is nobody's. */
const DISK_BYTES = 2560 * MIB;
/** On one in so many of the disks that can be installed on again, it is done. */
const COMPLETED_EVERY = 40;

const bytesOf = ({ firstSector, sectors }: SectorRange): ByteRange => ({ offset: firstSector * SECTOR_BYTES, length: sectors * SECTOR_BYTES });
const TABLES: readonly ByteRange[] = [{ offset: 0, length: GPT_PRIMARY_SECTORS * SECTOR_BYTES }, { offset: DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES, length: GPT_BACKUP_SECTORS * SECTOR_BYTES }];

function layoutFor(read: ReadAt, container: string, firstUuid: number, more: readonly string[]): Layout {
  const existing = keptTable(examineForInstall(read, DISK_BYTES, container), container);
  const request = sampleRequest(2, DISK_BYTES, [`container-name: ${container}`, 'container-size: 1024', 'swap-size: 16', ...more], firstUuid);
  return valueOf(planLayout({ ...request, ...(existing === undefined ? {} : { existing }) }));
}

/** Installs whatever is to be lost; the disk with its steps, and the plan. */
async function install(places: DiscPlaces, before: MemoryDisk, container: string, firstUuid: number, more: readonly string[] = []): Promise<{ disk: ModelDisk; layout: Layout }> {
  const disk = new ModelDisk(DISK_BYTES, before);
  const layout = layoutFor(disk.read, container, firstUuid, more);
  await new Installation(layout, disk, places, new SilentProgress()).run();
  disk.close();
  return { disk, layout };
}

const clusterOf = (read: ReadAt, container: string): string | undefined => {
  const found = readContainer(read, DISK_BYTES, container);
  return found.ok ? found.value.registry.clusterUuid : undefined;
};

function wholeCluster(read: ReadAt): void {
  const { problems, warnings } = examineSan(read, DISK_BYTES, { thorough: true });
  const [first] = [...problems, ...warnings];
  if (first !== undefined) throw new Error(`an installation with ${first.code} at ${first.where}: ${first.seen}`);
}

/** What stands on the disk beforehand, with the layouts of its containers. */
interface Start {
  readonly name: string;
  readonly disk: MemoryDisk;
  /** The container that is installed over. */
  readonly old?: Layout;
  readonly neighbour?: Layout;
}

/** Both places of a registry's superblock: the first that an installation takes from an old cluster. */
function superblocksOf({ ranges }: Layout): readonly ByteRange[] {
  const { offset, length } = bytesOf(ranges.registry);
  return [offset, offset + length - BLOCK_BYTES].map((at) => ({ offset: at, length: BLOCK_BYTES }));
}

async function installation(places: DiscPlaces, { name, disk: start, old, neighbour }: Start, more: readonly string[]): Promise<Operation> {
  const { disk, layout } = await install(places, start, 'debian', 5000, more);
  const before = imageOf(start);
  let firstUuid = 9000;

  function neighbourStands(read: ReadAt): void {
    if (neighbour !== undefined && clusterOf(read, 'other') !== neighbour.registry.clusterUuid) throw new Error('the container beside it cannot be read');
  }

  async function completes(read: ReadAt): Promise<void> {
    const finished = await install(places, new OverlayDisk(read), 'debian', (firstUuid += 100), more);
    wholeCluster(finished.disk.read);
    neighbourStands(finished.disk.read);
  }

  async function judge(read: ReadAt, crash: CrashCase): Promise<Outcome> {
    neighbourStands(read);
    const cluster = clusterOf(read, 'debian');
    if (cluster === layout.registry.clusterUuid) {
      wholeCluster(read);
      return 'new';
    }
    if (cluster !== undefined) {
      if (cluster !== old?.registry.clusterUuid) throw new Error(`a cluster that is neither the old nor the new one: ${cluster}`);
      const changed = foreignSector(before, superblocksOf(old), crash);
      if (changed !== undefined) throw new Error(`the old cluster can be read, but sector ${changed} has changed`);
      return 'old';
    }
    const refused = refusal(examineForInstall(read, DISK_BYTES, 'debian'), '/dev/sda');
    if (refused !== undefined) throw new Error(`refused without --force: ${refused.code}, ${refused.seen}`);
    if (crash.number % COMPLETED_EVERY === 0) await completes(read);
    return crash.patches().length === 0 ? 'old' : 'completable';
  }

  return { name, before, events: journalOfSteps(disk.steps), own: [...TABLES, ...Object.values(layout.ranges).map(bytesOf), ...(old === undefined ? [] : superblocksOf(old))], judge };
}

/** On an empty disk, beside another container, and over an old cluster in the same places and in others. */
export async function installOperations(places: DiscPlaces): Promise<readonly Operation[]> {
  const other = await install(places, new MemoryDisk(), 'other', 3000);
  const old = await install(places, other.disk.memory, 'debian', 1000);
  const over = { disk: old.disk.memory, old: old.layout, neighbour: other.layout };
  return [
    await installation(places, { name: 'install, empty disk', disk: new MemoryDisk() }, []),
    await installation(places, { name: 'install, beside a container', disk: other.disk.memory, neighbour: other.layout }, []),
    await installation(places, { name: 'install over, same places', ...over }, []),
    await installation(places, { name: 'install over, other places', ...over }, ['maximum-nodes: 40']),
  ];
}
