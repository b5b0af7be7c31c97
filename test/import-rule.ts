// The import rule of the rooms (ARCHITECTURE.md) as data, and its checker. The rule is what keeps protocol and policy testable without a
// machine, and the initrd free of Node.

import { posix } from 'node:path';
import { scanSource } from './source-scan.ts';

/** Every kind of room. All rooms under daemons/ that have no kind of their own are of the kind `daemon`. */
export type RoomKind = 'core' | 'wire' | 'storage' | 'host' | 'daemon' | 'root' | 'initrd-shell' | 'initrd-builder' | 'initrd' | 'live-dvd' | 'scripts' | 'crash' | 'simulator' | 'test';

/** What the files of one kind of room may do. */
export interface RoomRule {
  readonly kind: RoomKind;
  /** Which files are meant; the first rule that fits decides. A group `room` parts rooms of one kind from each other. */
  readonly files: RegExp;
  /** The kinds of room they may import from. Their own room is always allowed, another room of the same kind only if named. */
  readonly rooms: readonly RoomKind[];
  /** The modules that are no files of ours: `node:*`, named ones, or every package that package.json declares. */
  readonly modules: readonly string[];
  /** Words that may not stand in their code. */
  readonly words: readonly ForbiddenWord[];
}

/** A word that has no place in a room, and why. */
export interface ForbiddenWord {
  readonly word: string;
  readonly pattern: RegExp;
  readonly instead: string;
}

/** One breach of the rule. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

/** Stands for every package of package.json. */
const DECLARED = '(declared)';
const NODE = 'node:*';

const word = (text: string, instead: string): ForbiddenWord => ({
  // Neither a property of something else nor part of a longer name.
  word: text, pattern: new RegExp(String.raw`(?<![.\w$])${text.replaceAll('.', String.raw`\s*\.\s*`)}(?![\w$])`, 'g'), instead,
});

