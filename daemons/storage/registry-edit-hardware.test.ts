import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { BARRED_MAX, nodeOfNumber, REPLACEMENT_MAX_MS } from '../core/roster.ts';
import { encodeRegistry } from './registry.ts';
import { closeReplacement, liftBar, openReplacement, replaceHardware } from './registry-edit-hardware.ts';
import { frozen, macOf, NOW, refusalOf, roomyRegistry } from './registry-edit.test-kit.ts';

const REGISTRY = roomyRegistry();
const HARDWARE_ID = `4c4c4544-0000-1000-8000-000000000002/${macOf(2)}`;
const replaced = frozen(valueOf(replaceHardware(REGISTRY, { node: 2, macs: [macOf(9), macOf(10)], atUnixMs: NOW, formerHardwareId: HARDWARE_ID })));

describe('replaceHardware', () => {
  test('the node has the new addresses and is the same in all else; the machine that it was is barred', () => {
    expect(replaced).toEqual({
      ...REGISTRY,
      roster: { ...REGISTRY.roster, nodes: [REGISTRY.roster.nodes[0], { ...REGISTRY.roster.nodes[1], macs: [macOf(9), macOf(10)] }], barred: [{ node: 2, macs: [macOf(2)], hardwareId: HARDWARE_ID, sinceUnixMs: NOW }] },
    });
  });
  test('an unknown hardware id is left out', () => {
    expect(valueOf(replaceHardware(REGISTRY, { node: 2, macs: [macOf(9)], atUnixMs: NOW })).roster.barred).toEqual([{ node: 2, macs: [macOf(2)], sinceUnixMs: NOW }]);
  });
  test('what stays with the node is not barred: neither an address nor the hardware id that ends in it', () => {
    const both = valueOf(replaceHardware(REGISTRY, { node: 2, macs: [macOf(2), macOf(9)], atUnixMs: NOW, formerHardwareId: HARDWARE_ID }));
    expect(both.roster.barred).toBeUndefined();
    const one = valueOf(replaceHardware(both, { node: 2, macs: [macOf(2)], atUnixMs: NOW, formerHardwareId: HARDWARE_ID.toUpperCase() }));
    expect(one.roster.barred).toEqual([{ node: 2, macs: [macOf(9)], sinceUnixMs: NOW }]);
  });
  test('the order of addresses may change: the first is the boot interface', () => {
    const turned = valueOf(replaceHardware(replaced, { node: 2, macs: [macOf(10), macOf(9)], atUnixMs: NOW }));
    expect([nodeOfNumber(turned.roster, 2)!.macs, turned.roster.barred]).toEqual([[macOf(10), macOf(9)], replaced.roster.barred]);
  });
  test('it closes the replacement of this node, and of no other', () => {
    const opened = [1, 2].reduce((registry, node) => valueOf(openReplacement(registry, { node, atUnixMs: NOW, untilUnixMs: NOW + 1000, policy: 'auto' })), REGISTRY);
    expect(valueOf(replaceHardware(opened, { node: 2, macs: [macOf(9)], atUnixMs: NOW })).roster.replacement!.map(({ node }) => node)).toEqual([1]);
  });

  test.each([
    ['a node that is not there', 3, [9], 'MM-EDIT-NODE at node'],
    ['no address', 2, [], 'MM-EDIT-MAC at macs'],
    ['one address twice', 2, [9, 9], 'MM-EDIT-MAC at macs[1]'],
    ['the addresses that it has', 2, [2], 'MM-EDIT-MAC at macs'],
    ['another node\'s address', 2, [9, 1], 'MM-EDIT-MAC-TAKEN at macs[1]'],
  ])('refused: %s', (_, node, macs, wanted) => expect(refusalOf(replaceHardware(REGISTRY, { node, macs: macs.map(macOf), atUnixMs: NOW }))).toBe(wanted));

  test('refused: a machine that is barred, for the node that it was as well; until the bar is lifted', () => {
    for (const node of [1, 2]) expect(refusalOf(replaceHardware(replaced, { node, macs: [macOf(2)], atUnixMs: NOW }))).toBe('MM-EDIT-MAC-BARRED at macs[0]');
    const lifted = valueOf(liftBar(replaced, { mac: macOf(2) }));
    expect(nodeOfNumber(valueOf(replaceHardware(lifted, { node: 2, macs: [macOf(2)], atUnixMs: NOW })).roster, 2)!.macs).toEqual([macOf(2)]);
  });
  test('refused: one bar too many; none is dropped', () => {
    const machine = (i: number) => ({ node: 1, macs: [`52:54:01:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}` as typeof replaced.roster.nodes[0]['macs'][0]], sinceUnixMs: NOW });
    const full = (count: number) => ({ ...REGISTRY, roster: { ...REGISTRY.roster, barred: Array.from({ length: count }, (_, i) => machine(i)) } });
    const request = { node: 2, macs: [macOf(9)], atUnixMs: NOW };
    expect(valueOf(replaceHardware(full(BARRED_MAX - 1), request)).roster.barred).toHaveLength(BARRED_MAX);
    expect(refusalOf(replaceHardware(full(BARRED_MAX), request))).toBe('MM-EDIT-BAR-LIMIT at roster.barred');
    expect(refusalOf(replaceHardware(full(BARRED_MAX), { ...request, macs: [macOf(2), macOf(9)] }))).toBe('fine');
  });
  test('refused by the form of a value: an impossible time, an impossible hardware id', () => {
    expect(refusalOf(replaceHardware(REGISTRY, { node: 2, macs: [macOf(9)], atUnixMs: -1 }))).toBe('MM-EDIT-RESULT at roster.barred[0].sinceUnixMs');
    expect(refusalOf(replaceHardware(REGISTRY, { node: 2, macs: [macOf(9)], atUnixMs: NOW, formerHardwareId: 'ä' }))).toBe('MM-EDIT-RESULT at roster.barred[0].hardwareId');
  });
});

