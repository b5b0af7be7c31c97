import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyFacts, blade } from './facts.test-kit.ts';
import { compareWithPeers, type Machine } from './hardware-differences.ts';
import type { HardwareFacts } from './hardware-facts.ts';

const machine = (number: number, other: Partial<HardwareFacts> = {}): Machine => ({ name: `node${number}`, facts: blade(number, other) });
const PEERS = [2, 3, 4, 5].map((number) => machine(number));
const usual = blade(1);
const GIB = 2 ** 30;

describe('one machine that differs from most', () => {
  test.each<[string, Partial<HardwareFacts>, string, string, string]>([
    ['a dead module', { memory: { bytes: 15 * GIB, modules: usual.memory.modules.slice(1) } }, 'MM-HARDWARE-MEMORY', '16 GiB', '32 GiB'],
    ['slower modules', { memory: { bytes: 31 * GIB, modules: [usual.memory.modules[0]!, { bytes: 16 * GIB, speedMts: 2133 }] } }, 'MM-HARDWARE-MEMORY-SPEED', '2133 MT/s', '2933 MT/s'],
    ['older firmware', { bios: { ...usual.bios, version: '1.9' } }, 'MM-HARDWARE-BIOS', 'Maker 1.9 2024-05-06', 'Maker 2.1 2024-05-06'],
    ['another boot mode', { bootMode: 'bios' }, 'MM-HARDWARE-BOOT-MODE', 'BIOS', 'UEFI'],
    ['another processor', { cpu: { ...usual.cpu, model: 'Processor 6130' } }, 'MM-HARDWARE-CPU', '2 × Processor 6130', '2 × Processor 6230'],
    ['cores off', { cpu: { ...usual.cpu, cores: 36, threads: 72, coresOff: 4 } }, 'MM-HARDWARE-CORES', '36 cores, 72 threads, 4 cores off in the firmware', '40 cores, 80 threads'],
    ['virtualisation off', { cpu: { ...usual.cpu, virtualisation: 'none' } }, 'MM-HARDWARE-VIRTUALISATION', 'off', 'vmx'],
    ['a card less', { nics: usual.nics.slice(0, 1) }, 'MM-HARDWARE-NIC', 'ixgbe 8086:1528', '2 × ixgbe 8086:1528'],
    ['a slow link', { nics: [{ ...usual.nics[0]!, speedMbit: 1000 }, usual.nics[1]!] }, 'MM-HARDWARE-NIC-SPEED', '1000 Mbit/s', '10000 Mbit/s'],
    ['no BMC', { bmc: false }, 'MM-HARDWARE-BMC', 'none', 'present'],
    ['a forgotten stick', { disks: [{ name: 'sdb', model: 'Stick', bytes: 8 * GIB, bus: 'usb' }] }, 'MM-HARDWARE-DISK', 'Stick of 8 GiB', 'none'],
  ])('%s', (_what, other, code, own, peers) => {
    const { remarks, undecided } = compareWithPeers(machine(1, other), PEERS);
    expect(undecided).toEqual([]);
    expect(remarks).toEqual([expect.objectContaining({ code, severity: 'warn', node: 'node1', own, peers, peersWith: 4, peersTelling: 4 })]);
    expect([remarks[0]!.meaning, remarks[0]!.remedy].every((text) => text.length > 20)).toBe(true);
    // The others see nothing of it: it is not they who differ.
    expect(compareWithPeers(PEERS[0]!, [machine(1, other), ...PEERS.slice(1)])).toEqual({ remarks: [], undecided: [] });
  });

  test('a missing watchdog', () => {
    const { watchdog: _, ...without } = usual;
    expect(compareWithPeers({ name: 'node1', facts: without }, PEERS).remarks).toMatchObject([{ code: 'MM-HARDWARE-WATCHDOG', own: 'none', peers: 'iTCO_wdt' }]);
  });

  test('another model: that is said, and its firmware is compared with nobody\'s', () => {
    const other = machine(1, { system: { vendor: 'Maker', product: 'Blade 8' }, bios: { version: '0.1' } });
    expect(compareWithPeers(other, PEERS).remarks.map(({ code }) => code)).toEqual(['MM-HARDWARE-MODEL']);
  });

  test('says how many of those that tell have it', () => {
    const odd = machine(9, { bootMode: 'bios' });
    expect(compareWithPeers(machine(1, { bootMode: 'bios' }), [...PEERS, odd]).remarks).toMatchObject([{ peersWith: 4, peersTelling: 5 }]);
  });

  test('what a machine does not tell is no difference', () => {
    expect(compareWithPeers(machine(1, { system: {}, bios: {}, nics: usual.nics.map(({ name, driver, pciId }) => ({ name, driver: driver!, pciId: pciId! })) }), PEERS)).toEqual({ remarks: [], undecided: [] });
  });

  test('memory without a table of modules: what firmware keeps for itself is no difference, a module is', () => {
    const told = (gib: number): Machine => machine(1, { memory: { bytes: gib * GIB, modules: [] } });
    const peers = [31.1, 31.2, 31.15].map(told);
    expect(compareWithPeers(told(31.25), peers).remarks).toEqual([]);
    expect(compareWithPeers(told(23.4), peers).remarks).toMatchObject([{ code: 'MM-HARDWARE-MEMORY', peers: 'about 31 GiB' }]);
  });
});

