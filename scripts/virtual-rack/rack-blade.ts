// A blade's power switch, reset button and DVD drive.

import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseMac } from '../../daemons/core/mac.ts';
import { parseUuid } from '../../daemons/core/uuid.ts';
import { qemuArgv, type BladeHardware } from './blade-argv.ts';
import { parseRecord, POWER_ON } from './console-log.ts';
import { shown } from './commands.ts';
import { fail, messageOf } from './failure.ts';
import { findFirmware } from './firmware.ts';
import { bladeFiles, bladeMac, bladeUuid, markOf, MAX_BLADES, outsideMac, tapName } from './identity.ts';
import { asIfPlugged } from './network-plan.ts';
import { qmp } from './qmp.ts';
import { applyNetwork, presentNetwork } from './rack-network.ts';
import { startVlan, stopVlan, vlanProcesses, vlanRoles } from './rack-vlan.ts';
import { inRoom, readBlade, settingsWhenUp, writeBlade, type RackContext, type RackSettings } from './rack-state.ts';
import { isVlan, vlanPorts } from './vlan-plan.ts';

/** QEMU is at its first instruction within half a second; twenty allow for a host that emulates on every processor. */
const START_LIMIT_MS = 20_000;
const POLL_MS = 50;
/** A console logger ends by itself when its blade does; it has a few lines to write. */
const LOGGER_LIMIT_MS = 2000;
/** A console log beyond this is put aside as `.1` at the next power-on. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/** How a blade is built for one power-on. What is left out is the rack's default. */
export interface PowerOnOptions {
  /** In QEMU's spelling, e.g. `512M`. */
  readonly memory?: string | undefined;
  readonly processors?: number | undefined;
  /** QEMU's `-cpu`. */
  readonly cpu?: string | undefined;
  /** Another mainboard: its SMBIOS UUID. */
  readonly hardwareUuid?: string | undefined;
  /** The hardware clock at power-on, in UTC, e.g. `2000-01-01`; the default is the host's time. */
  readonly clock?: string | undefined;
  /** Another network card. */
  readonly mac?: string | undefined;
  /** The network card's option ROM: a file, or `none`. */
  readonly rom?: string | undefined;
  readonly uefi?: boolean | undefined;
  /** Which UEFI firmware: `debian-12` (the default), `debian-13`, or the path of a code image. */
  readonly firmware?: string | undefined;
  /** How UEFI firmware of its own boots from the network: `pxe` (the default, where `rom` is `none`) or `http`. */
  readonly networkBoot?: string | undefined;
  /** Adds the second interface, on the outside network. */
  readonly outside?: boolean | undefined;
  /** Puts that second interface before the boot interface. */
  readonly outsideFirst?: boolean | undefined;
  /** The switch port of the boot interface carries the boot network tagged, as this VLAN, and nothing else. */
  readonly vlan?: number | undefined;
  /** An image to boot from a USB stick. */
  readonly stick?: string | undefined;
  /** What the firmware tries first; the default is `dvd`. */
  readonly boot?: 'dvd' | 'network' | undefined;
}

export const bladeRole = (blade: number): string => `blade-${blade}`;
export const loggerRole = (blade: number): string => `console-${blade}`;

/** Throws MM-RACK-BLADE unless the number is a blade's. */
export function checkBlade(blade: number): void {
  if (!Number.isInteger(blade) || blade < 1 || blade > MAX_BLADES) {
    fail('MM-RACK-BLADE', 'blade', `a blade's number is 1 to ${MAX_BLADES}`, String(blade), 'See `scripts/rack status` for the blades there are.');
  }
}

const refused = (option: string, rule: string, seen: string): never =>
  fail('MM-RACK-HARDWARE', option, rule, seen, 'See `scripts/rack power --help`.');

/** QEMU takes no other spelling. */
const isClock = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2})?$/.test(text) && !Number.isNaN(Date.parse(`${text.slice(0, 10)}T${text.slice(11) || '00:00:00'}Z`));

