import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import { macFromBytes, macToBytes } from '../core/mac.ts';
import type { Mac } from '../core/mac.ts';
import type { Roster } from '../core/roster.ts';
import { EDK2_ARM64_DISCOVER, EDK2_DISCOVER, HTTP_ARM64_DISCOVER, IPXE_ARM64_DISCOVER, IPXE_DISCOVER, IPXE_ROM_DISCOVER, ROM_DISCOVER, UNDIONLY_DISCOVER } from '../wire/dhcp-golden.ts';
import { addressOption, addressValue, MESSAGE, messageTypeOf, OPTION, textOption } from '../wire/dhcp-options.ts';
import type { MessageType } from '../wire/dhcp-options.ts';
import { decodeDhcp, encodeDhcp } from '../wire/dhcp-packet.ts';
import { answerOrder } from './answer-rank.ts';
import { type DhcpEffect, DhcpServer } from './dhcp-server.ts';
import { at, file, hear, logged, message, NODE2, NODE4, NONE, type Option, requested, SECOND, sent, server, serverId, types, UNKNOWN } from './test-messages.ts';
import { drainedRoster, ROSTER } from './test-roster.ts';

describe('one server alone', () => {
  test('answers a known MAC at once, with its address, from the roster', () => {
    const effects = hear(server(1), 0, EDK2_DISCOVER);
    expect(sent(effects)).toMatchObject([{ yiaddr: '10.7.0.2', siaddr: '10.7.0.1', file: 'snponly.efi', to: '255.255.255.255' }]);
    expect(addressOption(sent(effects)[0]!.options, OPTION.serverIdentifier)).toBe('10.7.0.1');
    expect(effects).toContainEqual({ kind: 'stage', mac: NODE2, node: 2, stage: 'dhcp', detail: 'OFFER 10.7.0.2 from node 1: snponly.efi for uefi-x64' });
    expect(logged(effects)).toEqual(['info dhcp.reply']);
  });

  test('gives a second network card of a node the same address', () => {
    expect(sent(hear(server(1), 0, message(EDK2_DISCOVER, MESSAGE.discover, { chaddr: macToBytes('52:54:00:12:01:02' as Mac) })))).toMatchObject([{ yiaddr: '10.7.0.2' }]);
  });

  test('gives an unknown MAC nothing, says so once a minute and remembers it', () => {
    const machine = server(1);
    const stranger = message(ROM_DISCOVER, MESSAGE.discover, { chaddr: macToBytes(UNKNOWN) });
    expect([0, 30, 60, 61].map((s) => logged(hear(machine, s * SECOND, stranger)))).toEqual([['warn dhcp.unknown-mac'], [], ['warn dhcp.unknown-mac'], []]);
    expect(machine.unknown()).toEqual([{ mac: UNKNOWN, firstAt: 0, lastAt: 61 * SECOND, count: 4, detail: 'bios-rom PXEClient:Arch:00000:UNDI:002001' }]);
    machine.step(at(0), { kind: 'roster', roster: { ...ROSTER, nodes: [...ROSTER.nodes, { ...ROSTER.nodes[0]!, number: 9, macs: [UNKNOWN], address: '10.7.0.9' as Ipv4 }] } });
    expect(machine.unknown()).toEqual([]);
    expect(sent(hear(machine, 0, stranger))).toMatchObject([{ yiaddr: '10.7.0.9' }]);
  });

  test('is silent when it is itself no node of the roster', () => expect(sent(hear(server(99), 0, EDK2_DISCOVER))).toEqual([]));

  test('speaks no language but Ethernet', () => expect(sent(hear(server(1), 0, message(EDK2_DISCOVER, MESSAGE.discover, { htype: 32 })))).toEqual([]));
});

