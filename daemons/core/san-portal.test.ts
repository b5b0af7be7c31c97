import { expect, test } from 'vitest';
import type { Ipv4 } from './ipv4.ts';
import { distinctPortals, parsePortal, portalText } from './san-portal.ts';

test('a portal is an address, with a port or without', () => {
  expect(parsePortal('192.168.0.252')).toEqual({ address: '192.168.0.252', port: 3260 });
  expect(parsePortal('192.168.0.252:860')).toEqual({ address: '192.168.0.252', port: 860 });
  expect(portalText(parsePortal('10.0.0.1')!)).toBe('10.0.0.1:3260');
});

test.each(['', '10.0.0', '10.0.0.1:', '10.0.0.1:0', '10.0.0.1:65536', '10.0.0.1:03260', '10.0.0.1:3260:1', '224.0.0.1', '[::1]:3260', '10.0.0.1 '])('%j is none', (text) => {
  expect(parsePortal(text)).toBeUndefined();
});

test('a portal that is named twice counts once', () => {
  const portal = (address: string, port = 3260) => ({ address: address as Ipv4, port });
  expect(distinctPortals([portal('10.0.0.2'), portal('10.0.0.1'), portal('10.0.0.2'), portal('10.0.0.2', 860)])).toEqual([portal('10.0.0.2'), portal('10.0.0.1'), portal('10.0.0.2', 860)]);
});
