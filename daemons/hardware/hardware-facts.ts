// What one machine is made of, as far as it matters in a rack: read once a boot by scripts/hardware-collector.ts, kept as JSON in memory, and
// compared with that of other nodes. Every list and every string has a limit: it comes over the network.

import { encodeUtf8 } from '../core/bytes.ts';
import { type Mac, parseMac } from '../core/mac.ts';
import { isInterfaceName } from '../core/names.ts';
import type { Problem, Result } from '../core/problem.ts';
import { parseUuid, type Uuid } from '../core/uuid.ts';
import { canonicalJson } from '../storage/canonical-json.ts';
import { gather, literal, object, type Shape, text, whole } from '../storage/json-shape.ts';
import { HARDWARE_FACTS_MAX_BYTES } from '../wire/hardware-question.ts';

/** The longest string: SMBIOS has 64 characters for most of its own, and processors call themselves by up to 48. */
export const TEXT_MAX = 96;
/** Memory modules: sixteen sockets of 24 slots are the largest machine known. */
export const MODULES_MAX = 384;
/** Network cards: four with four ports each, and as many again. */
export const NICS_MAX = 32;
export const DISKS_MAX = 64;
const THREADS_MAX = 16_384;
/** 400 Gbit/s, four times. */
const SPEED_MAX_MBIT = 1_600_000;
const MODULE_SPEED_MAX = 100_000;

export const BOOT_MODES = ['bios', 'uefi'] as const;
export const VIRTUALISATIONS = ['vmx', 'svm', 'none'] as const;
export const DISK_BUSES = ['nvme', 'ata', 'usb', 'mmc', 'virtio', 'scsi', 'other'] as const;
export const LINKS = ['up', 'down'] as const;

/** One memory module that is plugged in. */
export interface MemoryModule {
  /** What the board calls its slot. */
  readonly slot?: string;
  readonly bytes: number;
  /** Million transfers a second, as it runs. */
  readonly speedMts?: number;
}

/** One network card: an interface with hardware behind it. */
export interface NetworkCard {
  readonly name: string;
  /** Missing where the address has not six bytes, as InfiniBand's. */
  readonly mac?: Mac;
  readonly driver?: string;
  /** Vendor and device, four hexadecimal digits each, with a colon between. */
  readonly pciId?: string;
  /** Missing while the interface is not up: then nobody knows. */
  readonly link?: (typeof LINKS)[number];
  /** Missing where the driver does not tell, as of a virtual card. */
  readonly speedMbit?: number;
}

/** A disk of the machine's own. Those of the SAN are not among them. */
export interface LocalDisk {
  readonly name: string;
  readonly model?: string;
  readonly bytes: number;
  readonly bus: (typeof DISK_BUSES)[number];
}

/** Facts of one machine. What it does not tell is missing. */
export interface HardwareFacts {
  readonly format: 'metamaster-hardware';
  readonly version: 1;
  readonly readAtUnixMs: number;
  readonly system: { readonly vendor?: string; readonly product?: string; readonly serial?: string; readonly uuid?: Uuid };
  readonly board: { readonly vendor?: string; readonly product?: string; readonly serial?: string };
  /** `date` as `2026-11-21`. */
  readonly bios: { readonly vendor?: string; readonly version?: string; readonly date?: string };
  readonly bootMode: (typeof BOOT_MODES)[number];
  /** `cores` are those that the kernel runs on, `threads` with hyper-threading; `threadsOff` are there and not used by the kernel, `coresOff` were switched off in the firmware. */
  readonly cpu: {
    readonly model?: string; readonly sockets: number; readonly cores: number; readonly threads: number; readonly threadsOff: number; readonly coresOff?: number;
    readonly virtualisation: (typeof VIRTUALISATIONS)[number];
  };
  /** `bytes` is what the kernel has to give: less than what is plugged in. */
  readonly memory: { readonly bytes: number; readonly modules: readonly MemoryModule[] };
  readonly nics: readonly NetworkCard[];
  readonly disks: readonly LocalDisk[];
  /** What the first hardware watchdog calls itself. */
  readonly watchdog?: string;
  /** A controller that speaks IPMI. */
  readonly bmc: boolean;
}

/** True for what may stand in a string of the facts: printable ASCII, not empty, without blanks at its ends. */
export const isFactText = (value: string): boolean => value.length <= TEXT_MAX && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value);

/** What firmware says where its maker filled nothing in. */
const PLACEHOLDER = /^(-|0+|1?23456789\d*|x+|n\/?a|none|null|unknown|undefined|invalid|empty|default( string)?|not (specified|available|applicable|present|set)|no (asset tag|dimm|module.*)|to be filled.*|o\.?e\.?m\.?|system (manufacturer|product name|version|serial number|name)|base board .*|chassis .*|computer|\.+)$/i;