describe('REQUEST', () => {
  const selecting = (id: string, wish = '10.7.0.2') => message(EDK2_DISCOVER, MESSAGE.request, {}, [serverId(id), requested(wish)]);
  const bound = { ciaddr: '10.7.0.2' as Ipv4, broadcast: false };
  test.each<[string, Uint8Array, boolean, (MessageType | undefined)[], string[]]>([
    ['SELECTING us', selecting('10.7.0.1'), false, [MESSAGE.ack], ['info dhcp.reply']],
    ['SELECTING us, another address', selecting('10.7.0.1', '10.7.0.77'), false, [MESSAGE.nak], ['warn dhcp.nak']],
    ['SELECTING another node', selecting('10.7.0.3'), false, [], []],
    ['SELECTING another node, another address', selecting('10.7.0.3', '10.7.0.77'), false, [], []],
    ['SELECTING a foreign server', selecting('10.7.0.66'), false, [], ['error dhcp.foreign-server']],
    ['SELECTING with a broken option 54', message(EDK2_DISCOVER, MESSAGE.request, {}, [[54, new Uint8Array(3)], requested('10.7.0.77')]), false, [], []],
    ['INIT-REBOOT', message(EDK2_DISCOVER, MESSAGE.request, {}, [requested('10.7.0.2')]), false, [MESSAGE.ack], ['info dhcp.reply']],
    ['INIT-REBOOT, wrong address', message(EDK2_DISCOVER, MESSAGE.request, {}, [requested('10.7.0.77')]), false, [MESSAGE.nak], ['warn dhcp.nak']],
    ['INIT-REBOOT of a stranger', message(EDK2_DISCOVER, MESSAGE.request, { chaddr: macToBytes(UNKNOWN) }, [requested('10.7.0.77')]), false, [], ['warn dhcp.unknown-mac']],
    ['RENEWING', message(EDK2_DISCOVER, MESSAGE.request, bound), true, [MESSAGE.ack], ['info dhcp.reply']],
    ['REBINDING', message(EDK2_DISCOVER, MESSAGE.request, bound), false, [MESSAGE.ack], ['info dhcp.reply']],
    ['RENEWING an outdated address: no NAK under a running root', message(EDK2_DISCOVER, MESSAGE.request, { ...bound, ciaddr: '10.7.0.77' as Ipv4 }), true, [], ['warn dhcp.address-outdated']],
    ['neither address nor server', message(EDK2_DISCOVER, MESSAGE.request), false, [], []],
  ])('%s', (_name, bytes, unicast, expectedTypes, expectedLog) => {
    const effects = hear(server(1), 0, bytes, unicast);
    expect([types(effects), logged(effects)]).toEqual([expectedTypes, expectedLog]);
  });

  test('an ACK repeats the address in use and goes there; a NAK goes to everybody', () => {
    expect(sent(hear(server(1), 0, message(EDK2_DISCOVER, MESSAGE.request, bound), true))).toMatchObject([{ ciaddr: '10.7.0.2', yiaddr: '10.7.0.2', to: '10.7.0.2' }]);
    expect(sent(hear(server(1), 0, selecting('10.7.0.1', '10.7.0.77')))).toMatchObject([{ yiaddr: '0.0.0.0', to: '255.255.255.255' }]);
  });
});