describe('liftBar', () => {
  test('by any of the machine\'s addresses, the whole machine; the list goes with its last entry', () => {
    const twice = valueOf(replaceHardware(replaced, { node: 2, macs: [macOf(11)], atUnixMs: NOW + 1 }));
    const lifted = valueOf(liftBar(twice, { mac: macOf(10) }));
    expect(lifted.roster.barred).toEqual(replaced.roster.barred);
    expect(Object.hasOwn(valueOf(liftBar(lifted, { mac: macOf(2) })).roster, 'barred')).toBe(false);
  });
  test.each([['a node\'s', macOf(1)], ['a stranger\'s', macOf(40)]])('refused: an address that is %s', (_, mac) => expect(refusalOf(liftBar(replaced, { mac }))).toBe('MM-EDIT-BAR-NONE at mac'));
});

describe('openReplacement, closeReplacement', () => {
  const request = { node: 2, atUnixMs: NOW, untilUnixMs: NOW + 60_000, policy: 'ask' as const };
  const opened = frozen(valueOf(openReplacement(REGISTRY, request)));

  test('it stands in the roster, and closed the registry is byte by byte that of before', () => {
    expect(opened.roster.replacement).toEqual([{ node: 2, policy: 'ask', sinceUnixMs: NOW, untilUnixMs: NOW + 60_000 }]);
    expect(encodeRegistry(valueOf(closeReplacement(opened, { node: 2 })))).toEqual(encodeRegistry(REGISTRY));
  });
  test('one for each node; one that is over makes room', () => {
    expect(refusalOf(openReplacement(opened, { ...request, atUnixMs: NOW + 59_999, untilUnixMs: NOW + 90_000 }))).toBe('MM-EDIT-REPLACEMENT-OPEN at node');
    const again = valueOf(openReplacement(opened, { ...request, atUnixMs: NOW + 60_000, untilUnixMs: NOW + 90_000, policy: 'auto' }));
    expect(again.roster.replacement).toEqual([{ node: 2, policy: 'auto', sinceUnixMs: NOW + 60_000, untilUnixMs: NOW + 90_000 }]);
    expect(valueOf(openReplacement(opened, { ...request, node: 1 })).roster.replacement!.map(({ node }) => node)).toEqual([2, 1]);
  });
  test.each([
    ['a node that is not there', { node: 3 }, 'MM-EDIT-NODE at node'],
    ['an end that is now', { untilUnixMs: NOW }, 'MM-EDIT-REPLACEMENT-TIME at untilUnixMs'],
    ['an end that is none', { untilUnixMs: Number.NaN }, 'MM-EDIT-REPLACEMENT-TIME at untilUnixMs'],
    ['longer than a week', { untilUnixMs: NOW + REPLACEMENT_MAX_MS + 1 }, 'MM-EDIT-REPLACEMENT-TIME at untilUnixMs'],
    ['both at once', { node: 3, untilUnixMs: 0 }, 'MM-EDIT-NODE at node, MM-EDIT-REPLACEMENT-TIME at untilUnixMs'],
    ['just a week', { untilUnixMs: NOW + REPLACEMENT_MAX_MS }, 'fine'],
  ])('%s', (_, more, wanted) => expect(refusalOf(openReplacement(REGISTRY, { ...request, ...more }))).toBe(wanted));
  test('refused: to close what is not open', () => expect(refusalOf(closeReplacement(opened, { node: 1 }))).toBe('MM-EDIT-REPLACEMENT-NONE at node'));
});
