// Reads what this machine is made of, once a boot, and writes it into memory for metamasterd to hand to other nodes. A bundle and a process of
// its own, which ends: systeminformation is large, and the boot services shall not carry it.
//
// systeminformation says what firmware and processor call themselves. What it would ask programs for that a node does not have (dmidecode), or would not
// see (interfaces that are down, disks beside the SAN's), is read by scripts/machine-files.ts, and so is everything that it does not say in time.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { baseboard, bios, cpu, mem, system } from 'systeminformation';
import { valueOf } from '../daemons/core/problem.ts';
import { parseUuid } from '../daemons/core/uuid.ts';
import { factText, formatHardware, type HardwareFacts, known, parseHardware } from '../daemons/hardware/hardware-facts.ts';
import { readSmbios } from '../daemons/hardware/smbios-table.ts';
import { hasIpmiDevice, isUdevBusy, readBootMode, readDisks, readDmiTable, readMemoryBytes, readNics, readProcessors, readWatchdog } from './machine-files.ts';

/** Where it is written: in memory, in the folder that the unit makes. */
export const HARDWARE_FILE = '/run/metamaster-hardware/hardware.json';
/** One call of systeminformation starts three small programs; on a blade that is busy booting they take seconds. */
const CALL_TIMEOUT_MS = 10_000;
/** Drivers are still being loaded while udev is busy; a card whose driver comes later is not seen. */
const UDEV_TIMEOUT_MS = 30_000;
const UDEV_POLL_MS = 250;
/** metamasterd, and root. Serial numbers are no business of other users. */
const FILE_MODE = 0o600;

const HELP = `hardware-collector [--output FILE]
Reads what this machine is made of and writes it down, for \`metamaster node hardware\`. Serial numbers and memory modules need the right to
read what only root may read (CAP_DAC_READ_SEARCH).

  --output FILE   [${HARDWARE_FILE}]`;

/** What systeminformation answered in time; undefined when it did not, or failed. */
async function asked<T>(call: () => Promise<T>): Promise<T | undefined> {
  const tooLate = new AbortController();
  try {
    return await Promise.race([call(), sleep(CALL_TIMEOUT_MS, undefined, { signal: tooLate.signal })]);
  } catch {
    return undefined;
  } finally {
    tooLate.abort();
  }
}

/** The first that says something. */
const first = (...texts: readonly unknown[]): string | undefined => texts.map(factText).find((text) => text !== undefined);

/**
 * The facts of this machine. One call after the other: together they would need the memory of all of them.
 * @param root the folder that stands for `/` in our own readings, `/` but for tests
 */
export async function collectHardware(root: string, readAtUnixMs: number): Promise<HardwareFacts> {
  const table = readSmbios(readDmiTable(root));
  const machine = await asked(system);
  const mainboard = await asked(baseboard);
  const firmware = await asked(bios);
  const processor = await asked(cpu);
  const memory = await asked(mem);
  const kernel = readProcessors(root);
  return {
    format: 'metamaster-hardware', version: 1, readAtUnixMs,
    system: known({ vendor: first(table.system.vendor, machine?.manufacturer), product: first(table.system.product, machine?.model), serial: first(table.system.serial, machine?.serial), uuid: table.system.uuid ?? parseUuid(machine?.uuid ?? '') }),
    board: known({ vendor: first(table.board.vendor, mainboard?.manufacturer), product: first(table.board.product, mainboard?.model), serial: first(table.board.serial, mainboard?.serial) }),
    bios: known({ vendor: first(table.bios.vendor, firmware?.vendor), version: first(table.bios.version, firmware?.version), date: table.bios.date ?? dateOf(firmware?.releaseDate) }),
    bootMode: readBootMode(root),
    cpu: known<HardwareFacts['cpu']>({ ...kernel, model: first([processor?.manufacturer, processor?.brand].join(' '), kernel.model), coresOff: table.coresOff }),
    memory: { bytes: readMemoryBytes(root) ?? memory?.total ?? 1, modules: table.modules },
    nics: readNics(root),
    disks: readDisks(root),
    ...known<Pick<HardwareFacts, 'watchdog'>>({ watchdog: readWatchdog(root) }),
    bmc: hasIpmiDevice(root) || table.bmc,
  };
}

const dateOf = (text: string | undefined): string | undefined => (text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : undefined);

/** Whole or not at all, for who reads it. */
function writeWhole(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content, { mode: FILE_MODE });
  renameSync(`${path}.new`, path);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { output: { type: 'string', default: HARDWARE_FILE }, help: { type: 'boolean', default: false } } });
  if (values.help) return void process.stdout.write(`${HELP}\n`);
  for (let waitedMs = 0; isUdevBusy('/') && waitedMs < UDEV_TIMEOUT_MS; waitedMs += UDEV_POLL_MS) await sleep(UDEV_POLL_MS);
  const content = formatHardware(await collectHardware('/', Date.now()));
  // Nobody else looks before it travels: a fact of ours that breaks its own rule is a fault to be seen here.
  valueOf(parseHardware(content, 'this machine'));
  writeWhole(values.output, content);
  // A program that systeminformation started and nobody waits for any more keeps no process.
  process.exit(0);
}

if (import.meta.main) await main();