describe('the other messages', () => {
  test('INFORM is answered without address and lease', () => {
    const [ack] = sent(hear(server(1), 0, message(EDK2_DISCOVER, MESSAGE.inform, { ciaddr: '10.7.0.2' as Ipv4 }), true));
    expect(ack).toMatchObject({ yiaddr: '0.0.0.0', to: '10.7.0.2' });
    expect([ack!.options.has(OPTION.leaseTime), messageTypeOf(ack!.options)]).toEqual([false, MESSAGE.ack]);
    expect(sent(hear(server(1), 0, message(EDK2_DISCOVER, MESSAGE.inform, { ciaddr: NONE }), true))).toEqual([]);
  });

  test('DECLINE shouts, RELEASE is noted', () => {
    const machine = server(1);
    expect(logged(hear(machine, 0, message(EDK2_DISCOVER, MESSAGE.decline, {}, [serverId('10.7.0.1'), requested('10.7.0.2')])))).toEqual(['error dhcp.address-declined']);
    expect(logged(hear(machine, 0, message(EDK2_DISCOVER, MESSAGE.release, { ciaddr: '10.7.0.2' as Ipv4 }, [serverId('10.7.0.1')]), true))).toEqual(['info dhcp.released']);
  });

  test('a reply of a server that is no node shouts once a minute; one of a node or of the moving address does not', () => {
    const machine = server(1);
    const offer = (id: string) => message(EDK2_DISCOVER, MESSAGE.offer, { op: 2 }, [serverId(id)]);
    expect([0, 1, 60].map((s) => logged(hear(machine, s * SECOND, offer('10.7.0.66'))))).toEqual([['error dhcp.foreign-server'], [], ['error dhcp.foreign-server']]);
    expect(['10.7.0.1', '10.7.0.3', '10.7.0.253'].flatMap((id) => hear(machine, 0, offer(id)))).toEqual([]);
  });

  test('the card of a foreign server is asked for as seldom as it is logged, told when it is known, and kept for the status', () => {
    const machine = server(1);
    const offer = (id: string) => message(EDK2_DISCOVER, MESSAGE.offer, { op: 2 }, [serverId(id)]);
    const asked = (effects: readonly DhcpEffect[]) => effects.flatMap((effect) => (effect.kind === 'find-mac' ? [effect.address] : []));
    expect([0, 1, 60].map((s) => asked(hear(machine, s * SECOND, offer('10.7.0.66'))))).toEqual([['10.7.0.66'], [], ['10.7.0.66']]);
    expect(machine.foreign()).toMatchObject([{ address: '10.7.0.66', mac: undefined, count: 3 }]);
    const found = (mac: string) => machine.step(at(61 * SECOND), { kind: 'mac-found', address: '10.7.0.66', mac: mac as Mac });
    expect(found('52:54:00:66:66:66')).toMatchObject([{ kind: 'log', level: 'error', event: 'dhcp.foreign-server', fields: { code: 'MM-DHCP-FOREIGN', server: '10.7.0.66', mac: '52:54:00:66:66:66' } }]);
    expect(found('52:54:00:66:66:66')).toEqual([]);
    expect(hear(machine, 200 * SECOND, offer('10.7.0.66'))).toMatchObject([{ fields: { mac: '52:54:00:66:66:66' } }, { kind: 'find-mac' }]);
    expect(machine.foreign()).toMatchObject([{ address: '10.7.0.66', mac: '52:54:00:66:66:66', count: 4 }]);
  });

  test('what a foreign server calls itself makes no node send anything out of the boot network, and no flood of them fills the memory', () => {
    const machine = server(1);
    const offer = (id: string) => message(EDK2_DISCOVER, MESSAGE.offer, { op: 2 }, [serverId(id)]);
    for (const id of ['192.0.2.1', '255.255.255.255', '127.0.0.1', '10.7.0.0']) expect(hear(machine, 0, offer(id)).map(({ kind }) => kind), id).not.toContain('find-mac');
    for (let host = 10; host < 110; host++) {
      hear(machine, SECOND, offer(`10.7.0.${host}`));
      machine.step(at(SECOND), { kind: 'mac-found', address: `10.7.0.${host}`, mac: '52:54:00:66:66:66' as Mac });
    }
    expect(machine.foreign().map(({ address }) => address)).toEqual(Array.from({ length: 16 }, (_, i) => `10.7.0.${94 + i}`));
    expect(machine.step(at(SECOND), { kind: 'mac-found', address: '10.7.0.10', mac: '52:54:00:66:66:66' as Mac })).toEqual([]);
  });

  test('a relay gets the reply, with its information', () => {
    const relayed = message(EDK2_DISCOVER, MESSAGE.discover, { giaddr: '10.9.0.1' as Ipv4, broadcast: true, hops: 1 }, [[82, Uint8Array.of(1, 1, 7)]]);
    const [effect] = hear(server(1), 0, relayed, true);
    expect(effect).toMatchObject({ kind: 'send', to: { address: '10.9.0.1', port: 67 }, broadcast: false });
    expect(sent([effect!])).toMatchObject([{ giaddr: '10.9.0.1', broadcast: true, hops: 0 }]);
    expect(sent([effect!])[0]!.options.get(82)).toEqual(Uint8Array.of(1, 1, 7));
    expect(hear(server(1), 0, message(EDK2_DISCOVER, MESSAGE.discover, { giaddr: '127.0.0.1' as Ipv4 }))).toEqual([]);
  });
});

