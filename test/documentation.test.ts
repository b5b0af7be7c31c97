// Holds the documents against the repository: what they name must exist, and what exists must be named where they promise it.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../daemons/core/problem.ts';
import { bootPlan } from '../initrd/boot-plan.ts';
import { isBootParameter, parseCommandLine } from '../initrd/command-line.ts';
import { CATALOGUE } from '../scripts/messages/catalogue.ts';
import { parseCommandLine as parseRackLine } from '../scripts/virtual-rack/command-line.ts';
import { sampleUuid } from '../daemons/storage/sample-san.test-kit.ts';
import { clusterCommand } from '../scripts/cluster-command.ts';
import { REAL_HOST } from '../scripts/command-host.ts';
import { gatewayCommand } from '../scripts/gateway-command.ts';
import { checkpointCommand, rollbackCommand } from '../scripts/node/checkpoint-command.ts';
import { catCommand } from '../scripts/node/files-command.ts';
import { nodeCommand } from '../scripts/node/node-command.ts';
import { parsePowerRequest } from '../scripts/power-plan.ts';
import { restoreCommand } from '../scripts/restoration/restore-command.ts';
import { anchorsOf, codePieces, difference, onlySpan, relativeLinks, section, spansOf, tableRows } from './documentation.ts';
import { ROOM_RULES } from './import-rule.ts';

const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/**/*.md').sort()];
const read = (path: string): string => readFileSync(path, 'utf8');
const { scripts, dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<'scripts' | 'dependencies' | 'devDependencies', Record<string, string>>;
const PACKAGES = [...Object.keys(dependencies), ...Object.keys(devDependencies)];

/** Programs that tell their options by `--help`: how a document calls them, and how they are asked. */
const PROGRAMS: readonly (readonly [called: string, file: string, ...words: string[]])[] = [
  ['scripts/up', 'scripts/up.ts'], ['scripts/test', 'scripts/test.ts'], ['node build.mjs', 'build.mjs'], ['node live-dvd/images.ts', 'live-dvd/images.ts'], ['node daemons/metamasterd.ts', 'daemons/metamasterd.ts'],
  ...['node checkpoint', 'node rollback', 'node diff', 'node cat', 'node hardware', 'san', 'install', 'boot', 'power', 'restore', 'cluster', 'gateway', 'status', 'node'].flatMap((name) => ['metamaster', 'node scripts/metamaster.ts'].flatMap((program) => [[`${program} ${name}`, 'scripts/metamaster.ts', ...name.split(' ')] as const])),
  ['metamaster', 'scripts/metamaster.ts'], ['node scripts/metamaster.ts', 'scripts/metamaster.ts'],
];

const helps = new Map<string, string>();
function helpOf(file: string, words: readonly string[]): string {
  const key = [file, ...words].join(' ');
  const known = helps.get(key);
  if (known !== undefined) return known;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...words, '--help'], { encoding: 'utf8', timeout: 20_000 });
  if (status !== 0) throw new Error(`${key} --help ended with ${status}: ${stderr}`);
  helps.set(key, stdout);
  return stdout;
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