/** What the blade is made of, with every option checked. */
function hardwareOf(context: RackContext, settings: RackSettings, blade: number, options: PowerOnOptions): BladeHardware {
  const { id } = context.identity;
  const files = bladeFiles(context.identity, blade);
  const memory = options.memory ?? settings.memory;
  if (!/^[1-9]\d*[MG]$/.test(memory)) refused('--memory', 'memory is a number with M or G', memory);
  const processors = options.processors ?? 1;
  if (!Number.isInteger(processors) || processors < 1 || processors > 16) refused('--smp', 'a blade has 1 to 16 processors', String(processors));
  const mac = options.mac === undefined ? bladeMac(id, blade) : (parseMac(options.mac) ?? refused('--mac', 'a MAC address is six bytes in hexadecimal', options.mac));
  const uuid = options.hardwareUuid === undefined ? bladeUuid(id, blade) : (parseUuid(options.hardwareUuid) ?? refused('--hardware-uuid', 'a UUID has the form 8-4-4-4-12', options.hardwareUuid));
  if (options.clock !== undefined && !isClock(options.clock)) refused('--clock', 'a date, or date and time, as 2000-01-01T12:00:00', options.clock);
  const rom = options.rom === undefined || options.rom === 'none' ? options.rom : resolve(options.rom);
  if (rom !== undefined && rom !== 'none' && !existsSync(rom)) refused('--rom', 'the option ROM must exist', rom);
  const stick = options.stick === undefined ? undefined : resolve(options.stick);
  if (stick !== undefined && !existsSync(stick)) refused('--stick', "the stick's image must exist", stick);
  const { dvd } = readBlade(context.identity, blade);
  if (dvd !== undefined && !existsSync(dvd)) fail('MM-RACK-DVD', dvd, 'the medium in the drive must exist', 'no such file', `Take it out: scripts/rack dvd out ${blade}.`);
  const { networkBoot = 'pxe' } = options;
  if (networkBoot !== 'pxe' && networkBoot !== 'http') return refused('--network-boot', 'one of pxe and http', networkBoot);
  if (networkBoot === 'http' && (options.uefi !== true || rom !== 'none')) refused('--network-boot', 'HTTP Boot is UEFI firmware\'s own: with --uefi and --rom none', networkBoot);
  const { vlan } = options;
  if (vlan !== undefined && !isVlan(vlan)) refused('--vlan', 'a VLAN has a number from 1 to 4094', String(vlan));
  if (options.outsideFirst === true && options.outside !== true) refused('--outside-first', 'needs --outside', 'no second interface');
  if (options.firmware !== undefined && options.uefi !== true) refused('--firmware', 'is of UEFI blades: with --uefi', options.firmware);
  const firmware = options.uefi === true ? findFirmware(options.firmware) : undefined;
  return {
    mark: markOf(context.identity, bladeRole(blade)),
    accelerator: settings.accelerator,
    ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
    processors,
    memory,
    uuid,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    mac,
    tap: tapName(blade, 'boot'),
    ...(vlan === undefined ? {} : { trunk: { local: vlanPorts(blade).blade, remote: vlanPorts(blade).trunk } }),
    ...(options.outside === true ? { outside: { mac: outsideMac(id, blade), tap: tapName(blade, 'outside') }, outsideFirst: options.outsideFirst === true } : {}),
    ...(rom === undefined ? {} : { rom }),
    ...(dvd === undefined ? {} : { dvd }),
    ...(stick === undefined ? {} : { stick }),
    first: options.boot ?? 'dvd',
    ...(firmware === undefined ? {} : { uefi: { code: firmware.code, variables: files.uefiVariables(firmware.key), networkBoot } }),
    serialSocket: files.serialSocket,
    qmpSocket: files.qmpSocket,
    eventsSocket: files.eventsSocket,
  };
}

/** The epoch time of the last power-on in a console log; undefined when it has none. */
function powerOnTime(log: string): number | undefined {
  if (!existsSync(log)) return undefined;
  const line = readFileSync(log, 'utf8').split('\n').findLast((text) => text.endsWith(` # ${POWER_ON}`));
  const record = line === undefined ? undefined : parseRecord(line);
  return record === undefined ? undefined : Date.parse(record.wallClock) - record.seconds * 1000;
}