describe('a blade with arm64 UEFI', () => {
  const fields = { chaddr: macToBytes(NODE2) };
  /** What the server does at the DISCOVER of node 2 and at the REQUEST that follows. */
  const exchange = (machine: DhcpServer, golden: Uint8Array) => [
    hear(machine, 0, message(golden, MESSAGE.discover, fields)),
    hear(machine, SECOND, message(golden, MESSAGE.request, fields, [serverId('10.7.0.1'), requested('10.7.0.2')])),
  ];
  const TYPES = [MESSAGE.offer, MESSAGE.ack];

  test('by PXE: the loader for arm64 from OFFER to ACK, in header and options, where this node has the files', () => {
    exchange(server(1, [1], { arm64: true }), EDK2_ARM64_DISCOVER).forEach((effects, i) => {
      const [reply] = sent(effects);
      expect(reply).toMatchObject({ yiaddr: '10.7.0.2', siaddr: '10.7.0.1', sname: '10.7.0.1', file: 'ipxe-arm64.efi' });
      expect([66, 67, 60].map((code) => textOption(reply!.options, code))).toEqual(['10.7.0.1', 'ipxe-arm64.efi', 'PXEClient']);
      expect(reply!.options.get(43)).toEqual(Uint8Array.of(6, 1, 8, 0xff));
      expect([types(effects), logged(effects)]).toEqual([[TYPES[i]], ['info dhcp.reply']]);
      expect(effects).toContainEqual(expect.objectContaining({ kind: 'stage', node: 2, detail: expect.stringContaining('ipxe-arm64.efi for uefi-arm64') as string }));
    });
  });

  test('by HTTP: the URL of the loader for arm64, and its class back', () => {
    for (const effects of exchange(server(1, [1], { arm64: true }), HTTP_ARM64_DISCOVER)) {
      const [reply] = sent(effects);
      expect([reply!.file, textOption(reply!.options, 67), textOption(reply!.options, 60)]).toEqual(['http://10.7.0.1/ipxe-arm64.efi', 'http://10.7.0.1/ipxe-arm64.efi', 'HTTPClient']);
      expect(logged(effects)).toEqual(['info dhcp.reply']);
    }
  });

  test.each([['PXE', EDK2_ARM64_DISCOVER, '11'], ['HTTP', HTTP_ARM64_DISCOVER, '19']])('by %s, where this node has no files for it: its address, nothing to boot, and one warning', (_name, golden, architectures) => {
    const effects = exchange(server(1), golden);
    expect(effects.map((one) => sent(one).map(({ yiaddr, siaddr, file: named, options }) => [yiaddr, siaddr, named, options.has(67), options.has(60)]))).toEqual(Array.from({ length: 2 }, () => [['10.7.0.2', NONE, '', false, false]]));
    expect(effects.map(logged)).toEqual([['info dhcp.reply', 'warn dhcp.unsupported-architecture'], ['info dhcp.reply']]);
    expect(effects[0]).toContainEqual(expect.objectContaining({ event: 'dhcp.unsupported-architecture', fields: expect.objectContaining({ architectures }) as unknown }));
  });

  test('in a rack that serves arm64, x64 is told what it was told before', () => {
    const goldens = [EDK2_DISCOVER, ROM_DISCOVER, IPXE_DISCOVER, UNDIONLY_DISCOVER];
    const told = (arm64: boolean) => goldens.map((golden) => hear(server(1, [1], { arm64 }), 0, message(golden, MESSAGE.discover, fields)));
    expect(told(true)).toEqual(told(false));
  });

  test('a stranger is named by what it is here', () => {
    const stranger = message(EDK2_ARM64_DISCOVER, MESSAGE.discover, { chaddr: macToBytes(UNKNOWN) });
    const details = [true, false].map((arm64) => {
      const machine = server(1, [1], { arm64 });
      hear(machine, 0, stranger);
      return machine.unknown().map(({ detail }) => detail);
    });
    expect(details).toEqual([['uefi-arm64 PXEClient:Arch:00011:UNDI:003000'], ['unsupported PXEClient:Arch:00011:UNDI:003000']]);
  });

  test('explain tells what it gets', () => {
    const lines = (arm64: boolean) => server(1, [1, 2], { arm64 }).explain(NODE2).split('\n').filter((line) => line.includes('arm64'));
    expect(lines(true)).toEqual(['iPXE, arm64 UEFI: tftp://10.7.0.1/boot.ipxe', 'arm64 UEFI, PXE: ipxe-arm64.efi', 'arm64 UEFI, HTTP boot: http://10.7.0.1/ipxe-arm64.efi']);
    expect(lines(false)).toEqual(['iPXE, arm64 UEFI: tftp://10.7.0.1/boot.ipxe', 'arm64 UEFI, PXE: no boot file', 'arm64 UEFI, HTTP boot: no boot file']);
  });
});