function rackProblem(words: readonly string[]): string | undefined {
  try {
    parseRackLine(words);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What is wrong with a command that a document shows; undefined for what is right and for what is no command of ours. */
function commandProblem(command: string): string | undefined {
  const words = command.split(/\s+/);
  const [first = '', second = '', third = ''] = words;
  if (first === 'npm' && (second === 'run' || second === 'test')) {
    const name = second === 'test' ? 'test' : third;
    return name in scripts ? undefined : `package.json has no script ${name}`;
  }
  if (first === 'npx') return PACKAGES.includes(second) ? undefined : `package.json does not name ${second}`;
  if (first === 'node' && /\.(ts|mjs)$/.test(second) && !second.startsWith('/') && !existsSync(second)) return `there is no ${second}`;
  if (/^scripts\/[\w-]+$/.test(first) && !isExecutable(first)) return `there is no command ${first}`;
  if (first === 'scripts/rack') return rackProblem(words.slice(1));
  const program = PROGRAMS.find(([called]) => command === called || command.startsWith(`${called} `));
  if (program === undefined) return undefined;
  const [called, file, ...asked] = program;
  const rest = command.slice(called.length).replaceAll(/"[^"]*"/g, '').split(/[\s[\]]+/).filter((word) => word !== '');
  const help = helpOf(file, asked);
  // Options, and the word that chooses a part (`scripts/test rack`, `san show`); a document's placeholders are in capitals.
  const chosen = rest.filter((word, at) => /^--[a-z]/.test(word) || (at === 0 && /^[a-z]/.test(word)));
  const unknown = chosen.filter((word) => word !== '--help' && !new RegExp(`(^|[\\s[|])${word}($|[\\s\\]|.,:])`, 'm').test(help));
  return unknown.length === 0 ? undefined : `${called} --help does not know ${unknown.join(', ')}`;
}

/** A disk that is not there: a command that is given it gets as far as its words can be taken. */
const NO_DISK = '/dev/no-such-disk';
const [WORDS_WRONG, DISK_MISSING] = [2, 3];

/** What the command itself says against its words; undefined when it takes them all. */
async function refusedWords(command: string): Promise<string | undefined> {
  const [, name, ...words] = command.replace('UUID', sampleUuid(1)).split(/\s+/);
  let said = '';
  const host = { ...REAL_HOST, out: () => undefined, error: (text: string) => void (said += text) };
  const argv = [...words, '--device', NO_DISK];
  const status = () => Promise.reject(new Error('no daemon is asked before the disk is found'));
  const verbs: Readonly<Record<string, () => Promise<number>>> = {
    checkpoint: () => checkpointCommand(argv.slice(1), undefined, host), rollback: () => rollbackCommand(argv.slice(1), undefined, host), cat: () => catCommand(argv.slice(1), { ...host, bytes: () => undefined }),
  };
  if (name === 'power') {
    const request = parsePowerRequest(words);
    return request.ok ? undefined : request.problems[0]!.rule;
  }
  if (name === 'gateway' && words[0] === 'configure') return (await gatewayCommand(argv, { ...host, status })) === DISK_MISSING ? undefined : said;
  if (name === 'gateway') {
    const refused: unknown = await gatewayCommand([...words, '--socket', NO_DISK]).then((code) => `exit code ${code}`, (error: unknown) => error);
    return refused instanceof InputError && refused.problems[0]!.code === 'MM-GATEWAY-NO-DAEMON' ? undefined : String(refused);
  }
  // The installer has no disk to be pointed at: its options are compared with its help.
  if (name === 'install') return undefined;
  if (name === 'cluster') return (await clusterCommand(argv, { ...host, status })) === DISK_MISSING ? undefined : said;
  const code = name === 'restore' ? await restoreCommand(argv, host) : await (verbs[words[0]!] ?? (() => nodeCommand(argv, { ...host, status })))();
  return code === DISK_MISSING ? undefined : `exit code ${code}: ${said}`;
}

/** A file of ours that stands in the text by its path from the top. */
const namedFiles = (text: string): readonly string[] => text.match(/^(daemons|initrd|live-dvd|scripts|test|docs|build\.mjs)(\/[\w.@-]+)*\.(ts|mjs|json|md|ya?ml|sh|cfg|service)$/) ?? [];

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document);
  const pieces = codePieces(text);

  test('every relative link leads somewhere', () => {
    const broken = relativeLinks(text).filter(({ path, anchor }) => {
      const target = path === '' ? document : join(dirname(document), path);
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(read(target)).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  test('every command exists, with the options that are shown', () => {
    expect(pieces.flatMap(({ text: piece, line }) => {
      const problem = commandProblem(piece);
      return problem === undefined ? [] : [`${document}:${line}: ${piece}: ${problem}`];
    })).toEqual([]);
  });

  test('every file that is named by its path exists', () => {
    expect(pieces.flatMap(({ text: piece, line }) => namedFiles(piece).slice(0, 1).filter((path) => !existsSync(path)).map((path) => `${document}:${line}: ${path}`))).toEqual([]);
  });

  test('every message code is one that the code can give', () => {
    // The catalogue holds exactly those: scripts/messages/catalogue.test.ts.
    const codes = pieces.flatMap(({ text: piece }) => piece.match(/^MM-[A-Z]+(-[A-Z]+)*$/)?.slice(0, 1) ?? []);
    expect(codes.filter((code) => !Object.hasOwn(CATALOGUE, code))).toEqual([]);
  });
});

describe('README.md', () => {
  const dependenciesPart = section(read('README.md'), '## Dependencies');
  const rowsOf = (heading: string) => tableRows(section(dependenciesPart, heading), 'package');

  test('its table of npm packages is that of package.json, each with a reason', () => {
    const rows = rowsOf('### npm packages');
    expect(difference(rows.map(([name]) => onlySpan(name!) ?? name!), PACKAGES)).toEqual([]);
    expect(rows.filter(([, reason]) => (reason ?? '').length < 10)).toEqual([]);
  });

  test('its table of Debian packages is that of scripts/prepare, each with a reason', () => {
    const lists = [...read('scripts/prepare').matchAll(/packages\+?=\(([^)]*)\)/g)].map((match) => match[1]!.trim().split(/\s+/));
    const rows = rowsOf('### Debian packages on the machine that builds');
    expect(difference(rows.map(([name]) => onlySpan(name!) ?? name!), lists.flat())).toEqual([]);
    expect(rows.filter(([, reason]) => (reason ?? '').length < 5)).toEqual([]);
  });

  test('the place for boot times is marked and holds a table of stage and seconds', () => {
    const marked = /<!-- boot-times -->\n([\s\S]*?)<!-- \/boot-times -->/.exec(read('README.md'))?.[1] ?? '';
    expect(tableRows(marked, 'stage').length).toBeGreaterThan(0);
    expect(marked).toContain('`scripts/test rack --json`');
  });
});

describe('ARCHITECTURE.md', () => {
  const rows = tableRows(section(read('ARCHITECTURE.md'), '## The rooms'), 'room');
  const ignored = new Set([...read('.gitignore').split('\n').map((line) => line.replace(/\/$/, '')), '.git']);
  const foldersIn = (parent: string): readonly string[] => readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !ignored.has(entry.name)).map(({ name }) => (parent === '.' ? `${name}/` : `${parent}${name}/`));
  const top = foldersIn('.');

  test('its map holds every room, and no other', () => {
    const there = [...top, ...top.filter((folder) => folder !== 'docs/' && !folder.startsWith('.')).flatMap(foldersIn)];
    expect(difference(rows.map(([room]) => onlySpan(room!) ?? room!), there)).toEqual([]);
  });

  test('says of each room what it may import, as the import rule has it', () => {
    for (const [room, , imports] of rows) {
      const folder = onlySpan(room!)!;
      const hasCode = readdirSync(folder).some((name) => name.endsWith('.ts'));
      const rule = ROOM_RULES.find(({ files }) => files.test(`${folder}some-file.ts`));
      const wanted = hasCode ? [...(rule?.rooms ?? ['(no rule)'])].sort() : [];
      expect(spansOf(imports!).toSorted(), folder).toEqual(wanted);
      if (wanted.length === 0) expect(imports, folder).toBe(hasCode ? 'nothing' : '—');
    }
  });
});

describe('docs/administration.md', () => {
  const text = read('docs/administration.md');

  test('its boot parameters are those that the initrd reads', () => {
    const names = tableRows(text, 'parameter').map(([name]) => onlySpan(name!) ?? name!);
    // The initrd's own list of `mm.` names is in its warning about one that it does not know.
    const ours = parseCommandLine('mm.no-such-name').warnings[0]!.rule.match(/mm\.[a-z]+/g) ?? [];
    const report = /REPORT_NAMES: [^=]*= new Set\(\[([^\]]*)\]/.exec(read('initrd/command-line.ts'))?.[1]!.match(/\w+/g) ?? [];
    expect(report.length).toBeGreaterThan(0);
    expect(report.every(isBootParameter)).toBe(true);
    expect(difference(names, [...ours, ...report])).toEqual([]);
  });

  test('a default that it gives, when given, changes nothing', () => {
    const defaults = tableRows(text, 'parameter').flatMap(([name, value]) => (onlySpan(value!) === undefined ? [] : [`${onlySpan(name!)}=${onlySpan(value!)}`]));
    expect(defaults.length).toBeGreaterThan(4);
    const needed = 'root=/dev/evms/defaultx ivid=iqn.2026-11.example:x';
    for (const given of defaults) expect(parseCommandLine(`${given} ${needed}`), given).toEqual(parseCommandLine(needed));
  });

  test('its steps are those of the boot plans', () => {
    const plans = ['root=/dev/evms/defaultx ivid=iqn.2026-11.example:x', 'mm.mode=install'].flatMap((line) => bootPlan(parseCommandLine(line).parameters));
    expect(difference(tableRows(text, 'step').map(([step]) => onlySpan(step!) ?? step!), [...new Set(plans.map(({ kind }) => kind))])).toEqual([]);
  });

  describe('its tasks', () => {
    const tasks = tableRows(section(text, '## The tasks, and how many steps they are'), 'task');
    const commands = [...new Set(tasks.flatMap(([, steps]) => spansOf(steps!)).filter((span) => span.startsWith('metamaster ')))];

    test('have as many steps as they say, numbered in order', () => {
      expect(tasks.length).toBeGreaterThan(0);
      for (const [task, steps, count] of tasks) expect([...steps!.matchAll(/(?:^| )(\d+)\. /g)].map((match) => Number(match[1])), task).toEqual(Array.from({ length: Number(count) }, (_, i) => i + 1));
    });

    test.each(commands)('%s: the command takes these words', async (command) => expect(await refusedWords(command)).toBeUndefined());
  });

  test("its menu is the disc's", () => {
    const entries = [...read('live-dvd/grub.cfg').matchAll(/^menuentry "([^"]+)" --hotkey=(\w)/gm)].map(([, name, key]) => `${name} \`${key}\``);
    expect(difference(tableRows(text, 'entry').map(([name, key]) => `${name} ${key}`), entries)).toEqual([]);
    const parameters = /DEFAULT_PARAMETERS = '([^']+)'/.exec(read('live-dvd/images.ts'))?.[1];
    expect(codePieces(text).map((piece) => piece.text)).toContain(parameters);
  });
});