/** Starts the blade's console logger; one that takes over counts from the power-on in the log. */
export async function startLogger(context: RackContext, blade: number, takesOver: boolean): Promise<void> {
  const files = bladeFiles(context.identity, blade);
  const since = takesOver ? powerOnTime(files.consoleLog) : undefined;
  const argv = [
    process.execPath, join(import.meta.dirname, 'console-logger.ts'),
    files.serialSocket, files.eventsSocket, files.consoleSocket, files.consoleLog, ...(since === undefined ? [] : [String(since)]),
  ];
  // In the boot namespace like the blade, so that `down` finds it there even without a record.
  await context.processes.start({ role: loggerRole(blade), argv: inRoom(context.identity, 'boot', argv), mark: files.serialSocket, logFile: files.loggerLog });
}

async function untilRunning(context: RackContext, blade: number, vlan: number | undefined): Promise<void> {
  const files = bladeFiles(context.identity, blade);
  let last = 'nothing heard';
  for (const deadline = performance.now() + START_LIMIT_MS; performance.now() < deadline; await sleep(POLL_MS)) {
    if (context.processes.find(bladeRole(blade)) === undefined) {
      last = `QEMU ended: ${readFileSync(files.qemuLog, 'utf8').trimEnd().split('\n').at(-1)}`;
      break;
    }
    const lost = vlan === undefined ? undefined : vlanRoles(blade).find((role) => context.processes.find(role) === undefined);
    if (lost !== undefined) {
      last = `${lost} ended: ${readFileSync(files.vlanLog, 'utf8').trimEnd().split('\n').at(-1)}`;
      break;
    }
    try {
      if (existsSync(files.qmpSocket) && existsSync(files.consoleSocket)) {
        await qmp(files.qmpSocket, 'query-status');
        return;
      }
    } catch (error) {
      last = messageOf(error);
    }
  }
  await removeBlade(context, blade);
  fail('MM-RACK-POWER', bladeRole(blade), `the blade must run within ${START_LIMIT_MS / 1000} s`, last, `See ${files.qemuLog} and ${files.loggerLog}.`);
}

/** Ends the blade, its logger and its switch port at once and removes their sockets. */
async function removeBlade(context: RackContext, blade: number): Promise<boolean> {
  const files = bladeFiles(context.identity, blade);
  const ran = await context.processes.stop(bladeRole(blade), 'kill');
  // The logger writes what the blade said last and ends; it is helped only when it does not.
  await context.processes.waitUntilGone(loggerRole(blade), ran ? LOGGER_LIMIT_MS : 0);
  await context.processes.stop(loggerRole(blade), 'kill');
  await stopVlan(context, blade);
  for (const socket of [files.serialSocket, files.consoleSocket, files.qmpSocket, files.eventsSocket]) rmSync(socket, { force: true });
  return ran;
}

/** Switches a blade on. @returns false when it was on already: its hardware is not changed */
export async function powerOn(context: RackContext, blade: number, options: PowerOnOptions): Promise<boolean> {
  checkBlade(blade);
  const settings = settingsWhenUp(context.identity);
  if (context.processes.find(bladeRole(blade)) !== undefined) return false;
  const hardware = hardwareOf(context, settings, blade, options);
  const argv = inRoom(context.identity, 'boot', qemuArgv(hardware));
  const { vlan } = options;
  const wiring = vlan === undefined ? [] : vlanProcesses(context, blade, vlan).map((each) => `start: ${shown(each.argv)}; `);
  await applyNetwork(context, [{ blade, outside: hardware.outside !== undefined }], asIfPlugged(await presentNetwork(context)));
  await context.changes.act(`${wiring.join('')}start: ${shown(argv)}`, async () => {
    const files = bladeFiles(context.identity, blade);
    await removeBlade(context, blade);
    if (existsSync(files.consoleLog) && statSync(files.consoleLog).size > LOG_LIMIT_BYTES) renameSync(files.consoleLog, `${files.consoleLog}.1`);
    if (hardware.uefi !== undefined && !existsSync(hardware.uefi.variables)) copyFileSync(findFirmware(options.firmware).variables, hardware.uefi.variables);
    const { vlan: _, ...kept } = readBlade(context.identity, blade);
    writeBlade(context.identity, blade, { ...kept, mac: hardware.mac, uuid: hardware.uuid, ...(vlan === undefined ? {} : { vlan }) });
    if (vlan !== undefined) await startVlan(context, blade, vlan);
    await startLogger(context, blade, false);
    await context.processes.start({ role: bladeRole(blade), argv, mark: hardware.mark, logFile: files.qemuLog });
    await untilRunning(context, blade, vlan);
  });
  return true;
}

