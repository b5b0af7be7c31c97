// The catalogue against the sources: no code without an entry, no entry that nothing gives, no refusal without a code.

import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BOOT_MESSAGES } from './boot-messages.ts';
import { CATALOGUE, troubleshootingText } from './catalogue.ts';
import { GATEWAY_MESSAGES } from './gateway-messages.ts';
import { HARDWARE_MESSAGES } from './hardware-messages.ts';
import { NODE_MESSAGES } from './node-messages.ts';
import { RACK_MESSAGES } from './rack-messages.ts';
import { SAN_MESSAGES } from './san-messages.ts';
import { STALL_MESSAGES } from './stall-messages.ts';

const SOURCES = globSync(['{daemons,initrd,live-dvd,scripts}/**/*.ts', 'initrd/*.sh', 'live-dvd/overlay/**/*', 'scripts/{prepare,rack,test,up}'], { withFileTypes: true })
  .filter((file) => file.isFile()).map((file) => `${file.parentPath}/${file.name}`).filter((file) => !/\.test(-kit)?\.ts$/.test(file) && !file.includes('scripts/messages/'));

/** A file without its comments: what stands in them is no message. */
function codeOf(text: string): string {
  return text.split('\n').map((line) => (/^\s*(\/\/|\/?\*\*?( |\/|$)|#)/.test(line) ? '' : line.replace(/(^|\s)\/\/ .*$/, ''))).join('\n');
}

/** The label of a stick (initrd/steps/san-secret.ts), which only looks like a code. */
const LABEL = 'MM-SECRET';

/** Every code of a text; one that ends in a hyphen is put together at run time, and cannot be found by who searches for it. */
function codesIn(text: string): { codes: string[]; pieces: string[] } {
  const found = codeOf(text).match(/\bMM-[A-Z0-9-]*(\$\{)?/g) ?? [];
  const isPiece = (code: string): boolean => /(-|\$\{)$/.test(code);
  return { codes: found.filter((code) => !isPiece(code) && code !== LABEL), pieces: found.filter((code) => isPiece(code)) };
}

const texts = SOURCES.map((file) => [file, readFileSync(file, 'utf8')] as const);

describe('every message', () => {
  test('that the code gives has an entry, and every entry is given', () => {
    const given = new Set(texts.flatMap(([, text]) => codesIn(text).codes));
    expect(given.size).toBeGreaterThan(150);
    expect([...given].filter((code) => !Object.hasOwn(CATALOGUE, code)).sort(), 'without an entry').toEqual([]);
    expect(Object.keys(CATALOGUE).filter((code) => !given.has(code)).sort(), 'given by nothing').toEqual([]);
  });

  test('has a code that stands in full where it is used', () => {
    // The type itself is the one place where a part of it may stand.
    const built = texts.flatMap(([file, text]) => codesIn(text.replace('`MM-${string}`', '')).pieces.map((piece) => `${file}: ${piece}`));
    expect(built).toEqual([]);
  });

  test('has one entry, in one file', () => {
    const all = [BOOT_MESSAGES, SAN_MESSAGES, NODE_MESSAGES, RACK_MESSAGES, STALL_MESSAGES, HARDWARE_MESSAGES, GATEWAY_MESSAGES].flatMap((messages) => Object.keys(messages));
    expect(all.filter((code, at) => all.indexOf(code) !== at)).toEqual([]);
  });

  test('says where it is shown, why, and what to do, in sentences', () => {
    for (const [code, { where, cause, remedy }] of Object.entries(CATALOGUE)) {
      expect(where.length, code).toBeGreaterThan(5);
      expect(cause, code).toMatch(/^\S.{15,}[.)]$/);
      expect(remedy, code).toMatch(/^\S.{10,}[.)]$/);
    }
  });
});

describe('every refusal has a code', () => {
  test('of the initrd: whatever a step throws is a StepError with one, and a program that must succeed has one too', () => {
    // The type of the first argument is what enforces it; this finds what went past the types.
    const thrown = texts.filter(([file]) => /^(.*\/)?initrd\//.test(file)).flatMap(([file, text]) => [...codeOf(text).matchAll(/new StepError\(\s*([^,]*),|mustRun\(host, ([^,]*),/g)].map((match) => [file, (match[1] ?? match[2])!.trim()] as const));
    expect(thrown.length).toBeGreaterThan(30);
    expect(thrown.filter(([, first]) => !/^('MM-[A-Z-]+'|code|first!\.code|host: BootHost)$/.test(first))).toEqual([]);
  });

  test('of everything else: a problem that is written out names its code first', () => {
    const wrong = texts.flatMap(([file, text]) => [...codeOf(text).matchAll(/\bcode: (['"`][^'"`]*['"`])/g)].filter((match) => !match[1]!.startsWith("'MM-")).map((match) => `${file}: ${match[0]}`));
    expect(wrong).toEqual([]);
  });
});

test('the checks see: codes in strings of every kind, no comments, pieces', () => {
  expect(codesIn("fail('MM-A-B'); // MM-C\n/** MM-D */\n * MM-E\n# MM-F\necho \"x: MM-G: y\"\n`MM-H-${x}` 'MM-I-' const a = b; // as MM-J")).toEqual({ codes: ['MM-A-B', 'MM-G'], pieces: ['MM-H-${', 'MM-I-'] });
});

test('docs/troubleshooting.md is what the catalogue says; when it is not: node scripts/messages/write-troubleshooting.ts', () => {
  expect(readFileSync('docs/troubleshooting.md', 'utf8')).toBe(troubleshootingText());
});

test('the initrd does not carry the catalogue', () => {
  const importers = texts.filter(([, text]) => text.includes('messages/')).map(([file]) => file).filter((file) => /import .*messages\//.test(readFileSync(file, 'utf8')));
  expect(importers).toEqual([]);
});
