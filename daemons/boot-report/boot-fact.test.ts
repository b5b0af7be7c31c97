import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { type BootFact, formatFact, harmless, LINE_MAX_CHARS, parseFact } from './boot-fact.ts';

const mac = '52:54:00:00:00:02' as Mac;
const server = '10.0.0.1' as Ipv4;
const FACTS: readonly BootFact[] = [
  { kind: 'served', t: 1, mac, step: 'http', detail: 'vmlinuz', server },
  { kind: 'stage', t: 2, mac, server, report: { mac, step: 'login', detail: 'why', failed: true, boot: '0123456789abcdef', uptimeS: 7.12, tries: 2, retryS: 4, node: 2, server } },
  { kind: 'stage', t: 2, mac, server, report: { mac, step: 'modules', detail: '' } },
  { kind: 'kernel', t: 3, mac, line: 'Kernel panic - not syncing: é' },
  { kind: 'live', t: 4, mac, serving: false },
];

describe('a fact', () => {
  test.each(FACTS)('is a line that is read again: %o', (fact) => {
    expect(formatFact(fact)).not.toContain('\n');
    expect(parseFact(formatFact(fact))).toEqual(fact);
  });

  test('the line of a served file, as it stands in a file', () => {
    expect(formatFact(FACTS[0]!)).toBe('{"v":1,"kind":"served","t":1,"mac":"52:54:00:00:00:02","step":"http","detail":"vmlinuz","server":"10.0.0.1"}');
  });

  test.each([
    '', '{', 'null', '[]', '{"v":2,"kind":"live","t":4,"mac":"52:54:00:00:00:02","serving":false}', '{"v":1,"kind":"live","t":-4,"mac":"52:54:00:00:00:02","serving":false}',
    '{"v":1,"kind":"live","t":4,"mac":"x","serving":false}', '{"v":1,"kind":"served","t":4,"mac":"52:54:00:00:00:02","step":"fly","detail":"","server":"10.0.0.1"}',
    '{"v":1,"kind":"stage","t":4,"mac":"52:54:00:00:00:02","server":"10.0.0.1","report":{"step":"UP"}}', '{"v":1,"kind":"stage","t":4,"mac":"52:54:00:00:00:02","server":"10.0.0.1"}',
    '{"v":1,"kind":"kernel","t":4,"mac":"52:54:00:00:00:02"}', '{"v":1,"kind":"served","t":4,"mac":"52:54:00:00:00:02","step":"http","detail":"x"}',
  ])('%s is none', (line) => expect(parseFact(line)).toBeUndefined());

  test('a torn line is none, wherever it was cut', () => {
    for (const fact of FACTS) {
      const line = formatFact(fact);
      for (let at = 0; at < line.length; at++) expect(parseFact(line.slice(0, at))).toBeUndefined();
    }
  });

  test('fuzz: no JSON breaks the reader, and what it takes is harmless to a terminal', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.constantFrom(mac, server, 'served', 'http', 'kernel', null));
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('kind', 't', 'mac', 'step', 'detail', 'server', 'line', 'serving', 'report'), value), (fields) => {
      const fact = parseFact(JSON.stringify({ v: 1, kind: 'kernel', t: 5, mac, line: 'x', ...fields }));
      if (fact !== undefined) expect(JSON.stringify(Object.values(fact).join(''))).not.toMatch(/\\u00[01]|\\[bfnrt]|\u202e/);
    }));
  });

  test('harmless text has no control or direction characters, and is never cut within a character', () => {
    expect(harmless('a\u001b[2J\u009b\u202eb\r\nc\u2028', 100)).toBe('a?[2J??b??c?');
    expect(harmless('😀'.repeat(300), LINE_MAX_CHARS)).toBe('😀'.repeat(LINE_MAX_CHARS));
  });
});
