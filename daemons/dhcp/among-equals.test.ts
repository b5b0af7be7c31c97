// Several servers over one roster: who answers, and when.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import { macToBytes } from '../core/mac.ts';
import type { Mac } from '../core/mac.ts';
import { EDK2_DISCOVER, ROM_DISCOVER } from '../wire/dhcp-golden.ts';
import { MESSAGE } from '../wire/dhcp-options.ts';
import type { DhcpPacket } from '../wire/dhcp-packet.ts';
import { answerOrder } from './answer-rank.ts';
import { at, hear, message, NODE2, NONE, requested, SECOND, sent, server, serverId, types } from './test-messages.ts';
import { ROSTER } from './test-roster.ts';

/** The three nodes that are not the asking one, in their order of answering it. */
function rack(turn = 0) {
  const live = [1, 3, 4];
  return answerOrder(NODE2, 2, live, turn).map((self) => ({ self, machine: server(self, [...live, 2]) }));
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
