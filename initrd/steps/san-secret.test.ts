import { describe, expect, test } from 'vitest';
import { encodeLatin1 } from '../../daemons/core/bytes.ts';
import { formatChapLogin } from '../../daemons/core/chap.ts';
import { StepError } from '../boot-host.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import type { BootState } from './boot-state.ts';
import { askSanLogin, findSanLogin, wantsSanLogin } from './san-secret.ts';

const LOGIN = { user: 'rack', password: 'topsecret-topsecret' };
const MUTUAL = { ...LOGIN, mutual: { user: 'san', password: 'another-topsecret' } };
const stateOf = (boot: 'net' | 'dvd'): BootState => ({ parameters: { boot } as never, bootNonce: '', stages: [], warnings: [] });

/** A blade with a FAT stick as sdb1, which shows up at the `appears`th look at the disks. */
class StickBlade extends ModelBlade {
  label = 'MM-SECRET';
  content: string | undefined = formatChapLogin(MUTUAL);
  looks = 0;
  readonly appears: number;

  constructor(appears = 1) {
    super(new ModelSan());
    this.appears = appears;
    this.override = (argv) => {
      if (argv[0] === 'mount' && this.content !== undefined) this.files.set('/mnt/metamaster-san-login.json', this.content);
      if (argv[0] === 'umount') this.files.delete('/mnt/metamaster-san-login.json');
      return ['mount', 'umount'].includes(argv[0]!) ? { code: 0, said: '' } : undefined;
    };
  }

  override list(path: string): readonly string[] {
    if (path === '/sys/block') return ++this.looks >= this.appears ? ['sdb'] : [];
    return path === '/sys/block/sdb' ? ['sdb1', 'size'] : super.list(path);
  }

  override readAt(device: string, offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (device === '/dev/sdb1' && offset === 0) {
      bytes.set(encodeLatin1('FAT32   '), 82);
      bytes.set(encodeLatin1(this.label.padEnd(11)), 71);
      bytes.set([0x55, 0xaa], 510);
    }
    return bytes;
  }
}

describe('over the network', () => {
  test('the login is the second initrd\'s file, which is gone after that', () => {
    const blade = new ModelBlade(new ModelSan());
    blade.files.set('/san-login.json', formatChapLogin(LOGIN));
    expect(findSanLogin(blade, stateOf('net'))).toEqual(LOGIN);
    expect(blade.argvs).toEqual([['rm', '-f', '/san-login.json']]);
    expect(blade.files.has('/san-login.json')).toBe(false);
    expect(blade.console.join()).not.toContain('topsecret');
  });

  test('without one there is none, and no stick is looked for', () => {
    const blade = new StickBlade();
    expect(findSanLogin(blade, stateOf('net'))).toBeUndefined();
    expect(blade.argvs).toEqual([]);
  });

  test('a broken file is told, not shown, and gone', () => {
    const blade = new ModelBlade(new ModelSan());
    blade.files.set('/san-login.json', '{"user":"rack","password":"topsecret');
    expect(() => findSanLogin(blade, stateOf('net'))).toThrow('MM-CHAP: /san-login.json');
    expect(() => findSanLogin(blade, stateOf('net'))).not.toThrow();
  });
});

describe('from the disc', () => {
  test.each([1, 2])('the login is on the stick of that name, mounted read-only for a moment, also when it comes up at look %i', (appears) => {
    const blade = new StickBlade(appears);
    expect(findSanLogin(blade, stateOf('dvd'))).toEqual(MUTUAL);
    expect(blade.argvs.filter(([program]) => program !== 'modprobe')).toEqual([['mount', '-t', 'vfat', '-o', 'ro,nosuid,nodev,noexec', '/dev/sdb1', '/mnt'], ['umount', '/mnt']]);
    expect(blade.console.join()).not.toContain('topsecret');
  });

  test('another stick is left alone', () => {
    const blade = new StickBlade();
    blade.label = 'HOLIDAYS';
    expect(findSanLogin(blade, stateOf('dvd'))).toBeUndefined();
    expect(blade.argvs.some(([program]) => program === 'mount')).toBe(false);
  });

  test('a stick of that name without the file, or with another in its place, is told and unmounted', () => {
    const blade = new StickBlade();
    blade.content = undefined;
    expect(() => findSanLogin(blade, stateOf('dvd'))).toThrow(/MM-BOOT-SECRET-MEDIUM: \/dev\/sdb1, labelled MM-SECRET, holds no file metamaster-san-login\.json/);
    blade.content = 'topsecret';
    expect(() => findSanLogin(blade, stateOf('dvd'))).toThrow(/^MM-CHAP: \/dev\/sdb1: metamaster-san-login\.json: JSON; seen 9 characters that are none$/);
    expect(blade.argvs.filter(([program]) => program === 'umount')).toHaveLength(2);
  });

  test('one that cannot be mounted is told', () => {
    const blade = new StickBlade();
    blade.override = (argv) => (argv[0] === 'mount' ? { code: 32, said: 'mount: Invalid argument' } : undefined);
    expect(() => findSanLogin(blade, stateOf('dvd'))).toThrow('MM-BOOT-SECRET-MEDIUM: mount -t vfat');
  });
});

test('the administrator is asked from the disc alone, and when the SAN wants a proof', () => {
  const wants = new StepError('MM-BOOT-LOGIN-CHAP', 'x', 'y');
  expect([['dvd', wants], ['net', wants], ['dvd', new StepError('MM-BOOT-LOGIN-DENIED', 'x', 'y')], ['dvd', new Error('MM-BOOT-LOGIN-CHAP')]].map(([boot, error]) => wantsSanLogin(stateOf(boot as 'net'), error))).toEqual([true, false, false, false]);
});

describe('asking', () => {
  async function answered(...lines: readonly (string | undefined)[]) {
    const questions: (readonly [string, boolean, number | undefined])[] = [];
    const told: string[] = [];
    const login = await askSanLogin({
      print: (line) => void told.push(line),
      ask: async (prompt, hidden, waitMs) => {
        questions.push([prompt, hidden, waitMs]);
        return lines[questions.length - 1];
      },
    });
    return { login, questions, told: told.slice(1) };
  }

  test('one-way, mutual; secrets are hidden, and only the first question has an end', async () => {
    expect((await answered('rack', 'topsecret-topsecret', '')).login).toEqual(LOGIN);
    const { login, questions } = await answered('rack', 'topsecret-topsecret', 'san', 'another-topsecret');
    expect(login).toEqual(MUTUAL);
    expect(questions.map(([, hidden, waitMs]) => [hidden, waitMs])).toEqual([[false, 60_000], [true, undefined], [false, undefined], [true, undefined]]);
  });

  test.each([[[undefined]], [['']], [['rack', undefined]], [['rack', 'topsecret-topsecret', undefined]], [['rack', 'topsecret-topsecret', 'san', undefined]]])('%j: nobody is there, or it was broken off', async (lines) => {
    expect(await answered(...lines)).toMatchObject({ login: undefined, told: [] });
  });

  test('what is no login is told, and not repeated', async () => {
    const { login, told } = await answered('rack', 'topsecret', '');
    expect(login).toBeUndefined();
    expect(told).toEqual([expect.stringMatching(/^metamaster: MM-CHAP: console: password: 12 to 255 .* seen a text of 9 characters\. Type it again\.$/)]);
  });
});
