import { describe, expect, test } from 'vitest';
import { helpText, numberOf, parseCommandLine, VERBS } from './command-line.ts';

const parse = (line: string): ReturnType<typeof parseCommandLine> => parseCommandLine(line.split(' ').filter((word) => word !== ''));

describe('the command line', () => {
  test('a verb with operands and options', () => {
    expect(parse('power on 1 2 --memory 512M --uefi --name ci')).toEqual({
      verb: 'power', operands: ['on', '1', '2'], text: { memory: '512M', name: 'ci' }, flag: { uefi: true },
    });
  });

  test.each(['', '--help', 'help'])('%j asks for help', (line) => expect(parse(line)).toBeUndefined());

  test('every verb has help without its operands', () => {
    for (const verb of Object.keys(VERBS)) {
      expect(parse(`${verb} --help`)?.flag['help']).toBe(true);
      expect(helpText(verb)).toContain(`usage: scripts/rack ${verb}`);
      expect(helpText()).toContain(`  ${verb} `);
    }
  });

  test('every option of a verb stands in its help', () => {
    for (const [name, verb] of Object.entries(VERBS)) {
      for (const option of Object.keys(verb.options)) if (option !== 'help') expect(helpText(name)).toContain(`--${option}`);
    }
  });

  test('a tagged switch port is named by its VLAN', () => {
    expect(parse('power on 3 --vlan 5')).toMatchObject({ operands: ['on', '3'], text: { vlan: '5' } });
  });

  test('what changes something can be tried without changing it', () => {
    for (const verb of ['up', 'down', 'power', 'dvd', 'type', 'capture', 'san']) expect(Object.keys(VERBS[verb]!.options)).toContain('dry-run');
  });

  test.each(['fly', 'toString', 'up now', 'power on', 'type 1', 'dvd in 1 a b', 'status --wipe', 'up --blades', 'console'])('%j is refused with the next step', (line) => {
    expect(() => parse(line)).toThrow(/^MM-RACK-USAGE: .* See `scripts\/rack .*--help`\.$/s);
  });

  test('numbers', () => {
    expect(numberOf('N', '12')).toBe(12);
    expect(numberOf('N', undefined)).toBeUndefined();
    for (const text of ['', '-1', '1e3', '0x1', '1.5', 'all']) expect(() => numberOf('N', text)).toThrow('MM-RACK-USAGE');
  });
});