describe('the loader of the roster', () => {
  const SCRIPT = 'tftp://10.7.0.1/boot.ipxe';
  /** A blade asks with these programs, every ten seconds, with a new transaction each; the boot files of offer and ACK. */
  const told = (machine: DhcpServer, programs: readonly Uint8Array[], startMs = 0) => programs.map((golden, i) => {
    const fields = { chaddr: macToBytes(NODE4), xid: startMs + i };
    const ms = startMs + i * 10 * SECOND;
    const offer = file(hear(machine, ms, message(golden, MESSAGE.discover, fields)));
    const ack = file(hear(machine, ms + 1, message(golden, MESSAGE.request, fields, [serverId('10.7.0.1'), requested('10.7.0.4')])));
    expect(ack).toBe(offer);
    return ack;
  });

  test('the iPXE of the card is replaced, what comes out of it runs the script; and so after each reset', () => {
    const boot = [IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER];
    expect(told(server(1), [...boot, ...boot, ...boot])).toEqual(['undionly.kpxe', SCRIPT, 'undionly.kpxe', SCRIPT, 'undionly.kpxe', SCRIPT]);
  });

  test('on arm64 it is the loader for arm64, where this node has it; elsewhere the card keeps its iPXE', () => {
    // Its own iPXE says less of itself than ours.
    const rom = message(IPXE_ARM64_DISCOVER, MESSAGE.discover, {}, [[175, Uint8Array.of(0xeb, 3, 1, 0, 0, 0x24, 1, 1)]]);
    expect(told(server(1, [1], { arm64: true }), [rom, IPXE_ARM64_DISCOVER, rom, IPXE_ARM64_DISCOVER])).toEqual(['ipxe-arm64.efi', SCRIPT, 'ipxe-arm64.efi', SCRIPT]);
    expect(told(server(1), [rom, rom])).toEqual([SCRIPT, SCRIPT]);
    const uefi = message(EDK2_ARM64_DISCOVER, MESSAGE.discover);
    expect(told(server(1, [1], { arm64: true }), [uefi, IPXE_ARM64_DISCOVER])).toEqual(['ipxe-arm64.efi', SCRIPT]);
  });

  test('a plain ROM loads it once', () => expect(told(server(1), [ROM_DISCOVER, UNDIONLY_DISCOVER])).toEqual(['undionly.kpxe', SCRIPT]));

  test('a ROM that equals our loader ends in the script, not in a loop', () => {
    expect(told(server(1), Array.from({ length: 5 }, () => UNDIONLY_DISCOVER))).toEqual(['undionly.kpxe', 'undionly.kpxe', 'undionly.kpxe', SCRIPT, SCRIPT]);
  });

  test('a REQUEST that comes again and again is one boot', () => {
    const machine = server(1);
    told(machine, [IPXE_ROM_DISCOVER]);
    const request = message(IPXE_ROM_DISCOVER, MESSAGE.request, { chaddr: macToBytes(NODE4), xid: 0 }, [serverId('10.7.0.1'), requested('10.7.0.4')]);
    expect([2, 3, 4, 5].map((s) => file(hear(machine, s * SECOND, request)))).toEqual(Array.from({ length: 4 }, () => 'undionly.kpxe'));
    expect(told(machine, [IPXE_ROM_DISCOVER], 20 * SECOND)).toEqual(['undionly.kpxe']);
  });

  test('a node with its ROM keeps its iPXE', () => {
    const roms = [IPXE_DISCOVER, IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER, ROM_DISCOVER];
    expect(roms.map((golden) => file(hear(server(2), 0, message(golden, MESSAGE.discover, { chaddr: macToBytes('52:54:00:12:00:01' as Mac) }))))).toEqual([...Array.from({ length: 3 }, () => 'tftp://10.7.0.2/boot.ipxe'), 'undionly.kpxe']);
  });

  test('a roster that says ours from now on is obeyed at the next start', () => {
    const machine = server(1);
    const roster = (loader: 'rom' | 'ours') => machine.step(at(0), { kind: 'roster', roster: { ...ROSTER, nodes: ROSTER.nodes.map((node) => ({ ...node, loader })) } });
    roster('rom');
    expect(told(machine, [IPXE_ROM_DISCOVER, IPXE_ROM_DISCOVER])).toEqual([SCRIPT, SCRIPT]);
    roster('ours');
    expect(told(machine, [IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER], 60 * SECOND)).toEqual(['undionly.kpxe', SCRIPT]);
  });

  test('explain says by what our loader is known, once it is', () => {
    const machine = server(1);
    expect(machine.explain(NODE4)).toContain('iPXE, BIOS: undionly.kpxe, and the iPXE that comes out of it gets the boot script (loader: ours)');
    told(machine, [IPXE_ROM_DISCOVER]);
    expect(machine.explain(NODE4)).not.toContain('our loader is known');
    told(machine, [UNDIONLY_DISCOVER], 10 * SECOND);
    expect(machine.explain(NODE4)).toContain('our loader is known on this card by its option 175: b105011af41000eb0301000026');
  });
});

