import { describe, expect, test } from 'vitest';
import { encodeLatin1, fromHex, toHex } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { EDK2_ARM64_DISCOVER, EDK2_DISCOVER, HTTP_ARM64_DISCOVER, HTTP_DISCOVER, IPXE_ARM64_DISCOVER, IPXE_ROM_DISCOVER, ROM_DISCOVER, UNDIONLY_DISCOVER } from '../wire/dhcp-golden.ts';
import { OPTION } from '../wire/dhcp-options.ts';
import { decodeDhcp } from '../wire/dhcp-packet.ts';
import { bootAnswer, bootRung, clientOf, needsOurLoader } from './boot-policy.ts';
import type { Client, ClientKind } from './boot-policy.ts';

const SERVER = '10.7.0.1' as Ipv4;
const text = encodeLatin1;
const archs = (hex: string) => fromHex(hex)!;
const ofGolden = (bytes: Uint8Array, arm64 = false) => clientOf(decodeDhcp(bytes)!.options, arm64);

describe('what kind of client asks', () => {
  test.each<[string, Uint8Array, Client]>([
    ['an iPXE ROM', IPXE_ROM_DISCOVER, { kind: 'ipxe', architectures: [0], fingerprint: expect.stringMatching(/^b105011af41000eb030100001701/) as string }],
    ['our iPXE', UNDIONLY_DISCOVER, { kind: 'ipxe', architectures: [0], fingerprint: expect.stringMatching(/^b105011af41000eb030100002601/) as string }],
    ['EDK2', EDK2_DISCOVER, { kind: 'uefi-x64', architectures: [7] }],
    ['EDK2 by HTTP', HTTP_DISCOVER, { kind: 'http-boot', architectures: [16] }],
    ['a plain ROM', ROM_DISCOVER, { kind: 'bios-rom', architectures: [0] }],
  ])('%s, as it really asks', (_name, golden, expected) => expect(ofGolden(golden)).toEqual(expected));

  test.each<[string, [number, Uint8Array][], ClientKind]>([
    ['architecture 9 is x64 UEFI too', [[60, text('PXEClient')], [93, archs('0009')]], 'uefi-x64'],
    ['the first of several that we serve', [[60, text('PXEClient')], [93, archs('00060007')]], 'uefi-x64'],
    ['32-bit UEFI', [[60, text('PXEClient')], [93, archs('0006')]], 'unsupported'],
    ['ARM64', [[60, text('PXEClient:Arch:00011:UNDI:003000')], [93, archs('000b')]], 'unsupported'],
    ['ARM64 by HTTP', [[60, text('HTTPClient')], [93, archs('0013')]], 'unsupported'],
    ['no option 93: the vendor class says it', [[60, text('PXEClient:Arch:00007:UNDI:003016')]], 'uefi-x64'],
    ['no architecture anywhere: an old BIOS', [[60, text('PXEClient')]], 'bios-rom'],
    ['user class length-prefixed', [[60, text('PXEClient')], [77, text('\x04iPXE')]], 'ipxe'],
    ['gPXE is a plain ROM', [[60, text('PXEClient')], [77, text('gPXE')], [175, new Uint8Array()], [93, archs('0000')]], 'bios-rom'],
    ['option 175 without a user class', [[60, text('PXEClient')], [175, fromHex('eb03011501')!]], 'ipxe'],
    ['a user class without option 175', [[77, text('iPXE')]], 'ipxe'],
    ['an operating system', [[60, text('udhcp 1.37.0')]], 'os'],
    ['nothing said', [], 'os'],
  ])('%s', (_name, options, kind) => expect(clientOf(new Map(options), false).kind).toBe(kind));

  test.each<[string, Uint8Array, ClientKind, number]>([
    ['EDK2', EDK2_ARM64_DISCOVER, 'uefi-arm64', 11],
    ['EDK2 by HTTP', HTTP_ARM64_DISCOVER, 'http-boot-arm64', 19],
  ])('%s on arm64 is served where this node has the files for it, and nowhere else', (_name, golden, kind, architecture) => {
    expect(ofGolden(golden, true)).toEqual({ kind, architectures: [architecture] });
    expect(ofGolden(golden, false)).toEqual({ kind: 'unsupported', architectures: [architecture] });
  });

  test('an iPXE on arm64 is an iPXE in any case', () => {
    for (const arm64 of [true, false]) expect(ofGolden(IPXE_ARM64_DISCOVER, arm64)).toMatchObject({ kind: 'ipxe', architectures: [11] });
  });

  test.each<[string, [number, Uint8Array][], ClientKind]>([
    ['x64 keeps its kind', [[60, text('PXEClient')], [93, archs('0007')]], 'uefi-x64'],
    ['x64 before arm64, where a client names both', [[60, text('PXEClient')], [93, archs('000b0007')]], 'uefi-x64'],
    ['no option 93: the vendor class says it', [[60, text('PXEClient:Arch:00011:UNDI:003000')]], 'uefi-arm64'],
    ['no option 93, by HTTP', [[60, text('HTTPClient:Arch:00019:UNDI:003000')]], 'http-boot-arm64'],
    ['the architecture of HTTP boot asking by PXE', [[60, text('PXEClient')], [93, archs('0013')]], 'unsupported'],
    ['the architecture of PXE asking by HTTP', [[60, text('HTTPClient')], [93, archs('000b')]], 'unsupported'],
    ['32-bit ARM', [[60, text('PXEClient')], [93, archs('000a')]], 'unsupported'],
    ['32-bit ARM by HTTP', [[60, text('HTTPClient')], [93, archs('0012')]], 'unsupported'],
  ])('with the files for arm64: %s', (_name, options, kind) => expect(clientOf(new Map(options), true).kind).toBe(kind));
});

