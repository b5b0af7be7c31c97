import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import { DUPLICATE_MS, nextSession, RETRY_WINDOW_MS, SESSION_FORGET_MS } from './client-session.ts';
import type { ClientSession, Heard } from './client-session.ts';

const at = (ms: number): Instant => ms as Instant;
const discover: Heard = { request: 'discover', xid: 7, secs: 0, rung: 0, loader: undefined };
const first = nextSession(undefined, at(0), discover);
const SECOND = 1000;

describe('client session', () => {
  test('begins with no tries and no turn', () => {
    expect(first).toEqual({ ...discover, heardAt: 0, tries: 0, turn: 0, chosen: false, progressed: false });
  });

  type Row = [name: string, previous: Partial<ClientSession>, heard: Partial<Heard>, ms: number, expected: { tries: number; turn: number }];
  test.each<Row>([
    ['the same xid again is a retransmission', {}, {}, 4 * SECOND, { tries: 1, turn: 0 }],
    ['a new xid with grown secs is one too', {}, { xid: 8, secs: 4 }, 4 * SECOND, { tries: 1, turn: 0 }],
    ['a new xid with secs at zero starts over: the next rank', {}, { xid: 8 }, 4 * SECOND, { tries: 0, turn: 1 }],
    ['a new xid after a choice starts over although secs grew (iPXE counts packets)', { chosen: true }, { xid: 8, secs: 4 }, 4 * SECOND, { tries: 0, turn: 1 }],
    ['the same xid after a choice with grown secs goes on: the chosen server died', { chosen: true }, { secs: 8 }, 4 * SECOND, { tries: 1, turn: 0 }],
    ['the same xid after a choice with secs at zero starts over (xid made of the MAC)', { chosen: true, secs: 4 }, {}, 4 * SECOND, { tries: 0, turn: 1 }],
    ['the same xid after a long pause starts over', {}, {}, RETRY_WINDOW_MS + 1, { tries: 0, turn: 1 }],
    ['a start after progress stays with the order', { progressed: true }, { xid: 8 }, 30 * SECOND, { tries: 0, turn: 0 }],
    ['iPXE after the ROM got further', { chosen: true }, { xid: 8, rung: 1 }, 2 * SECOND, { tries: 0, turn: 0 }],
    ['the turn is kept while the blade goes on', { turn: 2 }, { xid: 8, rung: 1 }, 2 * SECOND, { tries: 0, turn: 2 }],
    ['the ROM after an iPXE that came no further is a new start', { rung: 1 }, { xid: 8 }, 90 * SECOND, { tries: 0, turn: 1 }],
    ['DISCOVER after INIT-REBOOT is no failed start', { request: 'init-reboot' }, { xid: 8 }, SECOND, { tries: 0, turn: 0 }],
    ['everything is forgotten in the end', { turn: 3 }, { xid: 8 }, SESSION_FORGET_MS + 1, { tries: 0, turn: 0 }],
  ])('%s', (_name, previous, heard, ms, expected) => {
    expect(nextSession({ ...first, ...previous }, at(ms), { ...discover, ...heard })).toMatchObject(expected);
  });

  test('what was learned of the boot programs is kept, whatever becomes of the session', () => {
    const loader = { last: '01', lastAt: at(0), ours: undefined, chose: false, sends: 0 };
    for (const [xid, ms] of [[7, SECOND], [8, SECOND], [7, SESSION_FORGET_MS + 1]] as const) expect(nextSession(first, at(ms), { ...discover, xid, loader }).loader).toBe(loader);
  });

  test('a copy made by the network counts for nothing', () => {
    expect(nextSession(first, at(DUPLICATE_MS - 1), discover)).toBe(first);
    expect(nextSession(first, at(DUPLICATE_MS), discover).tries).toBe(1);
  });
});
