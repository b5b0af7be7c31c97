import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { type BootFact, formatFact } from './boot-fact.ts';
import { historyOf, mergeFacts } from './fact-merge.ts';

const [A, B] = ['52:54:00:00:00:02', '52:54:00:00:00:03'] as Mac[] as [Mac, Mac];
const fact = (t: number, mac: Mac): BootFact => ({ kind: 'served', t, mac, step: 'dhcp', detail: 'ACK', server: '10.0.0.1' as Ipv4 });

test('files that lag behind and a memory that begins late give every fact once, in order', () => {
  const [early, both, late] = [fact(1, A), fact(2, B), fact(3, A)];
  const { facts, unread } = mergeFacts([formatFact(early), formatFact(both), '{"v":1,"kind":"serv'], [formatFact(late), formatFact(both)]);
  expect(facts).toEqual([early, both, late]);
  expect(unread).toBe(1);
  expect(historyOf(facts).macs()).toEqual([A, B]);
  expect(historyOf(facts, [B]).macs()).toEqual([B]);
});
