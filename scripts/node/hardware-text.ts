// What `metamaster node hardware` shows to a person.

import { problemLine } from '../../daemons/core/problem.ts';
import type { HardwareGroups, HardwareRemark } from '../../daemons/hardware/hardware-differences.ts';
import type { HardwareFacts } from '../../daemons/hardware/hardware-facts.ts';
import type { HardwareReport, NodeHardware } from './hardware-command.ts';

const UNKNOWN = '?';
const GIB = 2 ** 30;
const MIB = 2 ** 20;

const sizeText = (bytes: number): string => (bytes >= GIB ? `${Math.round((bytes * 10) / GIB) / 10} GiB` : `${Math.round(bytes / MIB)} MiB`);

/** The parts that there are, in one line. */
const joined = (...parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined).join(' ') || UNKNOWN;

/** Lines with the columns under each other. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd());
}

function overview({ number, name, facts, remarks, cards }: NodeHardware): readonly string[] {
  if (facts === undefined) return [String(number), name, 'no answer', '', '', '', '', ''];
  const { system, cpu, memory, bios, nics } = facts;
  const wrong = remarks.length + cards.length;
  return [String(number), name, joined(system.vendor, system.product), `${cpu.cores} × ${cpu.model ?? UNKNOWN}`, sizeText(memory.bytes), joined(bios.version), String(nics.length), wrong === 0 ? '-' : String(wrong)];
}

function remarkText({ code, node, what, own, peers, peersWith, peersTelling, meaning, remedy }: HardwareRemark): string[] {
  return [`${code}: ${node}: ${what}: ${own}; with ${peersWith} of ${peersTelling} others: ${peers}`, `  what it may mean: ${meaning}`, `  what to do: ${remedy}`];
}

function groupsText({ code, what, groups }: HardwareGroups): string[] {
  return [`${code}: ${what}: the nodes differ, and none of the values is that of most:`, ...groups.map(({ value, nodes }) => `  ${value}: ${nodes.join(', ')}`)];
}

function detail(facts: HardwareFacts): string[] {
  const { system, board, bios, bootMode, cpu, memory, nics, disks, watchdog, bmc, readAtUnixMs } = facts;
  const off = [...(cpu.threadsOff > 0 ? [`${cpu.threadsOff} threads not used`] : []), ...((cpu.coresOff ?? 0) > 0 ? [`${cpu.coresOff} cores off in the firmware`] : [])];
  return [
    ...table([
      ['machine', joined(system.vendor, system.product, system.serial && `serial ${system.serial}`)],
      ['UUID', joined(system.uuid)],
      ['board', joined(board.vendor, board.product, board.serial && `serial ${board.serial}`)],
      ['firmware', `${joined(bios.vendor, bios.version, bios.date)}, boots by ${bootMode.toUpperCase()}`],
      ['processor', [`${cpu.sockets} × ${cpu.model ?? UNKNOWN}`, `${cpu.cores} cores`, `${cpu.threads} threads`, ...off, `virtualisation ${cpu.virtualisation}`].join(', ')],
      ['memory', `${sizeText(memory.bytes)} for the kernel`],
      ...memory.modules.map(({ slot, bytes, speedMts }): [string, string] => ['', joined(slot ?? 'module', sizeText(bytes), speedMts === undefined ? undefined : `at ${speedMts} MT/s`)]),
      ...nics.map(({ name, mac, driver, pciId, link, speedMbit }): [string, string] => [name, joined(mac, driver, pciId, link === undefined ? 'not in use' : `link ${link}`, speedMbit === undefined ? undefined : `${speedMbit} Mbit/s`)]),
      ...disks.map(({ name, model, bytes, bus }): [string, string] => [name, joined('disk of its own', bus, model, sizeText(bytes))]),
      ['watchdog', watchdog ?? 'none'],
      ['BMC', bmc ? 'present' : 'none'],
      ['read at', new Date(readAtUnixMs).toISOString()],
    ]),
    '',
  ];
}

/** The report as text; `isDetailed` shows each node's facts one by one. */
export function hardwareText({ nodes, undecided }: HardwareReport, isDetailed: boolean): string {
  const remarks = [...nodes.flatMap((node) => node.remarks.flatMap(remarkText)), ...undecided.flatMap(groupsText)];
  const cards = nodes.flatMap((node) => node.cards.map(problemLine));
  const nothing = remarks.length + cards.length === 0 && nodes.some(({ facts }) => facts !== undefined) ? ['nothing differs'] : [];
  const rows = [['node', 'name', 'machine', 'cores', 'memory', 'firmware', 'cards', 'remarks'], ...nodes.map(overview)];
  const head = isDetailed ? nodes.flatMap(({ facts }) => (facts === undefined ? [] : detail(facts))) : [...table(rows), ''];
  return [...head, ...remarks, ...cards, ...nothing, ''].join('\n');
}
