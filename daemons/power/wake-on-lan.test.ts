import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { carryOut } from './dialogue.test-kit.ts';
import { wakeDialogue } from './wake-on-lan.ts';

const CARD = { kind: 'wake-on-lan', mac: '52:54:00:00:00:01' as Mac, broadcast: '192.168.0.255' as Ipv4, port: 9 } as const;

test('it wakes', () => {
  expect(carryOut(wakeDialogue(CARD, 'on'), () => ({ kind: 'sent' }))).toEqual({ answer: { kind: 'accepted' }, actions: [{ kind: 'wake', mac: CARD.mac, broadcast: CARD.broadcast, port: 9 }] });
  expect(carryOut(wakeDialogue(CARD, 'on'), () => ({ kind: 'failed', reason: 'ENETUNREACH' })).answer).toEqual({ kind: 'failed', reason: 'ENETUNREACH' });
});

test.each(['read', 'off', 'soft'] as const)('it is unable to "%s", and sends nothing', (command) => {
  expect(carryOut(wakeDialogue(CARD, command), () => ({ kind: 'sent' }))).toMatchObject({ answer: { kind: 'unable' }, actions: [] });
});
