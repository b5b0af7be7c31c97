import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeUtf8 } from '../core/bytes.ts';
import { withoutSecrets } from './registry.ts';
import { decodeCopy } from './registry-copy.ts';
import { sampleRegistry } from './sample-san.test-kit.ts';

const registry = sampleRegistry();
const file = (value: unknown): Uint8Array => encodeUtf8(JSON.stringify(value, undefined, 2));

test('round trip: with secrets, and without', () => {
  expect(decodeCopy(file(registry), 'copy.json')).toEqual({ ok: true, value: { registry: withoutSecrets(registry), secret: registry.secret } });
  expect(decodeCopy(file(withoutSecrets(registry)), 'copy.json')).toEqual({ ok: true, value: { registry: withoutSecrets(registry) } });
});

test.each(['one-way', 'mutual'] as const)('round trip of a cluster whose SAN wants CHAP, %s: the login stays out of a copy without secrets', (kind) => {
  const own = { user: 'rack', password: 'topsecret-topsecret' };
  const chap = kind === 'one-way' ? own : { ...own, mutual: { user: 'san', password: 'another-topsecret' } };
  const full = { ...registry, roster: { ...registry.roster, san: { ...registry.roster.san, chap: kind } }, secret: { ...registry.secret, chap } };
  expect(decodeCopy(file(full), 'copy.json')).toEqual({ ok: true, value: { registry: withoutSecrets(full), secret: full.secret } });
  expect(JSON.stringify(withoutSecrets(full))).not.toContain('topsecret');
  expect(decodeCopy(file(withoutSecrets(full)), 'copy.json')).toEqual({ ok: true, value: { registry: withoutSecrets(full) } });
});

test.each<[string, Uint8Array, string]>([
  ['no JSON', encodeUtf8('registry'), 'MM-REGISTRY-TEXT'], ['no object', file([registry]), 'MM-REGISTRY-FORMAT'], ['not UTF-8', Uint8Array.of(0xff), 'MM-REGISTRY-TEXT'],
  ['a newer version', file({ ...withoutSecrets(registry), version: 9 }), 'MM-REGISTRY-VERSION'], ['a CHAP that there is not', file({ ...withoutSecrets(registry), roster: { ...registry.roster, san: { ...registry.roster.san, chap: 'three-way' } } }), 'MM-REGISTRY-FORMAT'], ['a part that is missing', file({ ...registry, volumes: undefined }), 'MM-REGISTRY-FORMAT'],
  ['a secret that is none', file({ ...registry, secret: { clusterKey: 'PRIVATE' } }), 'MM-REGISTRY-FORMAT'], ['parts that contradict', file({ ...withoutSecrets(registry), origins: [] }), 'MM-REGISTRY-RELATION'],
])('%s is told with the file\'s name', (_, bytes, code) => {
  const result = decodeCopy(bytes, 'copy.json');
  if (result.ok) throw new Error('decoded');
  expect(result.problems[0]).toMatchObject({ code, where: expect.stringMatching(/^copy\.json: /) });
  expect(JSON.stringify(result.problems)).not.toContain('PRIVATE');
});

test('fuzz: foreign bytes give problems, never an error', () => {
  fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.json().map((text) => encodeUtf8(text))), (bytes) => { expect(decodeCopy(bytes, 'f').ok).toBe(false); }), { numRuns: 200 });
});
