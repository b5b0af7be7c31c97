// The firmware's own list of what is in the machine: the structures of /sys/firmware/dmi/tables/DMI (DMTF DSP0134, SMBIOS 3.7). Nodes have no
// dmidecode. A table that ends in mid-structure, or lies about its lengths, gives what could be read of it; nothing here throws.

import { decodeLatin1, toHex, viewOf } from '../core/bytes.ts';
import { swapGuidOrder, type Uuid, uuidFromBytes } from '../core/uuid.ts';
import { factText, type HardwareFacts, known, type MemoryModule, MODULES_MAX } from './hardware-facts.ts';

/** Types of structures, section 7. */
const BIOS = 0;
const SYSTEM = 1;
const BOARD = 2;
const PROCESSOR = 4;
const MEMORY_DEVICE = 17;
const IPMI_DEVICE = 38;
const END_OF_TABLE = 127;
/** Type and length, a byte each, and a handle of two. */
const HEAD_BYTES = 4;
/** More than any machine has: a table that goes on beyond is not read on. */
const STRUCTURES_MAX = 4096;

const KIB = 1024;
const MIB = KIB * KIB;

/** What the table says; what it does not say is missing. */
export interface SmbiosFacts {
  readonly system: HardwareFacts['system'];
  readonly board: HardwareFacts['board'];
  readonly bios: HardwareFacts['bios'];
  readonly modules: readonly MemoryModule[];
  /** Cores that are in the processors and were switched off in the firmware; undefined where it does not tell. */
  readonly coresOff: number | undefined;
  /** A controller that speaks IPMI is described. */
  readonly bmc: boolean;
}

/** One structure: its formatted part, head included, and its strings. */
interface Structure {
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly strings: readonly string[];
}

/** Section 6.1: the formatted part, then strings with a zero behind each, and one more zero. */
function structuresOf(table: Uint8Array): readonly Structure[] {
  const found: Structure[] = [];
  for (let at = 0; at + HEAD_BYTES <= table.length && found.length < STRUCTURES_MAX; ) {
    const [type, length] = [table[at]!, table[at + 1]!];
    if (length < HEAD_BYTES || at + length > table.length) break;
    let end = at + length;
    while (end + 1 < table.length && (table[end] !== 0 || table[end + 1] !== 0)) end++;
    found.push({ type, bytes: table.subarray(at, at + length), strings: decodeLatin1(table.subarray(at + length, end)).split('\0') });
    if (type === END_OF_TABLE) break;
    at = end + 2;
  }
  return found;
}

/** The fields of one structure: undefined when it is too short to have it, as those of older tables are. */
class Fields {
  readonly #structure: Structure;

  constructor(structure: Structure) {
    this.#structure = structure;
  }

  byte(at: number): number | undefined {
    return this.#structure.bytes[at];
  }

  word(at: number): number | undefined {
    const { bytes } = this.#structure;
    return at + 2 <= bytes.length ? viewOf(bytes).getUint16(at, true) : undefined;
  }

  double(at: number): number | undefined {
    const { bytes } = this.#structure;
    return at + 4 <= bytes.length ? viewOf(bytes).getUint32(at, true) : undefined;
  }

  /** Strings are counted from 1; 0 is none. */
  string(at: number): string | undefined {
    return factText(this.#structure.strings[(this.byte(at) ?? 0) - 1]);
  }

  /** Section 7.2.1: in the mixed order of a GPT; all ones and all zeros say that there is none. */
  uuid(at: number): Uuid | undefined {
    const bytes = this.#structure.bytes.subarray(at, at + 16);
    return bytes.length < 16 || /^(0+|f+)$/.test(toHex(bytes)) ? undefined : uuidFromBytes(swapGuidOrder(bytes));
  }
}

/** Section 7.1: `mm/dd/yyyy`. */
function dateOf(raw: string | undefined): string | undefined {
  const [, month, day, year] = /^(\d{2})\/(\d{2})\/(\d{4})$/.exec(raw ?? '') ?? [];
  return year === undefined ? undefined : `${year}-${month}-${day}`;
}

/** Section 7.18: 0 is an empty slot, 0xffff unknown, 0x7fff *see the extended size*; bit 15 says KiB. */
function moduleOf(fields: Fields): MemoryModule | undefined {
  const size = fields.word(0x0c) ?? 0;
  if (size === 0 || size === 0xffff) return undefined;
  const bytes = size === 0x7fff ? ((fields.double(0x1c) ?? 0) & 0x7fffffff) * MIB : (size & 0x7fff) * (size & 0x8000 ? KIB : MIB);
  // As configured, else as rated; 0 is unknown, 0xffff in a field of SMBIOS 3.3.
  const [configured, rated] = [fields.word(0x20) ?? 0, fields.word(0x15) ?? 0].map((speed) => (speed === 0xffff ? 0 : speed));
  const [slot, speedMts] = [fields.string(0x10), configured! > 0 ? configured! : rated!];
  return bytes === 0 ? undefined : { ...(slot === undefined ? {} : { slot }), bytes, ...(speedMts > 0 ? { speedMts } : {}) };
}

/** Section 7.5: cores in the socket less those that are enabled; undefined for an empty socket, and where the firmware does not count. */
function coresOffOf(fields: Fields): number | undefined {
  const isPopulated = ((fields.byte(0x18) ?? 0) & 0x40) !== 0;
  const counted = (byteAt: number, wordAt: number): number => {
    const byte = fields.byte(byteAt) ?? 0;
    return byte === 0xff ? (fields.word(wordAt) ?? 0) : byte;
  };
  const [cores, enabled] = [counted(0x23, 0x2a), counted(0x24, 0x2c)];
  return isPopulated && cores > 0 && enabled > 0 && enabled <= cores ? cores - enabled : undefined;
}

/** Reads the table. Never throws. */
export function readSmbios(table: Uint8Array): SmbiosFacts {
  const structures = structuresOf(table);
  const all = (type: number): readonly Fields[] => structures.flatMap((structure) => (structure.type === type ? [new Fields(structure)] : []));
  const [bios, system, board] = [all(BIOS)[0], all(SYSTEM)[0], all(BOARD)[0]];
  const coresOff = all(PROCESSOR).map(coresOffOf).filter((off) => off !== undefined);
  return {
    system: known({ vendor: system?.string(0x04), product: system?.string(0x05), serial: system?.string(0x07), uuid: system?.uuid(0x08) }),
    board: known({ vendor: board?.string(0x04), product: board?.string(0x05), serial: board?.string(0x07) }),
    bios: known({ vendor: bios?.string(0x04), version: bios?.string(0x05), date: dateOf(bios?.string(0x08)) }),
    modules: all(MEMORY_DEVICE).flatMap((fields) => moduleOf(fields) ?? []).slice(0, MODULES_MAX),
    coresOff: coresOff.length === 0 ? undefined : coresOff.reduce((sum, off) => sum + off, 0),
    bmc: all(IPMI_DEVICE).length > 0,
  };
}