describe('another roster', () => {
  const NODE3 = '52:54:00:12:00:03' as Mac;
  const without = (number: number) => ({ ...ROSTER, nodes: ROSTER.nodes.filter((node) => node.number !== number) });
  const use = (machine: DhcpServer, roster: Roster) => machine.step(at(0), { kind: 'roster', roster });

  test('a blade that has just left it gets nothing more, in the middle of its session', () => {
    const machine = server(1);
    const [offer] = sent(hear(machine, 0, ROM_DISCOVER));
    expect(offer).toMatchObject({ yiaddr: '10.7.0.3' });
    use(machine, without(3));
    const request = message(ROM_DISCOVER, MESSAGE.request, {}, [serverId('10.7.0.1'), requested('10.7.0.3')]);
    expect(types(hear(machine, SECOND, request))).toEqual([]);
    expect(types(hear(machine, 2 * SECOND, ROM_DISCOVER))).toEqual([]);
    expect(machine.unknown()).toMatchObject([{ mac: NODE3 }]);
    expect(machine.explain(NODE3)).toContain('is not in the roster');
  });

  test('a blade that has just come into it is answered at its next retransmission, and is no stranger any more', () => {
    const machine = server(1);
    use(machine, without(3));
    expect(types(hear(machine, 0, ROM_DISCOVER))).toEqual([]);
    use(machine, ROSTER);
    expect(machine.unknown()).toEqual([]);
    expect(sent(hear(machine, 4 * SECOND, ROM_DISCOVER))).toMatchObject([{ yiaddr: '10.7.0.3' }]);
  });

  test('a node that answered before this one knew of it is no foreign server any more', () => {
    const machine = server(1);
    use(machine, without(2));
    const offer = sent(hear(server(2), 0, ROM_DISCOVER))[0]!;
    machine.step(at(0), { kind: 'packet', bytes: encodeDhcp(offer), from: { address: '10.7.0.2', port: 67 }, unicast: false });
    expect(machine.foreign()).toMatchObject([{ address: '10.7.0.2' }]);
    use(machine, ROSTER);
    expect(machine.foreign()).toEqual([]);
  });
});

describe('a barred machine', () => {
  const BARRED: Roster = { ...ROSTER, barred: [{ node: 2, macs: [UNKNOWN, '52:54:00:99:00:02' as Mac], sinceUnixMs: 1_795_219_200_000 }] };
  const barred = (self = 1): DhcpServer => new DhcpServer({ roster: BARRED, self });
  const asks = (type: MessageType = MESSAGE.discover, more: readonly Option[] = []) => message(ROM_DISCOVER, type, { chaddr: macToBytes(UNKNOWN) }, more);
  const REMEDY = 'Switch it off or take it out. To let it in again: metamaster node unbar 52:54:00:99:00:01.';

  test('gets nothing, whatever it asks; that is shouted once a minute, with who it was and how to let it in', () => {
    const machine = barred();
    const lines = [0, 30, 60, 61].map((s) => hear(machine, s * SECOND, asks()));
    expect(lines.map(sent)).toEqual([[], [], [], []]);
    expect(lines.map(logged)).toEqual([['error dhcp.barred-mac'], [], ['error dhcp.barred-mac'], []]);
    expect(lines[0]).toMatchObject([{ fields: { code: 'MM-DHCP-BARRED', mac: UNKNOWN, formerNode: 2, since: '2026-11-21T00:00:00.000Z', remedy: REMEDY, detail: 'DISCOVER of bios-rom PXEClient:Arch:00000:UNDI:002001' } }]);
    expect(sent(hear(machine, 90 * SECOND, asks(MESSAGE.request, [serverId('10.7.0.1'), requested('10.7.0.2')])))).toEqual([]);
    expect(sent(hear(machine, 91 * SECOND, message(ROM_DISCOVER, MESSAGE.request, { chaddr: macToBytes(UNKNOWN), ciaddr: '10.7.0.2' as Ipv4 }), true))).toEqual([]);
  });

  test('is listed apart from strangers, whose crowd does not silence it', () => {
    const machine = barred();
    for (let n = 0; n < 500; n++) hear(machine, n, message(ROM_DISCOVER, MESSAGE.discover, { chaddr: Uint8Array.of(2, 0, 0, 1, n >> 8, n & 255) }));
    expect(logged(hear(machine, SECOND, asks()))).toEqual(['error dhcp.barred-mac']);
    expect(machine.barred()).toEqual([{ mac: UNKNOWN, firstAt: SECOND, lastAt: SECOND, count: 1, detail: 'DISCOVER of bios-rom PXEClient:Arch:00000:UNDI:002001', node: 2, sinceUnixMs: 1_795_219_200_000, remedy: REMEDY }]);
    expect(machine.unknown().some(({ mac }) => mac === UNKNOWN)).toBe(false);
  });

  test('that was refused by the web server is told and listed likewise; nobody else is', () => {
    const machine = barred();
    expect(logged(machine.step(at(0), { kind: 'barred', mac: UNKNOWN, detail: '/boot.ipxe\u001b from 10.7.0.2' }))).toEqual(['error dhcp.barred-mac']);
    expect(machine.barred()).toMatchObject([{ mac: UNKNOWN, detail: '/boot.ipxe? from 10.7.0.2' }]);
    expect(machine.step(at(0), { kind: 'barred', mac: NODE2, detail: '' })).toEqual([]);
  });

  test('a bar that comes makes a stranger one, a bar that is lifted makes it a stranger again', () => {
    const machine = server(1);
    hear(machine, 0, asks());
    machine.step(at(1), { kind: 'roster', roster: BARRED });
    expect([machine.unknown(), machine.barred()]).toEqual([[], []]);
    hear(machine, SECOND, asks());
    expect(machine.barred()).toHaveLength(1);
    machine.step(at(SECOND), { kind: 'roster', roster: ROSTER });
    expect(machine.barred()).toEqual([]);
    expect(logged(hear(machine, 2 * SECOND, asks()))).toEqual(['warn dhcp.unknown-mac']);
    expect(machine.unknown()).toMatchObject([{ mac: UNKNOWN }]);
  });

  test('explain says so, and how it is lifted', () => {
    expect(barred().explain('52:54:00:99:00:02' as Mac)).toBe('MM-DHCP-BARRED: 52:54:00:99:00:02 belongs to a machine that was node 2 of rack and was replaced. It is barred since 2026-11-21T00:00:00.000Z: it gets no answer until `metamaster node unbar 52:54:00:99:00:01`.\n');
  });
});

