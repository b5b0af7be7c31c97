import { describe, expect, test } from 'vitest';
import type { Registry } from '../../daemons/storage/registry.ts';
import { sampleRegistry } from '../../daemons/storage/sample-san.test-kit.ts';
import type { Ran } from '../boot-host.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import type { BootRecord } from './handover.ts';
import { STORE_FILL_FILE, StoreWatch } from './store-watch.ts';

const RECORD = { container: 'debian', node: 2 } as BootRecord;
const TOTAL = 2000;
const OTHERS = sampleRegistry().volumes.filter(({ name }) => name !== 'node2');
const WHOLE = sampleRegistry().volumes.find(({ name }) => name === 'node2')!;
/** The registry with a store for node 2 that can fill. */
const SMALL = { volumes: [...OTHERS, { ...WHOLE, sizeBytes: 2 * 2 ** 20 }] };

/** Looks once for each answer of dmsetup; a number is the sectors used. */
function watched(answers: readonly (number | string | Ran)[], { registry = SMALL, mounts = '' }: { registry?: Pick<Registry, 'volumes'>; mounts?: string } = {}): ModelBlade {
  const blade = new ModelBlade(new ModelSan());
  blade.files.set('/proc/mounts', mounts);
  const watch = new StoreWatch(blade, RECORD, registry);
  for (const answer of answers) {
    blade.override = () => (typeof answer === 'object' ? answer : { code: 0, said: `0 8192 snapshot ${typeof answer === 'number' ? `${answer}/${TOTAL} 16` : answer}\n` });
    watch.look();
  }
  return blade;
}

const warned = (blade: ModelBlade): string[] => blade.console.flatMap((line) => /MM-AGENT-STORE-FILL: the exception store of \/dev\/evms\/debian\/node2 is (\d+ %)/.exec(line)?.[1] ?? []);
const stopped = (blade: ModelBlade): boolean => blade.files.get('/proc/sysrq-trigger') === 'b';

describe('a store that fills', () => {
  test('is asked for by the name of this node\'s root, warned of twice on console and journal, and told to the status', () => {
    const blade = watched([100, 1399, 1400, 1410, 1800, 1990]);
    expect(blade.argvs[0]).toEqual(['dmsetup', 'status', 'debian-node2']);
    expect(warned(blade)).toEqual(['70 %', '90 %']);
    expect(blade.files.get('/dev/console')).toMatch(/^\nmetamaster: MM-AGENT-STORE-FILL: .* is 90 % full/);
    expect(JSON.parse(blade.files.get(STORE_FILL_FILE)!)).toEqual({ percent: 99, canFill: true });
    expect(stopped(blade)).toBe(false);
  });

  test('and has room for its whole origin is no reason to warn', () => {
    const blade = watched([1999], { registry: sampleRegistry() });
    expect(warned(blade)).toEqual([]);
    expect(JSON.parse(blade.files.get(STORE_FILL_FILE)!)).toEqual({ percent: 99, canFill: false });
  });

  test('is a retired store of the same node no more than any other', () => {
    const retired = { ...WHOLE, retired: 'rollback' as const };
    expect(warned(watched([1999], { registry: { volumes: [retired, ...SMALL.volumes] } }))).toEqual(['99 %']);
  });
});

describe('a store that the kernel gave up', () => {
  test.each(['Invalid', 'Overflow', 'Merge failed'])('%s: the blade is reset at once, by no program of the root', (word) => {
    const blade = watched([100, word]);
    expect(blade.files.get('/dev/console')).toContain(`MM-AGENT-STORE-INVALID: the kernel gave the exception store of /dev/evms/debian/node2 up (the kernel says "${word}")`);
    expect(blade.files.get('/dev/console')).toMatch(/\nmm-stage stopped MM-AGENT-STORE-INVALID: .*\n$/);
    expect(stopped(blade)).toBe(true);
    expect(blade.argvs.every(([program]) => program === 'dmsetup')).toBe(true);
  });

  test('a console that cannot be written to holds nothing up', () => {
    const blade = new ModelBlade(new ModelSan());
    const written: string[] = [];
    blade.writeText = (path) => {
      if (path === '/dev/console') throw new Error('/dev/console: Input/output error');
      written.push(path);
    };
    blade.override = () => ({ code: 0, said: '0 8 snapshot Invalid\n' });
    expect(() => new StoreWatch(blade, RECORD, SMALL).look()).toThrow('Input/output error');
    expect(written).toEqual(['/proc/sysrq-trigger']);
  });

  const dead = { code: 127, said: 'dmsetup cannot be started' };
  const ro = 'sysfs /sys sysfs rw 0 0\n/dev/mapper/debian-node2 / ext4 ro,noatime 0 0\n';

  test('so that not even dmsetup runs: known by that and by a root that went read-only', () => {
    expect(stopped(watched([dead, dead], { mounts: ro }))).toBe(false);
    expect(stopped(watched([dead, { code: 135, said: '' }, dead], { mounts: ro }))).toBe(true);
    expect(stopped(watched([dead, dead, dead], { mounts: ro.replace(' ro,', ' rw,emergency_ro,') }))).toBe(true);
  });

  test('is not taken from less: a root that can be written, a program that ran in between, an answer that means nothing', () => {
    expect(stopped(watched([dead, dead, dead, dead], { mounts: ro.replace(' ro,', ' rw,') }))).toBe(false);
    expect(stopped(watched([dead, dead, 100, dead, dead], { mounts: ro }))).toBe(false);
    expect(stopped(watched([{ code: 1, said: 'Device does not exist.' }, 'Unknown', { code: 1, said: '' }, { code: 1, said: '' }], { mounts: ro }))).toBe(false);
  });
});
