import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8 } from '../core/bytes.ts';
import { parseChapLogin } from '../core/chap.ts';
import { parseCpio } from '../core/cpio-parse.test-kit.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import type { Roster, RosterNode } from '../core/roster.ts';
import { HANDOUT_WINDOW_MS, SAN_LOGIN_FILE, SanLoginHandout, sanLoginArchive } from './san-login-handout.ts';

const node = (number: number, ...macs: string[]): RosterNode => ({ number, name: `node${number}`, macs: macs as Mac[], address: `10.1.0.${number}` as Ipv4, loader: 'rom' });
const ROSTER: Roster = {
  clusterName: 'rack', container: 'rack', domain: 'rack.local', netmask: '255.255.255.0' as Ipv4, metaMasterAddress: '10.1.0.253' as Ipv4, kernelParameters: '',
  san: { address: '10.1.0.250' as Ipv4, port: 3260, target: 'iqn.2007-01.it.example:san', chap: 'one-way' }, nodes: [node(1, '52:54:00:00:00:01'), node(2, '52:54:00:00:00:02', '52:54:00:00:01:02')],
};
const [ONE, TWO, TWO_SECOND, STRANGER] = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:01:02', '52:54:00:00:00:09'] as Mac[];
const [AT_ONE, AT_TWO, ELSEWHERE] = ['10.1.0.1', '10.1.0.2', '10.1.0.77'] as Ipv4[];
const at = (ms: number): Instant => ms as Instant;
const IMAGE = Uint8Array.of(1, 2, 3);

describe('the login is given', () => {
  test('to a node at its address, from the DHCP answer to the end of the window', () => {
    const handout = new SanLoginHandout(ROSTER, IMAGE);
    expect(handout.decide(at(0), TWO, AT_TWO!)).toEqual({ given: false, mac: TWO, reason: 'no-dhcp-answer' });
    handout.dhcpAnswered(at(1000), TWO!);
    for (const ms of [1000, 1000 + HANDOUT_WINDOW_MS]) expect(handout.decide(at(ms), TWO, AT_TWO!)).toEqual({ given: true, node: 2, mac: TWO, image: IMAGE });
    expect(handout.decide(at(1001 + HANDOUT_WINDOW_MS), TWO, AT_TWO!)).toMatchObject({ reason: 'no-dhcp-answer' });
    handout.dhcpAnswered(at(2000 + HANDOUT_WINDOW_MS), TWO!);
    expect(handout.decide(at(2000 + HANDOUT_WINDOW_MS), TWO, AT_TWO!).given).toBe(true);
  });

  test('by either of a node\'s cards, for another node tells of its answers by the first one', () => {
    const handout = new SanLoginHandout(ROSTER, IMAGE);
    handout.dhcpAnswered(at(0), TWO!);
    expect(handout.decide(at(1), TWO_SECOND, AT_TWO!).given).toBe(true);
  });
});

test('by another roster: who left gets nothing, an answer to the former card of a node or to its former address counts no more, the others keep theirs', () => {
  const handout = new SanLoginHandout(ROSTER, IMAGE);
  for (const mac of [ONE, TWO]) handout.dhcpAnswered(at(0), mac!);
  const reason = (mac: Mac, client: Ipv4) => handout.decide(at(1), mac, client);
  handout.useRoster({ ...ROSTER, nodes: [ROSTER.nodes[0]!, node(2, STRANGER!)] });
  expect(reason(ONE!, AT_ONE!).given).toBe(true);
  expect(reason(TWO!, AT_TWO!)).toMatchObject({ reason: 'not-in-roster' });
  expect(reason(STRANGER!, AT_TWO!)).toMatchObject({ reason: 'no-dhcp-answer' });
  handout.useRoster({ ...ROSTER, nodes: [{ ...ROSTER.nodes[0]!, address: ELSEWHERE! }] });
  expect(reason(ONE!, ELSEWHERE!)).toMatchObject({ reason: 'no-dhcp-answer' });
});

test('a barred machine gets none, whatever it was answered before its bar', () => {
  const handout = new SanLoginHandout(ROSTER, IMAGE);
  handout.dhcpAnswered(at(0), TWO!);
  handout.useRoster({ ...ROSTER, nodes: [ROSTER.nodes[0]!, node(2, STRANGER!)], barred: [{ node: 2, macs: [TWO!, TWO_SECOND!], sinceUnixMs: 1 }] });
  handout.dhcpAnswered(at(1), TWO!);
  for (const mac of [TWO, TWO_SECOND]) expect(handout.decide(at(1), mac, AT_TWO!)).toEqual({ given: false, mac, reason: 'barred' });
});

describe('it is refused', () => {
  const handout = new SanLoginHandout(ROSTER, IMAGE);
  for (const mac of [ONE, STRANGER]) handout.dhcpAnswered(at(0), mac!);
  test.each<[string, Mac | undefined, Ipv4, string]>([
    ['without a MAC address', undefined, AT_ONE!, 'no-mac'],
    ['to a stranger, DHCP answer or not', STRANGER!, ELSEWHERE!, 'not-in-roster'],
    ['to who says a node\'s MAC address at another address', ONE!, ELSEWHERE!, 'other-address'],
    ['to a node that says another\'s', ONE!, AT_TWO!, 'other-address'],
    ['to a node whose DHCP was not answered', TWO!, AT_TWO!, 'no-dhcp-answer'],
  ])('%s', (_, mac, client, reason) => expect(handout.decide(at(1), mac, client)).toEqual({ given: false, mac, reason }));

  test('by a node that knows none', () => {
    const empty = new SanLoginHandout(ROSTER, undefined);
    empty.dhcpAnswered(at(0), ONE!);
    expect(empty.decide(at(1), ONE, AT_ONE!)).toMatchObject({ reason: 'no-login-here' });
  });
});

test('law: whatever happened before, who is given it is a node at its own address with a DHCP answer in the window', () => {
  const mac = fc.constantFrom(...ROSTER.nodes.flatMap(({ macs }) => macs), STRANGER!);
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat({ max: 2 * HANDOUT_WINDOW_MS }), mac)), mac, fc.constantFrom(AT_ONE!, AT_TWO!, ELSEWHERE!), fc.nat({ max: HANDOUT_WINDOW_MS }), (answers, asked, client, later) => {
    const handout = new SanLoginHandout(ROSTER, IMAGE);
    let now = 0;
    for (const [after, answered] of answers) handout.dhcpAnswered(at(now += after), answered);
    const got = handout.decide(at(now + later), asked, client);
    const owner = ROSTER.nodes.find(({ macs }) => macs.includes(asked));
    if (got.given) expect(owner?.address).toBe(client);
    if (got.given) expect(answers.some(([, answered]) => owner!.macs.includes(answered))).toBe(true);
  }));
});

test('the archive holds the login as the one file, for root alone', () => {
  const login = { user: 'rack', password: 'topsecret-topsecret', mutual: { user: 'san', password: 'another-topsecret' } };
  const [file, ...more] = parseCpio(sanLoginArchive(login));
  expect(more).toEqual([]);
  expect(file).toMatchObject({ path: SAN_LOGIN_FILE, kind: 'file', mode: 0o600 });
  expect(parseChapLogin(decodeUtf8(file!.bytes)!, 'f')).toEqual({ ok: true, value: login });
});