/** A string from firmware as facts have it: without what does not print, cut; undefined when it says nothing. */
export function factText(raw: unknown): string | undefined {
  if (typeof raw !== 'string') return undefined;
  const clean = raw.replaceAll(/[^\x20-\x7e]+/g, ' ').replaceAll(/ {2,}/g, ' ').trim().slice(0, TEXT_MAX).trim();
  return clean === '' || PLACEHOLDER.test(clean) ? undefined : clean;
}

/** Without the properties that are undefined. */
export const known = <T extends object>(fields: { readonly [K in keyof T]-?: T[K] | undefined }): T => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

/** A list of at most so many; a longer one is not looked at. */
function listUpTo<T>(item: Shape<T>, most: number): Shape<readonly T[]> {
  return (value, at, report) => {
    if (!Array.isArray(value) || value.length > most) {
      report(at, `a list of at most ${most}`, Array.isArray(value) ? `${value.length} items` : value);
      return undefined;
    }
    const items = value.map((entry: unknown, i) => item(entry, `${at}[${i}]`, report));
    return items.includes(undefined) ? undefined : (items as T[]);
  };
}

const words = text(`printable ASCII of 1 to ${TEXT_MAX} characters`, isFactText);
const bytes = whole(1, Number.MAX_SAFE_INTEGER);
const truth = literal(true, false);
const count = whole(1, THREADS_MAX);
const none = whole(0, THREADS_MAX);

const factsShape = object<HardwareFacts>({
  format: literal('metamaster-hardware'),
  version: literal(1),
  readAtUnixMs: whole(0, Number.MAX_SAFE_INTEGER),
  system: object<HardwareFacts['system']>({ vendor: { optional: words }, product: { optional: words }, serial: { optional: words }, uuid: { optional: text('a UUID', (value) => parseUuid(value)) } }),
  board: object<HardwareFacts['board']>({ vendor: { optional: words }, product: { optional: words }, serial: { optional: words } }),
  bios: object<HardwareFacts['bios']>({ vendor: { optional: words }, version: { optional: words }, date: { optional: text('a date as 2026-11-21', (value) => /^\d{4}-\d{2}-\d{2}$/.test(value)) } }),
  bootMode: literal(...BOOT_MODES),
  cpu: object<HardwareFacts['cpu']>({ model: { optional: words }, sockets: count, cores: count, threads: count, threadsOff: none, coresOff: { optional: none }, virtualisation: literal(...VIRTUALISATIONS) }),
  memory: object<HardwareFacts['memory']>({ bytes, modules: listUpTo(object<MemoryModule>({ slot: { optional: words }, bytes, speedMts: { optional: whole(1, MODULE_SPEED_MAX) } }), MODULES_MAX) }),
  nics: listUpTo(object<NetworkCard>({
    name: text('the name of a network interface', isInterfaceName),
    mac: { optional: text('a MAC address', (value) => parseMac(value)) },
    driver: { optional: words },
    pciId: { optional: text('two times four hexadecimal digits with a colon between', (value) => /^[0-9a-f]{4}:[0-9a-f]{4}$/.test(value)) },
    link: { optional: literal(...LINKS) },
    speedMbit: { optional: whole(1, SPEED_MAX_MBIT) },
  }), NICS_MAX),
  disks: listUpTo(object<LocalDisk>({ name: words, model: { optional: words }, bytes: whole(0, Number.MAX_SAFE_INTEGER), bus: literal(...DISK_BUSES) }), DISKS_MAX),
  watchdog: { optional: words },
  bmc: truth,
});

const REMEDY = 'Start the collector again on that node: `systemctl restart metamaster-hardware`.';

/**
 * Reads facts. Problems: MM-HARDWARE-FACTS, all together.
 * @param where whose they are: a file's path, or a node's name
 */
export function parseHardware(content: string, where: string): Result<HardwareFacts> {
  const problems: Problem[] = [];
  const report = gather(problems, 'MM-HARDWARE-FACTS', REMEDY);
  if (content.length > HARDWARE_FACTS_MAX_BYTES) report(where, `at most ${HARDWARE_FACTS_MAX_BYTES} characters`, content.length);
  else {
    try {
      const facts = factsShape(JSON.parse(content), '', (at, rule, seen) => report(at === '' ? where : `${where}: ${at}`, rule, seen));
      if (facts !== undefined) return { ok: true, value: facts };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      report(where, 'must be JSON', error.message);
    }
  }
  return { ok: false, problems };
}

/** The one spelling of these facts, a line. Throws RangeError when it would be too long: a fault of whoever gathered them. */
export function formatHardware(facts: HardwareFacts): string {
  const line = `${canonicalJson(facts)}\n`;
  if (encodeUtf8(line).length > HARDWARE_FACTS_MAX_BYTES) throw new RangeError(`hardware facts of ${line.length} characters; at most ${HARDWARE_FACTS_MAX_BYTES}`);
  return line;
}
