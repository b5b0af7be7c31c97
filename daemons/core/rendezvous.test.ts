import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rankServers } from './rendezvous.ts';

const nodes = fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 20 });
const client = fc.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
const clientsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `52:54:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('rankServers', () => {
  test('golden: all versions of this program must agree on it, for nodes of two versions serve side by side', () => {
    expect(rankServers('52:54:00:aa:bb:01', range(8))).toEqual([5, 7, 2, 4, 6, 1, 8, 3]);
    expect(rankServers('52:54:00:aa:bb:02', range(8))).toEqual([1, 2, 6, 3, 4, 5, 7, 8]);
  });

  test('orders exactly the given nodes, whatever order they are given in', () => {
    fc.assert(
      fc.property(client, nodes, (mac, list) => {
        const ranked = rankServers(mac, list);
        expect([...ranked].sort((a, b) => a - b)).toEqual([...list].sort((a, b) => a - b));
        expect(rankServers(mac, [...list].reverse())).toEqual(ranked);
      }),
    );
  });

  test('leaves the list it was given as it was', () => {
    const list = Object.freeze([3, 1, 2]);
    expect(() => rankServers('x', list)).not.toThrow();
  });

  test('the death of one server leaves the order of the others: only its own clients move', () => {
    fc.assert(
      fc.property(client, nodes.filter((list) => list.length > 0), fc.nat(), (mac, list, which) => {
        const dead = list[which % list.length]!;
        expect(rankServers(mac, list.filter((node) => node !== dead))).toEqual(rankServers(mac, list).filter((node) => node !== dead));
      }),
    );
  });

  test.each([2, 3, 8, 64])('%i servers share neighbouring clients evenly, at the first rank and at the second', (count) => {
    const clients = clientsOf(count * 250);
    for (const rank of [0, 1]) {
      const load = new Map<number, number>();
      for (const mac of clients) {
        const server = rankServers(mac, range(count))[rank]!;
        load.set(server, (load.get(server) ?? 0) + 1);
      }
      // 250 each is the mean; a fair draw has a standard deviation of less than 16, so 80 is five of them.
      for (const node of range(count)) expect(Math.abs((load.get(node) ?? 0) - 250)).toBeLessThan(80);
    }
  });

  test('the clients of a dead server spread over all others', () => {
    const heirs = new Set(clientsOf(2000).map((mac) => rankServers(mac, range(8))).filter(([first]) => first === 1).map(([, second]) => second));
    expect([...heirs].sort()).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });
});
