import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from './bytes.ts';
import { loaderFactsOfPackages, loaderFactsText, parseLoaderFacts } from './loader-facts.ts';

const version = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'));

test('what is written is read', () => {
  fc.assert(fc.property(version, (ipxeVersion) => {
    expect(parseLoaderFacts(encodeUtf8(loaderFactsText({ ipxeVersion })))).toEqual({ ipxeVersion });
  }));
  expect(loaderFactsText({ ipxeVersion: '1.21.1' })).toBe('{"ipxeVersion":"1.21.1"}\n');
});

describe('the version of a recorded package', () => {
  test.each([
    ['ipxe=1.21.1+git20250501.edc3f4b+dfsg-1 all 00', '1.21.1'],
    ['grub=2\nipxe=1.0.0+git-20190125.36a4c85-5.1 all 00\nipxe-qemu=9.9.9+x all 00\n', '1.0.0'],
    ['ipxe=1:1.21.1-3 all 00', '1.21.1'],
  ])('%j', (list, ipxeVersion) => expect(loaderFactsOfPackages(list)).toEqual({ ipxeVersion }));
  test.each(['', 'ipxe-qemu=1.21.1+git all 00', 'ipxe=1.21+git all 00', 'xipxe=1.21.1+git'])('%j has none', (list) => expect(loaderFactsOfPackages(list)).toBeUndefined());
});

test.each(['', '{', 'null', '[]', '7', '{"ipxeVersion":7}', '{"ipxeVersion":"newest"}', '{"ipxeVersion":"1.21.1000"}'])('%j says nothing', (text) => {
  expect(parseLoaderFacts(encodeUtf8(text))).toBeUndefined();
});

test('fuzz: whatever bytes stand in the file, a version of three numbers is read or nothing, and nothing is thrown', () => {
  expect(parseLoaderFacts(undefined)).toBeUndefined();
  fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.json().map(encodeUtf8)), (bytes) => {
    expect(parseLoaderFacts(bytes)?.ipxeVersion ?? '0.0.0').toMatch(/^\d+\.\d+\.\d+$/);
  }));
});
