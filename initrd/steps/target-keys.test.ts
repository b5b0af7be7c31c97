import { describe, expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { ModelTarget } from './model-target.test-kit.ts';
import { parseKeys, readKeys, registeredKeys, registrationKey } from './target-keys.ts';

const KEY = registrationKey('4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02');

function withTarget(): { blade: ModelBlade; target: ModelTarget } {
  const blade = new ModelBlade(new ModelSan());
  const target = new ModelTarget();
  blade.override = (argv) => target.answer(argv);
  return { blade, target };
}

test("a key is the hardware's: the same at each boot, another one on another blade, eight bytes and never zero", () => {
  expect(KEY).toMatch(/^[0-9a-f]{16}$/);
  expect(Number.parseInt(KEY, 16)).toBeGreaterThan(0);
  expect(registrationKey('4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02')).toBe(KEY);
  expect(registrationKey('4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:03')).not.toBe(KEY);
});

describe('what sg_persist prints', () => {
  test.each([
    ['an empty table', '  PR generation=0x1b, there are NO registered reservation keys\n', { generation: 27, own: false }],
    ['one key, ours', '  PR generation=0x1, 1 registered reservation key follows:\n    0xabc123\n', { generation: 1, own: true }],
    ['several', '  PR generation=0xc2, 4 registered reservation keys follow:\n    0xfdfe0001\n    0xabc123\n    0xfdfe0000\n    0xabc123\n', { generation: 194, own: true }],
    ['a longer key that ends in ours', '  PR generation=0x1, 1 registered reservation key follows:\n    0x10abc123\n', { generation: 1, own: false }],
    ['with the inquiry in front', '  IET       VIRTUAL-DISK      0001\n  Peripheral device type: disk\n  PR generation=0x2, there are NO registered reservation keys\n', { generation: 2, own: false }],
    ['nothing', '', undefined],
    ['something else', 'open error: No such device\n', undefined],
  ])('%s', (_name, text, seen) => expect(parseKeys(text, '0000000000abc123')).toEqual(seen));
});

test('a key is registered once, and never reserved with', () => {
  const { blade, target } = withTarget();
  expect(registeredKeys(blade, '/dev/sdb', KEY)).toEqual({ generation: 1, own: true });
  expect(registeredKeys(blade, '/dev/sdb', KEY)).toEqual({ generation: 1, own: true });
  expect(target.keys).toEqual([KEY]);
  const said = blade.argvs.map((argv) => argv.join(' '));
  expect(said.filter((line) => line.includes('--out'))).toEqual([`sg_persist --no-inquiry --out --register-ignore --param-sark=0x${KEY} /dev/sdb`]);
  expect(said.join()).not.toMatch(/--reserve\b|--preempt|--clear|aptpl/);
});

test('unit attentions are asked through, but not without end', () => {
  const { blade, target } = withTarget();
  target.unitAttentions = 2;
  expect(readKeys(blade, '/dev/sdb', KEY)).toEqual({ generation: 0, own: false });
  target.unitAttentions = 3;
  expect(readKeys(blade, '/dev/sdb', KEY)).toBeUndefined();
});

test('a target that does not know the commands is asked once; a missing program, and a table without room, are no table', () => {
  const { blade, target } = withTarget();
  target.knowsKeys = false;
  expect(registeredKeys(blade, '/dev/sdb', KEY)).toBeUndefined();
  expect(blade.argvs).toHaveLength(1);
  target.knowsKeys = true;
  target.full = true;
  expect(registeredKeys(blade, '/dev/sdb', KEY)).toBeUndefined();
  blade.override = () => ({ code: 127, said: 'sg_persist cannot be started' });
  expect(readKeys(blade, '/dev/sdb', KEY)).toBeUndefined();
});
