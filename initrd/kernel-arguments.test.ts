import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitKernelArguments } from './kernel-arguments.ts';

const pairs = (text: string): readonly (readonly [string, string | undefined])[] => splitKernelArguments(text).map(({ name, value }) => [name, value]);

describe('splitKernelArguments', () => {
  test.each<[string, string, readonly (readonly [string, string | undefined])[]]>([
    ['flags and values', 'quiet root=/dev/sda1 ---\n', [['quiet', undefined], ['root', '/dev/sda1'], ['---', undefined]]],
    ['all white space parts', '\ta\n b\vc\fd\re ', [['a', undefined], ['b', undefined], ['c', undefined], ['d', undefined], ['e', undefined]]],
    ['only the first = counts', 'a=b=c', [['a', 'b=c']]],
    ['an empty value is a value', 'a= b', [['a', ''], ['b', undefined]]],
    ['a quoted value keeps its spaces', 'dyndbg="file a +p ; b" x', [['dyndbg', 'file a +p ; b'], ['x', undefined]]],
    ['an argument quoted as a whole', '"a=b c" d', [['a', 'b c'], ['d', undefined]]],
    ['a quoted flag', '"a b" c', [['a b', undefined], ['c', undefined]]],
    ['an open quote runs to the end', 'a="b c d', [['a', 'b c d']]],
    ['quotes inside a value stay', 'a=b"c d"e f', [['a', 'b"c d"e'], ['f', undefined]]],
    ['a lone quote is an empty value', 'a="', [['a', '']]],
    ['an = in front belongs to the name', '=a =b=c', [['=a', undefined], ['=b', 'c']]],
    ['nothing behind a zero byte', 'a\0b', [['a', undefined]]],
    ['nothing', '  \n', []],
  ])('%s', (_what, text, expected) => expect(pairs(text)).toEqual(expected));

  test('what holds neither space nor quote comes back as it was written', () => {
    const word = fc.stringMatching(/^[a-z_.]{1,8}$/);
    const argument = fc.record({ name: word, value: fc.option(fc.stringMatching(/^[a-z0-9=,./:-]{0,12}$/), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(argument), fc.constantFrom(' ', '  ', '\t'), (args, space) => {
        const text = args.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)).join(space);
        expect(splitKernelArguments(text)).toEqual(args);
      }),
    );
  });

  test('fuzz: any text gives arguments without white space outside quotes, and never an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '=', '"', ' ', '\n', '\0', '-', 'ä', '\ud800') }), (text) => {
        for (const { name, value } of splitKernelArguments(text)) {
          if (!text.includes('"')) expect(`${name}${value ?? ''}`).not.toMatch(/[ \t\n\v\f\r]/);
        }
      }),
    );
  });
});