describe('the checks themselves see', () => {
  test.each([
    'npm run no-such-script', 'npx no-such-package', 'scripts/no-such-command', 'scripts/rack fly', 'scripts/rack up --no-such-option', 'node scripts/no-such-file.ts',
    'scripts/up --no-such-option', 'scripts/test no-such-part', 'metamaster no-such-command', 'metamaster san no-such-verb', 'metamaster install --no-such-option',
  ])('what is wrong in %s', (command) => expect(commandProblem(command)).toEqual(expect.any(String)));

  test.each(['npm ci', 'npm test', 'scripts/rack', 'scripts/rack power on N --uefi', 'metamaster san check PATH [--json]', 'scripts/test rack --json', 'ls -l'])('nothing wrong in %s', (command) => expect(commandProblem(command)).toBeUndefined());

  test.each(['metamaster node replace', 'metamaster node rollback 3 before', 'metamaster node checkpoint', 'metamaster node cat 3', 'metamaster restore -d 3', 'metamaster node release 7'])('words that are missing or wrong in %s', async (command) => {
    expect(await refusedWords(command)).toMatch(new RegExp(`^exit code ${WORDS_WRONG}: `));
  });

  test('links, anchors, tables and code', () => {
    const text = '# A b: `c`!\n[x](y.md#z) [w](https://w) `[n](o)`\n\n| k | v |\n|---|---|\n| `a` | b |\n\n```\nscripts/up   # c\n```\n## Next\n';
    expect(relativeLinks(text)).toEqual([{ path: 'y.md', anchor: 'z', line: 2 }]);
    expect([...anchorsOf(text)]).toEqual(['a-b-c', 'next']);
    expect(tableRows(text, 'k')).toEqual([['`a`', 'b']]);
    expect(codePieces(text).map((piece) => piece.text)).toEqual(['c', '[n](o)', 'a', 'scripts/up']);
    expect(difference(['a', 'a', 'b'], ['a', 'c'])).toEqual(['a: said twice', 'b: said, but not there', 'c: there, but not said']);
    expect(() => section(text, '## Missing')).toThrow('found 0 times');
    expect(() => tableRows(text, 'missing')).toThrow('no table');
  });
});
