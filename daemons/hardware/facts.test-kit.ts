// Made-up facts for tests: a blade as there are many, and any facts at all.

import fc from 'fast-check';
import type { Mac } from '../core/mac.ts';
import type { Uuid } from '../core/uuid.ts';
import { BOOT_MODES, DISK_BUSES, type HardwareFacts, isFactText, known, LINKS, type LocalDisk, type MemoryModule, type NetworkCard, VIRTUALISATIONS } from './hardware-facts.ts';

const GIB = 2 ** 30;

/** One blade of a rack; what is given stands in place of the usual. */
export function blade(number: number, other: Partial<HardwareFacts> = {}): HardwareFacts {
  return {
    format: 'metamaster-hardware', version: 1, readAtUnixMs: 1_795_000_000_000 + number,
    system: { vendor: 'Maker', product: 'Blade 7', serial: `S${number}`, uuid: `4c4c4544-0042-3510-8052-b4c04f4d000${number}` as Uuid },
    board: { vendor: 'Maker', product: 'B7', serial: `B${number}` },
    bios: { vendor: 'Maker', version: '2.1', date: '2024-05-06' },
    bootMode: 'uefi',
    cpu: { model: 'Processor 6230', sockets: 2, cores: 40, threads: 80, threadsOff: 0, coresOff: 0, virtualisation: 'vmx' },
    memory: { bytes: 31 * GIB + number, modules: ['A1', 'B1'].map((slot) => ({ slot, bytes: 16 * GIB, speedMts: 2933 })) },
    nics: [
      { name: 'eth0', mac: `52:54:00:12:00:0${number}` as Mac, driver: 'ixgbe', pciId: '8086:1528', link: 'up', speedMbit: 10_000 },
      { name: 'eth1', mac: `52:54:00:12:01:0${number}` as Mac, driver: 'ixgbe', pciId: '8086:1528' },
    ],
    disks: [],
    watchdog: 'iTCO_wdt',
    bmc: true,
    ...other,
  };
}

const words = fc.string({ minLength: 1, maxLength: 20 }).filter(isFactText);
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const count = fc.integer({ min: 1, max: 512 });
const bytes = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const digit = fc.constantFrom(...'0123456789abcdef');
const hex = (length: number): fc.Arbitrary<string> => fc.string({ unit: digit, minLength: length, maxLength: length });
const mac = fc.tuple(...Array.from({ length: 5 }, () => hex(2))).map((parts) => ['52', ...parts].join(':') as Mac);
const names = fc.string({ unit: fc.constantFrom(...'abcxyz019.-_'), minLength: 1, maxLength: 15 }).filter((name) => name !== '.' && name !== '..');

/** Any facts that keep the rules. */
export const anyFacts: fc.Arbitrary<HardwareFacts> = fc.record({
  format: fc.constant('metamaster-hardware' as const), version: fc.constant(1 as const), readAtUnixMs: fc.nat(),
  system: fc.record({ vendor: maybe(words), product: maybe(words), serial: maybe(words), uuid: maybe(fc.uuid() as fc.Arbitrary<Uuid>) }).map((part) => known<HardwareFacts['system']>(part)),
  board: fc.record({ vendor: maybe(words), product: maybe(words), serial: maybe(words) }).map((part) => known<HardwareFacts['board']>(part)),
  bios: fc.record({ vendor: maybe(words), version: maybe(words), date: maybe(fc.constant('2024-05-06')) }).map((part) => known<HardwareFacts['bios']>(part)),
  bootMode: fc.constantFrom(...BOOT_MODES),
  cpu: fc.record({ model: maybe(words), sockets: count, cores: count, threads: count, threadsOff: fc.nat(64), coresOff: maybe(fc.nat(64)), virtualisation: fc.constantFrom(...VIRTUALISATIONS) }).map((part) => known<HardwareFacts['cpu']>(part)),
  memory: fc.record({ bytes, modules: fc.array(fc.record({ slot: maybe(words), bytes, speedMts: maybe(count) }).map((part) => known<MemoryModule>(part)), { maxLength: 4 }) }),
  nics: fc.array(fc.record({ name: names, mac: maybe(mac), driver: maybe(words), pciId: maybe(fc.tuple(hex(4), hex(4)).map((two) => two.join(':'))), link: maybe(fc.constantFrom(...LINKS)), speedMbit: maybe(count) }).map((part) => known<NetworkCard>(part)), { maxLength: 4 }),
  disks: fc.array(fc.record({ name: words, model: maybe(words), bytes: fc.nat(), bus: fc.constantFrom(...DISK_BUSES) }).map((part) => known<LocalDisk>(part)), { maxLength: 3 }),
  watchdog: maybe(words),
  bmc: fc.boolean(),
}).map((part) => known<HardwareFacts>(part));