/** Cuts a blade's power: nothing in it gets to know. @returns false when it was off */
export async function powerOff(context: RackContext, blade: number): Promise<boolean> {
  checkBlade(blade);
  const ran = context.processes.find(bladeRole(blade)) !== undefined;
  await context.changes.act(`kill blade ${blade}`, () => removeBlade(context, blade));
  return ran;
}

/** Throws MM-RACK-OFF unless the blade has power. */
export function requirePower(context: RackContext, blade: number): void {
  checkBlade(blade);
  if (context.processes.find(bladeRole(blade)) === undefined) {
    fail('MM-RACK-OFF', bladeRole(blade), 'the blade must have power', 'it is off', `Switch it on: scripts/rack power on ${blade}.`);
  }
}

/** Presses the reset button. */
export async function reset(context: RackContext, blade: number): Promise<void> {
  requirePower(context, blade);
  await context.changes.act(`reset blade ${blade}`, () => qmp(bladeFiles(context.identity, blade).qmpSocket, 'system_reset'));
}

/** Holds a blade's processors, as of a machine that hangs as a whole: its network card is silent, and its clock stands. Or lets it go on from there. */
export async function freezeBlade(context: RackContext, blade: number, frozen: boolean): Promise<void> {
  requirePower(context, blade);
  await context.changes.act(`${frozen ? 'freeze' : 'thaw'} blade ${blade}`, () => qmp(bladeFiles(context.identity, blade).qmpSocket, frozen ? 'stop' : 'cont'));
}

/** Presses the power button: the system hears of it by ACPI, and may do nothing. */
export async function pressButton(context: RackContext, blade: number): Promise<void> {
  requirePower(context, blade);
  await context.changes.act(`press the power button of blade ${blade}`, () => qmp(bladeFiles(context.identity, blade).qmpSocket, 'system_powerdown'));
}

/** Puts a medium into the blade's drive, whether it has power or not, in place of what is there. */
export async function dvdIn(context: RackContext, blade: number, iso: string): Promise<void> {
  checkBlade(blade);
  settingsWhenUp(context.identity);
  const path = resolve(iso);
  if (!existsSync(path)) fail('MM-RACK-DVD', path, 'the medium must exist', 'no such file', 'Give the path of an ISO image.');
  await context.changes.act(`put ${path} into blade ${blade}`, async () => {
    if (context.processes.find(bladeRole(blade)) !== undefined) {
      // By force: a hand at the drive does not ask the running system either.
      const change = { id: 'dvd', filename: path, format: 'raw', 'read-only-mode': 'read-only', force: true };
      await qmp(bladeFiles(context.identity, blade).qmpSocket, 'blockdev-change-medium', change);
    }
    writeBlade(context.identity, blade, { ...readBlade(context.identity, blade), dvd: path });
  });
}

/** Takes the medium out of the blade's drive, if there is one. */
export async function dvdOut(context: RackContext, blade: number): Promise<void> {
  checkBlade(blade);
  settingsWhenUp(context.identity);
  await context.changes.act(`take the medium out of blade ${blade}`, async () => {
    if (context.processes.find(bladeRole(blade)) !== undefined) {
      await qmp(bladeFiles(context.identity, blade).qmpSocket, 'eject', { id: 'dvd', force: true });
    }
    const { dvd: _, ...rest } = readBlade(context.identity, blade);
    writeBlade(context.identity, blade, rest);
  });
}