describe('what it is told', () => {
  const answer = (client: Client, replace = false) => {
    const { bootFile, options } = bootAnswer(client, SERVER, replace);
    return [bootFile, [...options].map(([code, value]) => [code, code === OPTION.vendorClass ? String.fromCharCode(...value) : toHex(value)])];
  };
  test.each<[string, Client, boolean, unknown[]]>([
    ['iPXE: the script by TFTP, no wait for ProxyDHCP, no option 60', { kind: 'ipxe', architectures: [0] }, false, ['tftp://10.7.0.1/boot.ipxe', [[175, 'b00101']]]],
    ['iPXE to be replaced, BIOS', { kind: 'ipxe', architectures: [0] }, true, ['undionly.kpxe', [[175, 'b00101']]]],
    ['iPXE to be replaced, UEFI', { kind: 'ipxe', architectures: [7] }, true, ['snponly.efi', [[175, 'b00101']]]],
    ['BIOS ROM: 60 with 43', { kind: 'bios-rom', architectures: [0] }, false, ['undionly.kpxe', [[60, 'PXEClient'], [43, '060108ff']]]],
    ['UEFI: 60 with 43', { kind: 'uefi-x64', architectures: [7] }, false, ['snponly.efi', [[60, 'PXEClient'], [43, '060108ff']]]],
    ['HTTP boot: 60 back and a URL', { kind: 'http-boot', architectures: [16] }, false, ['http://10.7.0.1/snponly.efi', [[60, 'HTTPClient']]]],
    ['iPXE to be replaced, arm64', { kind: 'ipxe', architectures: [11] }, true, ['ipxe-arm64.efi', [[175, 'b00101']]]],
    ['arm64 UEFI: 60 with 43', { kind: 'uefi-arm64', architectures: [11] }, false, ['ipxe-arm64.efi', [[60, 'PXEClient'], [43, '060108ff']]]],
    ['arm64 HTTP boot: 60 back and a URL', { kind: 'http-boot-arm64', architectures: [19] }, false, ['http://10.7.0.1/ipxe-arm64.efi', [[60, 'HTTPClient']]]],
    ['an operating system: nothing', { kind: 'os', architectures: [] }, false, [undefined, []]],
    ['an architecture without a loader: nothing', { kind: 'unsupported', architectures: [11] }, false, [undefined, []]],
  ])('%s', (_name, client, replace, expected) => expect(answer(client, replace)).toEqual(expected));
});

describe('replacing an iPXE by ours', () => {
  const ipxe = (fingerprint: string, arch = 0): Client => ({ kind: 'ipxe', architectures: [arch], fingerprint });
  test.each<[string, Client, 'rom' | 'ours', string | undefined, boolean]>([
    ['another one', ipxe('01'), 'ours', '02', true],
    ['one that says nothing', ipxe(''), 'ours', '02', true],
    ['ours already', ipxe('02'), 'ours', '02', false],
    ['ours says nothing either', ipxe(''), 'ours', '', false],
    ['the roster says rom', ipxe('01'), 'rom', '02', false],
    ['ours is not known yet', ipxe('01'), 'ours', undefined, true],
    ['no loader for it', ipxe('01', 11), 'ours', '02', false],
    ['not an iPXE', { kind: 'bios-rom', architectures: [0] }, 'ours', undefined, false],
  ])('%s: %s', (_name, client, loader, ours, expected) => expect(needsOurLoader(client, loader, ours, false)).toBe(expected));

  test('one on arm64, where this node has the loader for it', () => {
    const needs = (arch: number, loader: 'rom' | 'ours', ours?: string) => needsOurLoader(ipxe('01', arch), loader, ours, true);
    expect([needs(11, 'ours', '02'), needs(11, 'ours'), needs(11, 'ours', '01'), needs(11, 'rom'), needs(10, 'ours')]).toEqual([true, true, false, false, false]);
  });

  test('rungs go up from ROM over script to system', () => {
    expect([bootRung(ipxe('01'), true), bootRung({ kind: 'uefi-x64', architectures: [7] }, false), bootRung(ipxe('02'), false), bootRung({ kind: 'os', architectures: [] }, false)]).toEqual([0, 0, 1, 2]);
  });
});
