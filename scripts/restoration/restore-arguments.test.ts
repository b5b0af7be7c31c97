import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRestoreArguments, RESTORE_HELP } from './restore-arguments.ts';

const read = (line: string) => parseRestoreArguments(line.split(' ').filter((word) => word !== ''));
/** What is refused, as `where: seen`. */
function refused(line: string): string[] {
  const parsed = read(line);
  return parsed.ok ? [] : parsed.problems.map(({ where, seen }) => `${where}: ${seen}`);
}

const DEFAULTS = { shared: false, workFolder: '/tmp', interactive: false, verbosity: 1, fenced: [], force: false, dryRun: false, yes: false, json: false };

describe('what the report shows', () => {
  test('reset all nodes', () => {
    expect(read('-f /etc/install -d 2')).toEqual({ ok: true, value: { ...DEFAULTS, info: '/etc/install', task: { kind: 'reset', withState: false, reallocate: false } } });
  });
  test('reset node 3', () => {
    expect(read('-f /etc/install -d 3 -n 3')).toEqual({ ok: true, value: { ...DEFAULTS, info: '/etc/install', task: { kind: 'reset', node: 3, withState: false, reallocate: false } } });
  });
  test('a SAN login is for a disk that is not named yet', () => {
    expect(read('-d 2 --san-login /root/login.json')).toMatchObject({ ok: true, value: { sanLogin: '/root/login.json' } });
    expect(read('-d 2 --san-login /root/login.json --device /dev/sda')).toMatchObject({ ok: false, problems: [{ where: '--san-login' }] });
  });

  test('the shared volume: alone, or toggled beside the reset of all', () => {
    expect(read('-s --force --fenced 1,2')).toEqual({ ok: true, value: { ...DEFAULTS, shared: true, force: true, fenced: [1, 2], task: { kind: 'shared' } } });
    expect(read('-f /etc/install -d 2 -s')).toMatchObject({ ok: true, value: { shared: true, task: { kind: 'reset', withState: false, reallocate: false } } });
  });

  test('letters may stand together with their values', () => expect(read('-d3 -n3 -iF -v2')).toMatchObject({ ok: true, value: { interactive: true, verbosity: 2, task: { node: 3, reallocate: true } } }));
});

test('every letter has a long form of the same meaning', () => {
  expect(read('--do 3 --node 2 --file a --work b --interactive --force-reallocation --verbose 2')).toEqual(read('-d 3 -n 2 -f a -w b -i -F -v 2'));
  expect(read('-d 2 -s')).toEqual(read('-d 2 --shared'));
});

test('the rest', () => {
  expect(read('--revalidate 2 --fenced 2 --device /dev/sda --container foo --dry-run --json')).toEqual({
    ok: true, value: { ...DEFAULTS, task: { kind: 'revalidate', node: 2 }, fenced: [2], device: '/dev/sda', container: 'foo', dryRun: true, json: true },
  });
  expect(read('-d 2 --fenced 1,3 --with-state --yes --json')).toMatchObject({ ok: true, value: { fenced: [1, 3], task: { withState: true } } });
  expect(read('-d 1 -f x --force')).toMatchObject({ ok: true, value: { task: { kind: 'rebuild' }, force: true } });
});

test.each([
  ['', ['-d: none of them']],
  ['-d 1 -s', ['-s: -d 1']],
  ['-d 3 -n 2 -s', ['-s: -d 3']],
  ['--revalidate 2 -s', ['-s: --revalidate']],
  ['-d 2 -s -F', ['-F: -s']],
  ['-s -n 3 -F --with-state', ['-n: -s, which is for all', '--force-reallocation: -s alone', '--with-state: -s alone']],
  ['-d 4', ['-d: "4"']],
  ['-d 3', ['-d 3: no -n']],
  ['-d 2 -n 3', ['-n: -d 2, which is for all']],
  ['-d 1 -n 3', ['-n: -d 1, which is for all']],
  ['-n 3', ['-d: none of them']],
  ['-d 3 -n x', ['--node: "x"']],
  ['-d 3 -n 0', ['--node: "0"']],
  ['-d 2 --revalidate 2', ['--revalidate: -d 2']],
  ['--revalidate 2 -n 2', ['-n: --revalidate, which names its node itself']],
  ['--revalidate 2 -F --with-state', ['-F: --revalidate', '--with-state: --revalidate']],
  ['-d 1 -F --with-state', ['-F: -d 1, which keeps the volumes', '--with-state: -d 1, which keeps the volumes']],
  ['-d 2 -F --with-state', ['-F: --with-state, which empties a volume in its place']],
  ['-d 1 --fenced 1', ['--fenced: -d 1']],
  ['-d 3 -n 2 --fenced 2,3', ['--fenced: 3']],
  ['-d 2 --fenced 1,x', ['--fenced: "1,x"']],
  ['-d 2 --fenced 1,1', ['--fenced: "1,1"']],
  ['-d 2 --force', ['--force: neither']],
  ['-d 2 -i --yes', ['-i: --yes, which asks none']],
  ['-d 2 --json', ['--json: neither']],
  ['-d 2 -i --json --dry-run', ['-i: --json']],
  ['-d 2 -v 3', ['-v: "3"']],
  ['-d 2 -d 3 -n 1', ['--do: several times']],
  ['-d 2 node3', ['restore: "node3"']],
  ['-d 2 --file=', ['--file: nothing']],
  ['-d 2 --no-such', ["restore: Unknown option '--no-such'"]],
  ['-d 4 -n 3 -v 9 --force', ['-d: "4"', '-v: "9"', '--force: neither']],
])('wrong use: %s', (line, expected) => expect(refused(line)).toEqual(expected));

test('any words give arguments or problems; arguments never contradict each other', () => {
  const word = fc.oneof(fc.constantFrom('-d', '1', '2', '3', '-n', '-F', '-i', '-s', '--yes', '--json', '--dry-run', '--with-state', '--fenced', '--revalidate', '-f', '--force', '-d2', '--'), fc.string());
  fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (words) => {
    const parsed = parseRestoreArguments(words);
    if (!parsed.ok) return void expect(parsed.problems.length).toBeGreaterThan(0);
    const { task, shared, interactive, yes, json, dryRun } = parsed.value;
    const ofAll = task.kind === 'reset' && task.node === undefined && !task.reallocate;
    expect([interactive && yes, json && !yes && !dryRun, task.kind === 'reset' && task.reallocate && task.withState, shared && !ofAll && task.kind !== 'shared']).toEqual([false, false, false, false]);
  }));
});

test('the help names every option', () => {
  for (const option of ['-d, --do', '-n, --node', '--revalidate', '-f, --file', '--force ', '-F, --force-reallocation', '--with-state', '-s, --shared', '--fenced', '-w, --work', '-i, --interactive', '-v, --verbose', '--device', '--san-login', '--container', '--dry-run', '--yes', '--json']) expect(RESTORE_HELP).toContain(`  ${option}`);
});
