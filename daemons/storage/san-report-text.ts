// A SAN's report for people.

import { problemLine } from '../core/problem.ts';
import { timeText } from '../core/unix-time.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import type { ContainerReport, SanReport } from './san-report.ts';
import type { VolumeReport } from './volume-report.ts';

/** The report as text, lines ended by a newline: the disk, each container with its nodes and volumes, then what is wrong. */
export function formatSanReport(report: SanReport): string {
  const lines = [`SAN of ${size(report.diskBytes)}`];
  if (report.gpt) {
    lines.push(`GPT ${report.gpt.diskGuid}${report.gpt.usedBackup ? ' (read from the backup)' : ''}`);
    for (const part of report.gpt.partitions) lines.push(`  ${part.name.padEnd(36)} sectors ${part.firstSector}-${part.lastSector} (${size((part.lastSector - part.firstSector + 1) * SECTOR_BYTES)})`);
  }
  for (const container of report.containers) lines.push('', ...containerLines(container));
  if (report.warnings.length > 0) lines.push('', 'Warnings:', ...report.warnings.map((problem) => `  ${problemLine(problem)}`));
  lines.push('');
  if (report.problems.length > 0) lines.push('Problems:', ...report.problems.map((problem) => `  ${problemLine(problem)}`));
  else lines.push('No problems.');
  return `${lines.join('\n')}\n`;
}

function containerLines(container: ContainerReport): string[] {
  const lines = [`Container ${container.name}`];
  const { superblock, registry, current } = container;
  if (superblock) lines.push(`  cluster ${superblock.clusterUuid}, ${superblock.writers} writers, slots of ${size(superblock.slotBytes)}`);
  for (const slot of container.slots) {
    if (slot.state === 'empty') continue;
    const header = slot.header ? `  lease version ${slot.header.leaseVersion}, generation ${slot.header.generation}, ${slot.header.length} bytes, ${timeText(slot.header.writtenAtUnixMs)}` : '';
    lines.push(`  slot ${slot.writer}/${slot.slot}  ${slot.state.padEnd(14)}${header}`.trimEnd());
  }
  if (!registry || !current) return lines;
  const { roster } = registry;
  lines.push(`  registry: generation ${current.generation}, cluster name ${roster.clusterName}, domain ${roster.domain}`);
  lines.push(`  meta-master ${roster.metaMasterAddress}, SAN ${roster.san.address}:${roster.san.port} ${roster.san.target}`);
  for (const node of roster.nodes) lines.push(`  node ${String(node.number).padStart(3)}  ${node.name.padEnd(16)} ${node.address.padEnd(15)} ${node.macs.join(' ')}`);
  for (const origin of registry.origins) lines.push(`  origin ${origin.volume}  ${origin.uuid}  ${size(origin.imageBytes)}, kernel ${origin.kernelRelease}, boot volume ${origin.bootVolume}`);
  for (const volume of container.volumes) lines.push(...volumeLines(volume));
  lines.push(`  free: ${container.freeExtents ?? 0} of ${registry.extentCount} extents of ${size(registry.extentBytes)}`);
  return lines;
}

function volumeLines({ volume, label, owner, storeHeader, bootFiles }: VolumeReport): string[] {
  const extents = volume.extents.map((extent) => `${extent.start}+${extent.count}`).join(' ');
  const marks = [volume.retired, label?.state, storeHeader && !storeHeader.valid ? 'INVALID' : undefined].filter((mark) => mark !== undefined);
  const lines = [`  volume ${volume.name.padEnd(16)} ${volume.kind.padEnd(7)} ${size(volume.sizeBytes).padStart(10)}  extents ${extents}  ${marks.join(', ')}`.trimEnd()];
  if (owner) lines.push(`    owner ${owner.hardwareId}, epoch ${owner.epoch}, counter ${owner.counter}, renewed ${timeText(owner.renewedAtUnixMs)}`);
  for (const file of bootFiles ?? []) lines.push(`    file ${file.name.padEnd(24)} ${String(file.bytes).padStart(10)} bytes at ${file.offset}`);
  return lines;
}

function size(bytes: number): string {
  if (bytes >= 1024 * MIB) return `${(bytes / (1024 * MIB)).toFixed(1)} GiB`;
  if (bytes >= MIB) return `${(bytes / MIB).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${bytes} bytes`;
}