describe('a node that is drained', () => {
  const rack = (live: readonly number[], ...drained: number[]): DhcpServer[] => live.map((self) => {
    const machine = new DhcpServer({ roster: drainedRoster(drained), self });
    machine.step(at(0), { kind: 'live', nodes: live });
    return machine;
  });
  const again = (secs: number) => message(EDK2_DISCOVER, MESSAGE.discover, { secs });
  const answers = (machines: readonly DhcpServer[]): number[][] => [0, 4, 12, 30].map((secs) => machines.map((machine) => types(hear(machine, secs * SECOND, again(secs))).length));

  test('leaves a blade to the others, at every retransmission, and is no name server of an answer', () => {
    expect(answers(rack([1, 3], 3))).toEqual([[1, 0], [1, 0], [1, 0], [1, 0]]);
    const [first] = rack([1, 3], 3);
    expect(sent(hear(first!, 0, EDK2_DISCOVER))[0]!.options.get(OPTION.domainNameServer)).toEqual(addressValue('10.7.0.1' as Ipv4));
  });

  test('serves when all others are dead, for a rack without a server boots nobody; so does one of several', () => {
    expect(answers(rack([3], 3))).toEqual([[1], [1], [1], [1]]);
    expect(answers(rack([3, 4], 3, 4))[0]!.toSorted()).toEqual([0, 1]);
  });

  test('serves the last node that is not drained, when that boots: it was alive a second ago', () => {
    const [, drained] = rack([2, 3], 3);
    expect(types(hear(drained!, 0, EDK2_DISCOVER))).toEqual([MESSAGE.offer]);
  });

  test('is answered itself, and renews what it alone is asked for', () => {
    const [first] = rack([1, 3], 3);
    expect(sent(hear(first!, 0, ROM_DISCOVER))).toMatchObject([{ yiaddr: '10.7.0.3' }]);
    const [, drained] = rack([1, 3], 3);
    expect(types(hear(drained!, 0, message(EDK2_DISCOVER, MESSAGE.request, { ciaddr: '10.7.0.2' as Ipv4, broadcast: false }), true))).toEqual([MESSAGE.ack]);
  });

  test('is named by explain', () => {
    const [first] = rack([1, 3], 3);
    expect(first!.explain(NODE2)).toContain('drained: node 3 (node3) does not answer while another node serves\n');
  });
});

test('every node that hears a blade ask knows when, whoever answers', () => {
  for (const machine of [server(1, [1, 3]), server(3, [1, 3])]) {
    hear(machine, 5 * SECOND, EDK2_DISCOVER);
    expect(machine.nodesHeard()).toEqual([{ node: 2, at: 5 * SECOND }]);
  }
});

