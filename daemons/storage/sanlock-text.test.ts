// Against what sanlock 3.8.5 printed; against the program itself: daemons/host/sanlock.test.ts and scripts/install/lease-area.test.ts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LeaseArea } from './lease-layout.ts';
import { initLockspace, isContended, isEmptyRecord, isNoRecord, leaseProblem, parseInquiry, parseLeader, parseStatus, releaseLease, resultOf, runUnderLease } from './sanlock-text.ts';

const AREA: LeaseArea = { path: '/dev/disk/by-path/ip-10.0.0.1:3260-x', firstByte: 3145728, sizeBytes: 4194304, lockspace: 'mm-x' };
const PLACE = { name: 'registry', offset: 4194304 };
const LEADER = 'read_leader done 0\nmagic 0x6152010\nowner_id 1\nowner_generation 1\nlver 4\nspace_name mm-x\nresource_name registry\ntimestamp 28276\n';
const EMPTY = 'read_leader done -1\nmagic 0x0\nversion 0x0\nowner_id 0\nlver 0\ntimestamp 0\n';
const STATUS = 'daemon hwB\np -1 helper\np -1 listener\np 4711 \np -1 status\ns mm-x:2:/tmp/lf:0\ns mm-xy:2:/tmp/lf:0\nr mm-x:registry:/tmp/lf:1048576:4 p 4711\n';

test('commands: colons of a path are marked, sizes and time-out are given', () => {
  expect(initLockspace(AREA)).toEqual(['sanlock', 'direct', 'init', '-s', 'mm-x:0:/dev/disk/by-path/ip-10.0.0.1\\:3260-x:3145728', '-Z', '512', '-A', '1M', '-o', '1']);
  expect(runUnderLease(AREA, PLACE, ['/bin/cat', '-u'])).toEqual(['sanlock', 'client', 'command', '-r', 'mm-x:registry:/dev/disk/by-path/ip-10.0.0.1\\:3260-x:4194304', '-c', '/bin/cat', '-u']);
  expect(releaseLease(AREA, PLACE, 12).slice(-2)).toEqual(['-p', '12']);
});

describe('answers', () => {
  test('the last number counts', () => {
    expect(resultOf('register\nregister done 3\nacquire fd 3\nacquire done -243\n')).toBe(-243);
    expect(resultOf('inquire pid 3791\ninquire done 0 res_count 1\n')).toBe(0);
    expect(resultOf('')).toBeUndefined();
  });

  test('a record, and none', () => {
    expect(parseLeader(LEADER)).toEqual({ leaseVersion: 4, owner: 1, timestamp: 28276 });
    expect([parseLeader(EMPTY), parseLeader('read_leader done 0\nlver 4\n')]).toEqual([undefined, undefined]);
    expect([isEmptyRecord(EMPTY), isEmptyRecord(LEADER)]).toEqual([true, false]);
  });

  test('the version of a lease that is held, whatever else its process holds', () => {
    const said = 'inquire pid 9\ninquire done 0 res_count 2\n"mm-x:other:/dev/sda:1:8"\n"mm-x:registry:/dev/by-path/a\\:b:1048576:12"\n';
    expect(parseInquiry(said, AREA, PLACE)).toBe(12);
    expect(parseInquiry('inquire pid 1\ninquire done -3 res_count 0\n', AREA, PLACE)).toBeUndefined();
  });

  test('the status of one lockspace, not of another whose name begins the same', () => {
    expect(parseStatus(STATUS, AREA)).toEqual({ joined: true, held: 1 });
    expect(parseStatus(STATUS, { ...AREA, lockspace: 'mm-xy' })).toEqual({ joined: true, held: 0 });
    expect(parseStatus('', AREA)).toEqual({ joined: false, held: 0 });
  });

  test('no answer makes a reader throw', () => {
    fc.assert(fc.property(fc.string(), (said) => {
      for (const read of [resultOf, parseLeader, isEmptyRecord]) read(said);
      parseInquiry(said, AREA, PLACE);
      expect(parseStatus(said, AREA).held).toBeGreaterThanOrEqual(0);
    }));
  });
});

describe('numbers', () => {
  test.each([[-2, 'MM-LEASE-DAEMON'], [-202, 'MM-LEASE-IO'], [-203, 'MM-LEASE-WATCHDOG'], [-262, 'MM-LEASE-HOST'], [-28, 'MM-LEASE-FAILED'], [undefined, 'MM-LEASE-FAILED']])('%s is %s', (result, code) => {
    expect(leaseProblem(result, 'acquire failed', AREA, 'acquiring')).toMatchObject({ code, where: `${AREA.path}, acquiring` });
  });

  test('another owner is waited for, a wrong record is not', () => {
    expect([-243, -244, -245].map(isContended)).toEqual([true, true, true]);
    expect([-223, -226, -202, 0, -28].map(isContended)).toEqual([false, false, false, false, false]);
    expect([-223, -226, -229].map(isNoRecord)).toEqual([true, true, true]);
    expect([0, -220, undefined].map((result) => isNoRecord(result))).toEqual([false, false, false]);
  });
});