const CHANCE_AND_CLOCK: readonly ForbiddenWord[] = [
  word('Date.now', 'take `now` as an argument'),
  { word: 'new Date()', pattern: /(?<![.\w$])new\s+Date\s*(\(\s*\)|(?![\w$(\s]))/g, instead: 'take `now` as an argument' },
  word('performance.now', 'take `now` as an argument'),
  word('setTimeout', 'give a deadline'),
  word('setInterval', 'give a deadline'),
  word('setImmediate', 'return an effect'),
  word('Math.random', 'take seeded randomness as an argument'),
  word('crypto.getRandomValues', 'take randomness as an argument'),
  word('crypto.randomUUID', 'take randomness as an argument'),
];

const NODE_GLOBALS: readonly ForbiddenWord[] = [
  word('Buffer', 'use Uint8Array and core/bytes.ts'),
  word('TextEncoder', 'use encodeUtf8 of core/bytes.ts'),
  word('TextDecoder', 'use decodeUtf8 of core/bytes.ts'),
  word('process.env', 'take it as an argument'),
  word('process.argv', 'take it as an argument'),
];

const NOT_IN_QUICKJS: readonly ForbiddenWord[] = [word('structuredClone', 'write the copy out'), word('fetch', 'QuickJS has none')];

/** Packages that are pure themselves. */
const PURE_PACKAGES = ['zod', 'dns-packet', 'yaml'];
const PURE = [...CHANCE_AND_CLOCK, ...NODE_GLOBALS];
const BUNDLED = [...PURE, ...NOT_IN_QUICKJS];

/** The rule. What it forbids for `daemon` it forbids for every room under daemons/ that is still to come. */
export const ROOM_RULES: readonly RoomRule[] = [
  { kind: 'core', files: /^daemons\/core\//, rooms: [], modules: [], words: BUNDLED },
  { kind: 'wire', files: /^daemons\/wire\//, rooms: ['core'], modules: [], words: BUNDLED },
  { kind: 'storage', files: /^daemons\/storage\//, rooms: ['core'], modules: [], words: BUNDLED },
  { kind: 'host', files: /^daemons\/host\//, rooms: ['core', 'wire', 'storage'], modules: [NODE, DECLARED], words: [] },
  { kind: 'daemon', files: /^daemons\/(?<room>[^/]+)\//, rooms: ['core', 'wire', 'storage'], modules: PURE_PACKAGES, words: PURE },
  { kind: 'root', files: /^daemons\/[^/]+$/, rooms: ['core', 'wire', 'storage', 'host', 'daemon', 'initrd'], modules: [NODE, DECLARED], words: [] },
  // Runs on the machine that builds, never on a blade.
  { kind: 'initrd-builder', files: /^initrd\/([^/]*image[^/]*|elf-needs|module-set)\.ts$/, rooms: ['core', 'initrd', 'host', 'live-dvd'], modules: [NODE], words: [] },
  // The thin shell around QuickJS: the one place in the initrd that sees clock and timers.
  { kind: 'initrd-shell', files: /^initrd\/quickjs[^/]*\.ts$/, rooms: ['core', 'initrd'], modules: ['std', 'os'], words: [...NODE_GLOBALS, ...NOT_IN_QUICKJS] },
  { kind: 'initrd', files: /^initrd\//, rooms: ['core', 'wire', 'storage', 'initrd-shell'], modules: ['std', 'os'], words: BUNDLED },
  { kind: 'live-dvd', files: /^live-dvd\//, rooms: ['core', 'wire', 'storage', 'host', 'initrd', 'initrd-builder'], modules: [NODE, DECLARED], words: [] },
  { kind: 'scripts', files: /^scripts\//, rooms: ['core', 'wire', 'storage', 'host', 'daemon', 'root', 'initrd', 'initrd-builder', 'live-dvd'], modules: [NODE, DECLARED], words: [] },
  // What is read from a write stream, and the disks that are made of it: a case must come out the same wherever and whenever it is made.
  { kind: 'crash', files: /^test\/crash\/(iscsi|crash)-[^/.]+\.ts$/, rooms: ['core', 'storage'], modules: [], words: PURE },
  // All but its command line: the same seed must give the same run wherever and whenever it is made.
  { kind: 'simulator', files: /^test\/simulator\/(?!simulate[-.])/, rooms: ['core', 'wire', 'daemon'], modules: [], words: PURE },
  {
    kind: 'test', files: /^test\//, modules: [NODE, DECLARED], words: [],
    rooms: ['core', 'wire', 'storage', 'host', 'daemon', 'root', 'initrd', 'initrd-shell', 'initrd-builder', 'live-dvd', 'scripts', 'crash', 'simulator'],
  },
];

/** Tests, and what several tests of a room share (`*.test-kit.ts`): they may import anything, and only they may import a kit. */
const TEST_FILE = /\.test(-kit)?\.ts$/;
const EMPTY_NAMES = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'index']);

interface Room {
  readonly rule: RoomRule;
  /** The kind, and the name where there are several of that kind. */
  readonly id: string;
}

function roomOf(file: string): Room | undefined {
  for (const rule of ROOM_RULES) {
    const match = rule.files.exec(file);
    if (match) return { rule, id: match.groups?.['room'] ? `${rule.kind} ${match.groups['room']}` : rule.kind };
  }
  return undefined;
}

/** The package of a specifier: `@scope/name/deep` → `@scope/name`. */
const packageOf = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');

/** Says why a file of `room` may not import `specifier`, or nothing. */
function importBreach(file: string, room: Room, specifier: string | undefined, declared: ReadonlySet<string>): string | undefined {
  if (specifier === undefined) return room.rule.modules.includes(NODE) ? undefined : 'imports a name that is computed at run time';
  if (specifier.startsWith('.')) {
    const target = posix.normalize(posix.join(posix.dirname(file), specifier));
    const other = roomOf(target);
    if (other === undefined) return room.rule.modules.includes(NODE) ? undefined : `imports ${target}, which is in no room`;
    if (TEST_FILE.test(target)) return `imports the test ${target}`;
    return other.id === room.id || room.rule.rooms.includes(other.rule.kind) ? undefined : `${room.id} may not import ${other.id} (${target})`;
  }
  const { modules } = room.rule;
  if (specifier.startsWith('node:')) return modules.includes(NODE) ? undefined : `${room.id} may not import ${specifier}`;
  const name = packageOf(specifier);
  return modules.includes(name) || (modules.includes(DECLARED) && declared.has(name)) ? undefined : `${room.id} may not import the package ${name}`;
}

/** A test may import anything, but only what package.json names. */
function testImportBreach(specifier: string | undefined, declared: ReadonlySet<string>): string | undefined {
  if (specifier === undefined || specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  return declared.has(packageOf(specifier)) ? undefined : `imports the package ${packageOf(specifier)}, which package.json does not name`;
}

/**
 * All breaches of the rule in one file.
 * @param file its path from the top of the repository, with slashes
 * @param text its source
 * @param declared the packages that package.json names
 */
export function breachesOf(file: string, text: string, declared: ReadonlySet<string>): readonly Violation[] {
  const breaches: Violation[] = [];
  const breach = (line: number, rule: string | undefined): void => {
    if (rule !== undefined) breaches.push({ file, line, rule });
  };
  const base = posix.basename(file).split('.')[0]!;
  if (EMPTY_NAMES.has(base.toLowerCase())) breach(1, `a file named ${base} says nothing of what is in it`);
  const room = roomOf(file);
  if (room === undefined) return [...breaches, { file, line: 1, rule: 'stands in no room of the rule' }];
  const isTest = TEST_FILE.test(file);
  const { imports, code } = scanSource(text);
  for (const { specifier, line } of imports) breach(line, isTest ? testImportBreach(specifier, declared) : importBreach(file, room, specifier, declared));
  for (const { word: forbidden, pattern, instead } of isTest ? [] : room.rule.words) {
    for (const { index } of code.matchAll(pattern)) breach(code.slice(0, index).split('\n').length, `${room.id} may not use ${forbidden}: ${instead}`);
  }
  return breaches;
}
