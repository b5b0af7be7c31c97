import { globSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { build } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanSource } from './source-scan.ts';

const imported = (text: string): readonly (string | undefined)[] => scanSource(text).imports.map(({ specifier }) => specifier);

describe('imports', () => {
  test.each([
    ["import 'a';", ['a']],
    ['import x from "a";', ['a']],
    ["import x, { y } from 'a'", ['a']],
    ["import {\n  x,\n  y as z,\n} from\n  'a';", ['a']],
    ["import * as x from 'a';import{y}from'b'", ['a', 'b']],
    ["import type { X } from 'a';", ['a']],
    ["import { type X } from 'a';", ['a']],
    ["export { x } from 'a'; export * from 'b'; export * as c from 'c'; export type { X } from 'd';", ['a', 'b', 'c', 'd']],
    ["const x = await import('a');", ['a']],
    ["let x: typeof import('a');", ['a']],
    ["const x = require( 'a' )", ['a']],
    ['const x = `${await import("a")} import("b")`;', ['a']],
    ["const x = await import(name); import(`a`); require(x + 'b');", [undefined, undefined, undefined]],
    ['const x = 4 / 2; import "a"; const y = 1 / 2;', ['a']],
    ["const x = /'/; import 'a'; const y = /[/']/.test(z); import 'b'", ['a', 'b']],
    ["import data from './a.json' with { type: 'json' };", ['./a.json']],
    ["const x = `a${`b${'}'}`}'`; import 'a'", ['a']],
    ["const x = `${{ a: { b: 1 } }.a}'`; import 'a'", ['a']],
  ])('%s', (text, expected) => expect(imported(text)).toEqual(expected));

  test.each([
    "// import 'a';", "/* import 'a'\n from 'b' */", "const x = \"import 'a'\";", "const x = 'import \"a\"';", "const x = `import 'a' from 'b'`;", "const x = { from: 'a', import: 'b' };",
    "Array.from('a'); x.import('a'); x.require('b');", "const x = /import 'a'/;", "const s = 'it\\'s'; // from 'x'", "test('from', 'a')", "const reimport = 'a'; important('b')",
  ])('none in %s', (text) => expect(imported(text)).toEqual([]));

  test('with their lines', () => expect(scanSource("/* 1\n2 */ import 'a';\n\nimport {\n} from 'b';").imports).toEqual([{ specifier: 'a', line: 2 }, { specifier: 'b', line: 5 }]));

  test('every import that esbuild sees in this repository is found', async () => {
    const files = globSync('{daemons,initrd,live-dvd,scripts,test}/**/*.ts').filter((file) => !file.endsWith('.d.ts'));
    const seen: { file: string; specifier: string }[] = [];
    await build({
      entryPoints: files, bundle: true, write: false, outdir: 'none', format: 'esm', logLevel: 'silent', platform: 'node',
      plugins: [{
        name: 'record',
        setup: ({ onResolve }) => {
          onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
            if (kind === 'entry-point') return undefined;
            seen.push({ file: relative('.', resolve(importer)), specifier: path });
            return { path, external: true };
          });
        },
      }],
    });
    expect(seen.length).toBeGreaterThan(50);
    const scanned = new Map(files.map((file) => [file, new Set(imported(readFileSync(file, 'utf8')))]));
    expect(seen.filter(({ file, specifier }) => !scanned.get(file)?.has(specifier))).toEqual([]);
  });
});

describe('code', () => {
  test('comments, strings and expressions are blanked, everything else stays in its place', () => {
    expect(scanSource("a(`x${b}y`, 'Buffer'); // Date.now\n/re/.test(c) /* d\n */ e").code).toBe("a(   {b  `, '       );            \n    .test(c)     \n    e");
  });

  test('fuzz: on any text it ends, with code of the same length and the same lines', () => {
    const piece = fc.constantFrom('`', '${', '}', '{', "'", '"', '/', '*', '//', '/*', '*/', '\\', '\n', '[', ']', '(', ')', 'import', ' from ', 'return', 'a', '=', ' ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        const { code } = scanSource(text);
        expect(code.split('\n').length).toBe(text.split('\n').length);
        expect(code).toHaveLength(text.length);
      }),
      { numRuns: 1000 },
    );
  });
});
