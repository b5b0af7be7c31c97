import { describe, expect, test } from 'vitest';
import { NODE_HELP, parseNodeArguments } from './node-arguments.ts';

const MAC = '52:54:00:00:00:0a';
const UUID = '00000000-0000-4000-8000-0000000000ab';
const parsed = (line: string) => parseNodeArguments(line.split(' ').filter((word) => word !== ''));
const placesOf = (line: string): string => {
  const result = parsed(line);
  return result.ok ? 'fine' : result.problems.map(({ where }) => where).join(', ');
};

describe('parseNodeArguments', () => {
  test('what each verb comes to', () => {
    expect(parsed('list --json')).toEqual({ ok: true, value: { task: { kind: 'list' }, dryRun: false, yes: false, json: true } });
    expect(parsed('replace 3')).toMatchObject({ value: { task: { kind: 'replace', node: 3, waitMs: 600_000, fence: { fenced: false, power: true } } } });
    expect(parsed(`replace 3 --mac ${MAC},5254.0000.000b --fenced --no-fence-power --yes`)).toMatchObject({ value: { yes: true, task: { macs: [MAC, '52:54:00:00:00:0b'], fence: { fenced: true, power: false } } } });
    expect(parsed(`add --mac ${MAC} --name blade3 --address 10.0.0.9 --loader ours`)).toMatchObject({ value: { task: { kind: 'add', macs: [MAC], name: 'blade3', address: '10.0.0.9', loader: 'ours' } } });
    expect(parsed('add --wait 5')).toMatchObject({ value: { task: { kind: 'add', waitMs: 5000 } } });
    expect(parsed('remove 2 --quarantine')).toMatchObject({ value: { task: { kind: 'remove', node: 2, quarantine: true } } });
    expect(parsed(`release ${UUID.toUpperCase()} --fenced`)).toMatchObject({ value: { task: { kind: 'release', uuids: [UUID], fenced: true } } });
    expect(parsed('undrain 2 --device d --container c')).toMatchObject({ value: { device: 'd', container: 'c', task: { kind: 'drain', node: 2, drained: false } } });
    expect(parsed('open 2 --auto --hours 2')).toMatchObject({ value: { task: { kind: 'open', node: 2, policy: 'auto', forMs: 7_200_000 } } });
    expect(parsed('close 2')).toMatchObject({ value: { task: { kind: 'close', node: 2 } } });
    expect(parsed(`replace 2 --mac ${MAC} --auto`)).toMatchObject({ value: { task: { kind: 'replace', auto: true, fence: { fenced: false, power: true } } } });
    expect(parsed('replace 3 --quarantine --no-fence-power')).toMatchObject({ value: { task: { kind: 'replace', quarantine: true, fence: { fenced: false, power: false } } } });
    expect(parsed('unbar 52-54-00-00-00-0A --dry-run')).toMatchObject({ value: { dryRun: true, task: { kind: 'unbar', mac: MAC } } });
  });

  test.each([
    ['', 'verb'], ['toast', 'verb'], ['list 3', 'list'], ['list --fenced', '--fenced'], ['drain', 'drain'], ['drain 0', 'NODE'], ['drain 1 2', 'drain'], ['drain x --mac y', '--mac, NODE'],
    ['unbar', 'unbar, MAC'], ['unbar nonsense', 'MAC'], ['replace 3 --mac nonsense', '--mac'], ['replace 3 --wait soon', '--wait'], ['replace 3 --wait 99999', '--wait'], [`replace 3 --mac ${MAC} --wait 5`, '--wait'],
    ['replace 3 --fenced --power-config f', '--fenced'], ['replace 3 --power-config f --no-fence-power', '--no-fence-power'], ['replace 3 --json', '--json'], ['replace 3 --json --dry-run', 'fine'],
    ['list --device ', 'options'], ['add 3', 'add'], ['add --address 10.0.0', '--address'], ['add --loader grub', '--loader'], ['add --fenced', '--fenced'], ['release x', 'UUID'], [`release ${UUID} ${UUID}`, 'UUID'], ['release', 'release'],
    ['remove 2 --quarantine --fenced', '--quarantine'], ['remove 2 --mac y', '--mac'], ['drain 1 --yes --yes', '--yes'], ['list --nonsense', 'options'],
    ['open 2 --hours 0', '--hours'], ['open 2 --hours 169', '--hours'], ['open', 'open'], ['close 1 --auto', '--auto'], ['replace 2 --auto', '--auto'], [`replace 2 --mac ${MAC} --auto --fenced`, '--auto'],
    ['replace 2 --quarantine', 'fine'], ['replace 2 --quarantine --fenced', '--quarantine'], ['replace 2 --quarantine --power-config f', '--quarantine'], [`replace 2 --mac ${MAC} --auto --quarantine`, '--auto'], ['add --quarantine', '--quarantine'],
  ])('"%s": %s', (line, wanted) => expect(placesOf(line)).toBe(wanted));

  test('the help names every verb and option', () => {
    for (const word of ['list', 'replace', 'open', 'close', '--auto', '--hours', 'hardware', 'checkpoint', 'diff', 'add', 'remove', 'drain', 'undrain', 'unbar', 'release', '--name', '--quarantine', '--mac', '--wait', '--fenced', '--power-config', '--no-fence-power', '--device', '--container', '--socket', '--dry-run', '--yes', '--json']) expect(NODE_HELP).toContain(`  ${word}`);
  });
});