describe('without a majority', () => {
  test('one other machine: both groups are told, and nobody is called wrong', () => {
    expect(compareWithPeers(machine(1, { bootMode: 'bios' }), [machine(2)])).toEqual({
      remarks: [], undecided: [{ code: 'MM-HARDWARE-BOOT-MODE', what: 'boot mode', groups: [{ value: 'BIOS', nodes: ['node1'] }, { value: 'UEFI', nodes: ['node2'] }] }],
    });
  });

  test('half and half', () => {
    const halves = [machine(1, { bmc: false }), machine(2, { bmc: false }), machine(3), machine(4)];
    const seen = halves.map((own) => compareWithPeers(own, halves.filter((each) => each !== own)));
    expect(new Set(seen.map((each) => JSON.stringify(each))).size, 'all see the same').toBe(1);
    expect(seen[0]).toMatchObject({ remarks: [], undecided: [{ code: 'MM-HARDWARE-BMC', groups: [{ nodes: ['node1', 'node2'] }, { nodes: ['node3', 'node4'] }] }] });
  });

  test('alone: nothing to compare', () => expect(compareWithPeers(machine(1), [])).toEqual({ remarks: [], undecided: [] }));
});

describe('properties', () => {
  test('identical machines have no remark', () => fc.assert(fc.property(anyFacts, fc.integer({ min: 0, max: 6 }), (facts, count) => {
    expect(compareWithPeers({ name: 'own', facts }, Array.from({ length: count }, (_, i) => ({ name: `n${i}`, facts })))).toEqual({ remarks: [], undecided: [] });
  })));

  const rack = fc.array(anyFacts, { minLength: 1, maxLength: 6 }).map((all) => all.map((facts, i) => ({ name: `n${i}`, facts })));
  const shuffled = rack.chain((peers) => fc.tuple(fc.constant(peers), fc.shuffledSubarray(peers, { minLength: peers.length })));

  test('the order of the peers does not matter', () => fc.assert(fc.property(anyFacts, shuffled, (facts, [peers, others]) => {
    const own = { name: 'own', facts };
    expect(compareWithPeers(own, others)).toEqual(compareWithPeers(own, peers));
  })));

  test('what most have is never remarked of one that has it, and counts fit', () => fc.assert(fc.property(anyFacts, rack, (facts, peers) => {
    for (const { own, peers: most, peersWith, peersTelling } of compareWithPeers({ name: 'own', facts }, peers).remarks) {
      expect(own).not.toBe(most);
      expect(2 * peersWith).toBeGreaterThan(peersTelling + 1);
      expect(peersTelling).toBeLessThanOrEqual(peers.length);
    }
  })));
});
