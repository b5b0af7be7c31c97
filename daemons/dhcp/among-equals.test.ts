// Several servers over one roster: who answers, and when.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import { macToBytes } from '../core/mac.ts';
import type { Mac } from '../core/mac.ts';
import { EDK2_DISCOVER, IPXE_ROM_DISCOVER, ROM_DISCOVER, UNDIONLY_DISCOVER } from '../wire/dhcp-golden.ts';
import { MESSAGE } from '../wire/dhcp-options.ts';
import type { DhcpPacket } from '../wire/dhcp-packet.ts';
import { answerOrder } from './answer-rank.ts';
import { LOADER_SENDS_MAX } from './loader-memory.ts';
import { at, file, hear, message, NODE2, NODE4, NONE, requested, SECOND, sent, server, serverId, types } from './test-messages.ts';
import { ROSTER } from './test-roster.ts';

/** The three nodes that are not the asking one, in their order of answering it. */
function rack(turn = 0) {
  const live = [1, 3, 4];
  return answerOrder(ROSTER, NODE2, 2, { live, suspects: [] }, turn).map((self) => ({ self, machine: server(self, [...live, 2]) }));
}

describe('servers among equals', () => {
  const answers = (nodes: ReturnType<typeof rack>, ms: number, bytes: Uint8Array) => nodes.map(({ machine }) => types(hear(machine, ms, bytes)).length);
  const again = (secs: number, fields: Partial<DhcpPacket> = {}) => message(EDK2_DISCOVER, MESSAGE.discover, { secs, ...fields });

  test('rank 0 at once, rank 1 at the first retransmission, everybody at the second', () => {
    const nodes = rack();
    expect([0, 4, 12].map((s) => answers(nodes, s * SECOND, again(s)))).toEqual([[1, 0, 0], [1, 1, 0], [1, 1, 1]]);
  });

  test('a blade that starts over in vain goes to the next one, and round', () => {
    const nodes = rack();
    const starts = [0, 1, 2, 3].map((n) => answers(nodes, n * 90 * SECOND, again(0, { xid: n })));
    expect(starts).toEqual([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]);
  });

  test('progress keeps it with the server that it has', () => {
    const nodes = rack();
    answers(nodes, 0, again(0));
    for (const { machine } of nodes) machine.step(at(SECOND), { kind: 'progress', mac: '52:54:00:12:01:02' as Mac });
    // It was the node's other card that fetched; the mark counts for the one that asked.
    expect(answers(nodes, 90 * SECOND, again(0, { xid: 5 }))).toEqual([1, 0, 0]);
  });

  test('every server knows the same truth: INIT-REBOOT is answered by rank, also with a NAK', () => {
    const nodes = rack();
    const wrong = message(EDK2_DISCOVER, MESSAGE.request, {}, [requested('10.7.0.77')]);
    expect([answers(nodes, 0, wrong), answers(nodes, 4 * SECOND, wrong)]).toEqual([[1, 0, 0], [1, 1, 0]]);
  });

  test('the chosen server dies before its ACK: the blade is served by the next one', () => {
    const nodes = rack();
    answers(nodes, 0, again(0));
    const [dead, ...alive] = nodes;
    const request = message(EDK2_DISCOVER, MESSAGE.request, { secs: 1 }, [serverId(`10.7.0.${dead!.self}`), requested('10.7.0.2')]);
    expect([1, 3, 7].flatMap((s) => answers(alive, s * SECOND, request))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(answers(alive, 15 * SECOND, again(0, { xid: 77 }))).toEqual([1, 0]);
  });

  const macs = fc.constantFrom(...ROSTER.nodes.flatMap((node) => node.macs));
  test('property: exactly one live server answers a first DISCOVER; with any one dead, one does by the first retransmission', () => {
    fc.assert(
      fc.property(macs, fc.integer({ min: 0, max: 0xffffffff }), fc.option(fc.constantFrom(1, 2, 3, 4)), (mac, xid, dead) => {
        const asking = ROSTER.nodes.find((node) => node.macs.includes(mac))!.number;
        const live = [1, 2, 3, 4];
        const nodes = live.filter((number) => number !== asking && number !== dead).map((self) => server(self, live));
        const count = (ms: number, secs: number) => nodes.flatMap((machine) => sent(hear(machine, ms, message(ROM_DISCOVER, MESSAGE.discover, { chaddr: macToBytes(mac), xid, secs })))).length;
        const first = count(0, 0);
        if (dead === null || dead === asking) expect(first).toBe(1);
        else expect([first, count(4 * SECOND, 4)]).toSatisfy(([before, after]: number[]) => before! <= 1 && before! + after! >= 1);
      }),
    );
  });

  test('property: whatever a REQUEST that names another server holds, nobody else answers it', () => {
    fc.assert(
      fc.property(macs, fc.constantFrom(2, 3, 4, 77), fc.nat(255), fc.boolean(), fc.boolean(), (mac, named, wish, unicast, bound) => {
        const request = message(ROM_DISCOVER, MESSAGE.request, { chaddr: macToBytes(mac), ciaddr: (bound ? '10.7.0.9' : NONE) as Ipv4 }, [serverId(`10.7.0.${named}`), requested(`10.7.0.${wish}`)]);
        expect(sent(hear(server(1), 0, request, unicast))).toEqual([]);
      }),
    );
  });

  test('a blade that chose and asks anew, with secs that grow by packets, has started over: its server was no good', () => {
    const nodes = rack();
    answers(nodes, 0, again(4));
    answers(nodes, SECOND, message(EDK2_DISCOVER, MESSAGE.request, { secs: 8 }, [serverId(`10.7.0.${nodes[0]!.self}`), requested('10.7.0.2')]));
    expect(answers(nodes, 60 * SECOND, again(12, { xid: 9 }))).toEqual([0, 1, 0]);
  });

  test('REBINDING is for everybody, so it goes by rank; what came to one node alone is answered at once', () => {
    const bound = { ciaddr: '10.7.0.2' as Ipv4 };
    expect(answers(rack(), 0, message(EDK2_DISCOVER, MESSAGE.request, bound))).toEqual([1, 0, 0]);
    const last = rack()[2]!.machine;
    expect([MESSAGE.request, MESSAGE.inform].map((type, i) => types(hear(last, i * SECOND, message(EDK2_DISCOVER, type, bound), true)))).toEqual([[MESSAGE.ack], [MESSAGE.ack]]);
  });
});

describe('a node with our loader, among equals', () => {
  const LOADER = 'undionly.kpxe';
  const STARTED_AT = 3;
  /** Nodes 1 to 3 as servers of node 4, and a clock. */
  class Rack {
    readonly servers = new Map([1, 2, 3].map((self) => [self, server(self, [1, 2, 3])] as const));
    #ms = 0;
    #xid = 0;

    /** One program of the blade asks, and again as long as nobody answers; `deaf` hears nothing of it. What it is told, and by whom. */
    ask(golden: Uint8Array, pauseMs = 5 * SECOND, deaf: readonly number[] = []): { boot: string; by: number; offers: number } {
      this.#ms += pauseMs;
      const fields = { chaddr: macToBytes(NODE4), xid: (this.#xid += 1) };
      const listening = [...this.servers].filter(([self]) => !deaf.includes(self));
      for (const secs of [4, 8, 16]) {
        const offers = listening.flatMap(([self, machine]) => sent(hear(machine, this.#ms + secs * SECOND, message(golden, MESSAGE.discover, { ...fields, secs }))).map((offer) => ({ self, offer })));
        const [chosen] = offers;
        if (!chosen) continue;
        const request = message(golden, MESSAGE.request, { ...fields, secs }, [serverId(`10.7.0.${chosen.self}`), requested('10.7.0.4')]);
        const acks = listening.flatMap(([, machine]) => sent(hear(machine, this.#ms + secs * SECOND + 1, request)));
        expect(acks.map((ack) => ack.file)).toEqual([chosen.offer.file]);
        return { boot: chosen.offer.file.endsWith('/boot.ipxe') ? 'script' : chosen.offer.file, by: chosen.self, offers: offers.length };
      }
      throw new Error('nobody answered');
    }
    boots(...goldens: readonly Uint8Array[]): string[] {
      return goldens.map((golden) => this.ask(golden).boot);
    }
  }

  test('the ROM is told the loader, undionly.kpxe the script, by one server each', () => {
    const rack = new Rack();
    expect([rack.ask(IPXE_ROM_DISCOVER), rack.ask(UNDIONLY_DISCOVER)]).toMatchObject([{ boot: LOADER, offers: 1 }, { boot: 'script', offers: 1 }]);
  });

  test('the one that told the ROM is dead when our loader asks: the next one knows', () => {
    const rack = new Rack();
    const { by } = rack.ask(IPXE_ROM_DISCOVER);
    const next = rack.ask(UNDIONLY_DISCOVER, 5 * SECOND, [by]);
    expect([next.boot, next.by === by]).toEqual(['script', false]);
    expect(rack.boots(IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER)).toEqual([LOADER, 'script']);
  });

  const someDeaf = fc.array(fc.subarray([1, 2, 3], { maxLength: 2 }), { minLength: 2, maxLength: 2 });
  // No more starts than the limit: a server that hears the ROM each time and our loader never is right to give up on it.
  test('property: the same with any two of them dead to either, resets and all, as long as who answers our loader heard the ROM', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(someDeaf, fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: LOADER_SENDS_MAX }), (starts) => {
        const rack = new Rack();
        for (const [[deafToRom, deafToOurs], pauseS] of starts) {
          expect(rack.ask(IPXE_ROM_DISCOVER, pauseS * SECOND, deafToRom).boot).toBe(LOADER);
          const deaf = [...new Set([...deafToRom!, ...deafToOurs!])];
          expect(rack.ask(UNDIONLY_DISCOVER, 5 * SECOND, deaf.length < 3 ? deaf : deafToRom).boot).toBe('script');
        }
      }),
    );
  });

  test('a ROM that equals our loader loads it three times in all, not three times from each', () => {
    expect(new Rack().boots(...Array.from({ length: 5 }, () => UNDIONLY_DISCOVER))).toEqual([LOADER, LOADER, LOADER, 'script', 'script']);
  });

  test('a server that starts between ROM and loader is right from the next boot on', () => {
    const rack = new Rack();
    rack.ask(IPXE_ROM_DISCOVER, 0, [STARTED_AT]);
    rack.ask(UNDIONLY_DISCOVER);
    rack.ask(IPXE_ROM_DISCOVER, 5 * 60 * SECOND);
    const alone = [1, 2, 3].filter((self) => self !== STARTED_AT);
    expect([rack.ask(UNDIONLY_DISCOVER, 5 * SECOND, alone), rack.ask(IPXE_ROM_DISCOVER, 5 * SECOND, alone)]).toMatchObject([{ boot: 'script', by: STARTED_AT }, { boot: LOADER, by: STARTED_AT }]);
  });

  test('such a server, asked by our loader itself, sends it round three times and then knows it', () => {
    const machine = server(1);
    const ask = (golden: Uint8Array, xid: number) => {
      const fields = { chaddr: macToBytes(NODE4), xid };
      hear(machine, xid * 5 * SECOND, message(golden, MESSAGE.discover, fields));
      return file(hear(machine, xid * 5 * SECOND + 1, message(golden, MESSAGE.request, fields, [serverId('10.7.0.1'), requested('10.7.0.4')])));
    };
    const story = [UNDIONLY_DISCOVER, UNDIONLY_DISCOVER, UNDIONLY_DISCOVER, UNDIONLY_DISCOVER, IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER];
    expect(story.map(ask)).toEqual([LOADER, LOADER, LOADER, 'tftp://10.7.0.1/boot.ipxe', LOADER, 'tftp://10.7.0.1/boot.ipxe']);
  });
});
