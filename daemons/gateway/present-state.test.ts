import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOutsideDropped, readRulesetShape } from './present-state.ts';

/** nftables 1.0.6: a table of ours with two chains, and one of somebody else's. Its JSON tells no time-out below a second. */
const RULESET = '{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "metamaster_gateway", "handle": 4}}, {"set": {"family": "inet", "name": "gate", "table": "metamaster_gateway", "type": "ether_type", "handle": 4, "size": 4, "flags": ["timeout"]}}, {"chain": {"family": "inet", "table": "metamaster_gateway", "name": "forward", "handle": 2, "type": "filter", "hook": "forward", "prio": -10, "policy": "accept"}}, {"chain": {"family": "inet", "table": "metamaster_gateway", "name": "version_1f46397634ce", "handle": 7}}, {"rule": {"family": "inet", "table": "metamaster_gateway", "chain": "forward", "handle": 5, "expr": [{"drop": null}]}}, {"table": {"family": "ip", "name": "nat", "handle": 9}}, {"chain": {"family": "ip", "table": "nat", "name": "forward", "handle": 2}}]}';

describe('what nft prints', () => {
  test.each([
    ['ours alone', RULESET, 'inet forward 1; inet version_1f46397634ce 0'],
    ['nothing', '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}', ''],
    ['a table that was emptied', '{"nftables": [{"table": {"family": "inet", "name": "metamaster_gateway", "handle": 4}}]}', 'empty'],
  ])('the ruleset: %s', (_name, text, expected) => expect(readRulesetShape(text)).toBe(expected));
});

test('the counters of what was dropped; the other table\'s are not ours', () => {
  const counter = (name: string, packets: number, table = 'metamaster_gateway'): object => ({ counter: { family: 'inet', name, table, handle: 2, packets, bytes: 60 * packets } });
  const of = (...counters: object[]): object | undefined => readOutsideDropped(JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6' } }, ...counters] }));
  expect(of(counter('outside_input', 9, 'filter'), counter('outside_input', 3), counter('outside_forward', 0))).toEqual({ input: 3, forward: 0 });
  expect([of(counter('outside_input', 3)), of(), readOutsideDropped('')]).toEqual([undefined, undefined, undefined]);
});

test('what is cut short or of another form is no picture of an empty machine', () => {
  for (const text of ['{}', 'null', '[1]', '"x"']) expect(readRulesetShape(text)).toBeUndefined();
  fc.assert(fc.property(fc.nat(RULESET.length - 2), (cut) => {
    expect(readRulesetShape(RULESET.slice(0, cut + 1))).toBeUndefined();
  }));
});

test('fuzz: no JSON makes it throw', () => {
  fc.assert(fc.property(fc.json(), (text) => {
    readRulesetShape(text);
    readRulesetShape(`{"nftables": ${text}}`);
  }));
});
