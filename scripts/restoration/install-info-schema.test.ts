import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { formatInstallInfo } from '../../daemons/storage/install-info.ts';
import { parseInstallInfo } from '../../daemons/storage/install-info-parse.ts';
import { sampleRegistry } from '../../daemons/storage/sample-san.test-kit.ts';
import { INSTALL_INFO_SCHEMA, installInfoSchemaText } from './install-info-schema.ts';

const FILE = 'docs/install-info.schema.json';
/** The file itself as a validator: what another program makes of it. */
const exported = z.fromJSONSchema(JSON.parse(readFileSync(FILE, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);
const lines = formatInstallInfo(sampleRegistry()).replace('[san]', 'boot-vlan = 5\n\n[san]').replace('portals = ', 'chap = mutual\nportals = 10.0.1.2:860, ').split('\n');

test(`${FILE} is what the schema says; when it is not: node scripts/restoration/write-install-info-schema.ts`, () => {
  expect(readFileSync(FILE, 'utf8')).toBe(installInfoSchemaText());
});

/** Values that are right for one key and wrong for others. */
const EDGES = [
  'iqn.2001-04.com.example:x', 'EUI.0123456789abcdef', 'rom', 'ours', 'one-way', '255.255.0.0', '0.0.0.0', '4095', 'AA-BB-CC-DD-EE-F0', '10.0.0.1:65536',
  '00000000-0000-0000-0000-000000000000', 'A12A7328-F81F-41D2-BA4B-00A0C93EC93B', 'a.b.1', '""', 'a\tb', 'x\u0085y', '07', '-0', 'n'.repeat(65), 'k'.repeat(1025),
];
/** What somebody may write for any key. */
const value = fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9.:@"[\], -]{0,24}$/), fc.integer().map(String), fc.ipV4(), fc.constantFrom(...EDGES));

describe('parser and schema', () => {
  test('what the parser takes the schema takes, the exported one too', () => {
    const taken = fc.record({ at: fc.nat(lines.length - 1), value }).map(({ at, value: given }) => [...lines.slice(0, at), lines[at]!.replace(/ = .*/s, () => ` = ${given}`), ...lines.slice(at + 1)].join('\n'));
    let accepted = 0;
    fc.assert(fc.property(taken, (source) => {
      const read = parseInstallInfo(source);
      if (!read.ok) return;
      accepted++;
      expect(INSTALL_INFO_SCHEMA.safeParse(read.value)).toMatchObject({ success: true });
      expect(exported.safeParse(read.value)).toMatchObject({ success: true });
    }), { numRuns: 2000 });
    expect(accepted).toBeGreaterThan(200);
  });

  /** The object of a whole file, with one value of one key of one section in the place of the parsed one. */
  function withValue(section: 'cluster' | 'san' | 'origins' | 'nodes', key: string, given: unknown): unknown {
    const read = parseInstallInfo(lines.join('\n'));
    if (!read.ok) throw new Error(read.problems[0]!.where);
    const info = read.value as unknown as Record<string, Record<string, unknown> | Record<string, unknown>[]>;
    const part = info[section]!;
    return { ...info, [section]: Array.isArray(part) ? [{ ...part[0], [key]: given }, ...part.slice(1)] : { ...part, [key]: given } };
  }

  test.each([
    ['cluster', '[cluster]', 'name'], ['cluster', '[cluster]', 'uuid'], ['cluster', '[cluster]', 'container'], ['cluster', '[cluster]', 'netmask'], ['cluster', '[cluster]', 'meta-master-ip'], ['cluster', '[cluster]', 'boot-vlan'],
    ['cluster', '[cluster]', 'domain'], ['cluster', '[cluster]', 'kernel-parameters'], ['cluster', '[cluster]', 'container-bytes'], ['san', '[san]', 'chap'], ['origins', '[origin default@1]', 'version'], ['origins', '[origin default@1]', 'image-sha256'], ['origins', '[origin default@1]', 'kernel'],
    ['nodes', '[node 1]', 'name'], ['nodes', '[node 1]', 'address'], ['nodes', '[node 1]', 'loader'], ['nodes', '[node 1]', 'origin'], ['nodes', '[node 1]', 'store-bytes'],
  ] as const)('what the parser refuses of %s %s %s the schema refuses', (section, heading, key) => {
    const from = lines.indexOf(heading);
    const at = lines.findIndex((line, i) => i > from && line.startsWith(`${key} = `));
    expect(at).toBeGreaterThan(from);
    let refused = 0;
    fc.assert(fc.property(value, (given) => {
      // One line, and no quotes: what stands in the file is then the value itself.
      fc.pre(!/["\n]/.test(given) && given === given.trim());
      const source = [...lines.slice(0, at), `${key} = ${given}`, ...lines.slice(at + 1)].join('\n');
      if (parseInstallInfo(source).ok) return;
      refused++;
      // With a leading zero it is text, to both.
      const numeric = /-bytes$|vlan$|version$/.test(key) && /^(0|-?[1-9]\d*)$/.test(given);
      expect(exported.safeParse(withValue(section, key, numeric ? Number(given) : given)).success).toBe(false);
    }), { numRuns: 300, examples: EDGES.map((edge): [string] => [edge]) });
    expect(refused).toBeGreaterThan(2);
  });

  test.each([['an unknown key', 'cluster', 'colour', 'red'], ['no MAC address', 'nodes', 'macs', []], ['a group address', 'nodes', 'macs', ['01:00:5e:00:00:01']], ['no portal', 'san', 'portals', []], ['a port that is none', 'san', 'portals', ['10.0.0.1:65536']], ['another target', 'san', 'target', 'disk1'], ['a missing value', 'nodes', 'name', undefined]] as const)('%s is refused by the schema too', (_, section, key, given) => {
    expect(exported.safeParse(withValue(section, key, given)).success).toBe(false);
  });
});
