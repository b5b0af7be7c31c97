import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HARDWARE_FACTS_MAX_BYTES } from '../wire/hardware-question.ts';
import { anyFacts, blade } from './facts.test-kit.ts';
import { DISKS_MAX, factText, formatHardware, isFactText, MODULES_MAX, NICS_MAX, parseHardware, TEXT_MAX } from './hardware-facts.ts';

describe('the reader', () => {
  test('reads what the writer writes, and that has one spelling', () => {
    fc.assert(fc.property(anyFacts, (facts) => {
      const line = formatHardware(facts);
      const read = parseHardware(line, 'x');
      expect(read).toEqual({ ok: true, value: facts });
      expect(formatHardware(JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(facts).reverse()))))).toBe(line);
    }));
  });

  test('takes any text and any JSON without throwing, and lets nothing through that breaks a rule', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
      expect(parseHardware(content, 'x').ok).toBe(false);
    }));
    fc.assert(fc.property(anyFacts, fc.constantFrom(...Object.keys(blade(1))), fc.jsonValue(), (facts, key, value) => {
      const read = parseHardware(JSON.stringify({ ...facts, [key]: value }), 'x');
      if (read.ok) expect(formatHardware(read.value)).toBe(formatHardware({ ...facts, [key]: value } as typeof facts));
      else expect(read.problems.every(({ code }) => code === 'MM-HARDWARE-FACTS')).toBe(true);
    }));
  });

  const nic = blade(1).nics[0]!;
  test.each([
    ['a longer string', { watchdog: 'x'.repeat(TEXT_MAX + 1) }, 'n: watchdog'],
    ['a control character', { bios: { version: '2\u001b[2J' } }, 'n: bios.version'],
    ['a longer list of cards', { nics: Array.from({ length: NICS_MAX + 1 }, () => nic) }, 'n: nics'],
    ['a longer list of modules', { memory: { bytes: 1, modules: Array.from({ length: MODULES_MAX + 1 }, () => ({ bytes: 1 })) } }, 'n: memory.modules'],
    ['a longer list of disks', { disks: Array.from({ length: DISKS_MAX + 1 }, () => ({ name: 'sda', bytes: 1, bus: 'ata' })) }, 'n: disks'],
    ['a group address', { nics: [{ ...nic, mac: '01:00:5e:00:00:01' }] }, 'n: nics[0].mac'],
    ['a name that is a path', { nics: [{ ...nic, name: '../eth0' }] }, 'n: nics[0].name'],
    ['a property that nobody knows', { secret: 1 }, 'n: secret'],
  ])('refuses %s, and says where', (_what, wrong, where) => {
    expect(parseHardware(JSON.stringify({ ...blade(1), ...wrong }), 'n')).toMatchObject({ ok: false, problems: [{ code: 'MM-HARDWARE-FACTS', where }] });
  });

  test('does not look into what is too long', () => {
    expect(parseHardware(' '.repeat(HARDWARE_FACTS_MAX_BYTES + 1), 'n')).toMatchObject({ ok: false, problems: [{ rule: `at most ${HARDWARE_FACTS_MAX_BYTES} characters` }] });
  });

  test('takes the largest machine, every list and string full', () => {
    const full = 'x'.repeat(TEXT_MAX - 1).concat('y');
    const largest = blade(1, {
      nics: Array.from({ length: NICS_MAX }, () => ({ ...nic, driver: full })),
      disks: Array.from({ length: DISKS_MAX }, () => ({ name: full, model: full, bytes: 2 ** 50, bus: 'virtio' as const })),
      memory: { bytes: 2 ** 45, modules: Array.from({ length: MODULES_MAX }, () => ({ slot: full, bytes: 2 ** 38, speedMts: 6400 })) },
    });
    expect(parseHardware(formatHardware(largest), 'n').ok).toBe(true);
  });
});

describe('a string of firmware', () => {
  test.each(['To Be Filled By O.E.M.', 'Default string', 'Not Specified', '-', '0000000000', '   ', 'None', '\u0000', '1234567890', 'System Serial Number', 'NO DIMM'])('%j says nothing', (raw) => expect(factText(raw)).toBeUndefined());
  test.each([['  PowerEdge   M640 ', 'PowerEdge M640'], ['Intel® Xeon®', 'Intel Xeon'], ['CZ3029\u0007XY', 'CZ3029 XY'], ['Default Gateway 3', 'Default Gateway 3']])('%j is %j', (raw, clean) => expect(factText(raw)).toBe(clean));
  test('comes out as the reader wants it', () => fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (raw) => {
    const clean = factText(raw);
    expect(clean === undefined || isFactText(clean)).toBe(true);
  })));
});
