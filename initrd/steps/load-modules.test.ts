import { expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { loadModules, requireModules } from './load-modules.ts';

test('what the hardware asks for is loaded first, also by devices that appear only then', () => {
  const blade = new ModelBlade(new ModelSan());
  const asked: string[][] = [];
  blade.override = (argv) => {
    asked.push(argv.filter((word) => word.includes(':')));
    if (argv.some((word) => word.startsWith('pci:'))) blade.files.set('/sys/bus/virtio/devices/virtio0/modalias', 'virtio:d00000001v00001AF4\n');
    return undefined;
  };
  loadModules(blade, { required: ['sd_mod'], wanted: [], meanwhile: [] });
  expect(asked.filter((aliases) => aliases.length > 0)).toEqual([['pci:v00001AF4d00001000'], ['virtio:d00000001v00001AF4']]);
});

test('a module that is there under another spelling, or built in, is not missed', () => {
  const blade = new ModelBlade(new ModelSan());
  blade.files.set('/sys/module/crc32c_intel/refcnt', '0\n');
  blade.override = (argv) => (argv.at(-1) === 'builtin_one' ? { code: 0, said: '' } : undefined);
  expect(() => requireModules(blade, ['crc32c-intel', 'builtin_one'])).not.toThrow();
});

test('modules that are not to be had are named all together; those that are merely wanted, or loaded meanwhile, are not', () => {
  const blade = new ModelBlade(new ModelSan());
  expect(() => loadModules(blade, { required: ['tg3', 'sd_mod', 'bnx2'], wanted: ['iTCO_wdt'], meanwhile: ['no_such'] })).toThrow(/^MM-BOOT-MODULES: modules not to be had: tg3, bnx2$/);
});

test('modules that are there are not asked for again', () => {
  const blade = new ModelBlade(new ModelSan());
  blade.files.set('/sys/module/dm_mod/refcnt', '0\n');
  requireModules(blade, ['dm_mod']);
  expect(blade.argvs).toEqual([]);
});