test('a machine that is not the node any more answers nobody and judges nobody, until it is again', () => {
  const machine = server(1);
  machine.step(at(0), { kind: 'member', member: false });
  const foreign = message(EDK2_DISCOVER, MESSAGE.request, {}, [serverId('10.7.0.66'), requested('10.7.0.2')]);
  expect([EDK2_DISCOVER, foreign].map((packet) => hear(machine, 0, packet))).toEqual([[], []]);
  machine.step(at(1), { kind: 'member', member: true });
  expect(types(hear(machine, SECOND, EDK2_DISCOVER))).toEqual([MESSAGE.offer]);
});

test('explain says who, by whom, what and why', () => {
  const machine = server(1, [1, 2, 3, 4]);
  hear(machine, 0, ROM_DISCOVER);
  const [first] = answerOrder(ROSTER, '52:54:00:12:00:03' as Mac, 3, { live: [1, 2, 4], suspects: [] }, 0);
  const lines = machine.explain('52:54:00:12:00:03' as Mac);
  expect(lines).toContain('52:54:00:12:00:03 is node3 (node 3): address 10.7.0.3');
  expect(lines).toContain(`rank 0: node ${first} (node${first})`);
  expect(lines).toContain(`iPXE, BIOS: tftp://10.7.0.${first}/boot.ipxe`);
  expect(lines).toContain('last heard: discover, 0 retransmissions, no server chosen');
  machine.step(at(1), { kind: 'live', nodes: [1, 2, 4], suspects: [first!] });
  expect(machine.explain('52:54:00:12:00:03' as Mac)).toMatch(new RegExp(`rank 2: node ${first} .*answers at the second retransmission; it may be dead`));
  expect(machine.explain(UNKNOWN)).toContain('is not in the roster');
});

test('fuzz: any bytes give effects, never a throw, and no reply but to a node of the roster and within its message size', () => {
  const machine = server(1, [1, 2, 3], { arm64: true });
  const OURS_DISCOVER = message(UNDIONLY_DISCOVER, MESSAGE.discover, { chaddr: macToBytes(NODE4) });
  const types = fc.integer({ min: 0, max: 9 });
  const options = fc.array(fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 300 })), { maxLength: 6 });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 700 }),
    fc.tuple(fc.constantFrom(IPXE_DISCOVER, EDK2_DISCOVER, EDK2_ARM64_DISCOVER, ROM_DISCOVER, OURS_DISCOVER), types, options).map(([golden, type, more]) => message(golden, type as MessageType, {}, more)),
    fc.tuple(fc.constantFrom(IPXE_DISCOVER, EDK2_DISCOVER, EDK2_ARM64_DISCOVER, ROM_DISCOVER, OURS_DISCOVER), fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 8 })).map(([golden, edits]) => {
      const changed = golden.slice();
      for (const [index, value] of edits) if (index < changed.length) changed[index] = value;
      return changed;
    }),
  );
  let ms = 0;
  fc.assert(
    fc.property(bytes, fc.boolean(), (input, unicast) => {
      for (const effect of hear(machine, (ms += 500), input, unicast)) {
        if (effect.kind !== 'send') continue;
        const request = decodeDhcp(input)!;
        const reply = decodeDhcp(effect.bytes)!;
        expect(ROSTER.nodes.flatMap((node) => node.macs)).toContain(macFromBytes(reply.chaddr));
        expect([reply.op, reply.xid, reply.options.get(82)?.length]).toEqual([2, request.xid, request.options.get(82)?.length || undefined]);
        const told = request.options.get(57);
        const client = Math.min(Math.max(told?.length === 2 ? told[0]! * 256 + told[1]! : 576, 576), 1500) - 28;
        const withoutRelay = encodeDhcp({ ...reply, options: new Map([...reply.options].filter(([code]) => code !== 82)) });
        expect(withoutRelay.length).toBeLessThanOrEqual(client);
        expect(effect.bytes.length).toBeLessThanOrEqual(1472);
        expect(textOption(reply.options, 67) ?? '').toMatch(/^(|undionly\.kpxe|tftp:\/\/10\.7\.0\.1\/boot\.ipxe|(http:\/\/10\.7\.0\.1\/)?(snponly|ipxe-arm64)\.efi)$/);
      }
    }),
    { numRuns: 2000 },
  );
  expect(machine.unknown().length).toBeLessThanOrEqual(256);
});
