import { describe, expect, test } from 'vitest';
import { isSameProcess, parseStat, type ProcessRecord, type ProcessSeen } from './process-identity.ts';

const stat = (state: string, start: number, name = 'qemu-system-x86'): string => `4711 (${name}) ${state} 1 4711 4711 0 -1 4194560 9 0 0 0 5 6 0 0 20 0 3 0 ${start} 1606068 0 18446744073709551615`;
const record: ProcessRecord = { role: 'blade-1', pid: 4711, startTicks: 900, bootId: 'b', mark: 'mm-abc123-blade-1', startedAtMs: 0 };
const seen: ProcessSeen = { stat: stat('S', 900), cmdline: 'qemu-system-x86_64\0-name\0mm-abc123-blade-1\0', bootId: 'b' };

describe('is the pid still ours?', () => {
  test('yes', () => expect(isSameProcess(record, seen)).toBe(true));
  test('before `ip netns exec` has become QEMU too', () => expect(isSameProcess(record, { ...seen, cmdline: `ip\0netns\0exec\0x\0${seen.cmdline}` })).toBe(true));
  test('and in the middle of becoming it', () => expect(isSameProcess(record, { ...seen, cmdline: '' })).toBe(true));
  test.each([
    ['gone', undefined],
    ['used again, later', { ...seen, stat: stat('S', 901) }],
    ['of another program', { ...seen, cmdline: 'sleep\0' }],
    ['of another rack', { ...seen, cmdline: 'qemu-system-x86_64\0-name\0mm-ffffff-blade-1\0' }],
    ['a corpse', { ...seen, stat: stat('Z', 900), cmdline: '' }],
    ['from before the host booted', { ...seen, bootId: 'c' }],
    ['unreadable', { ...seen, stat: '' }],
  ] satisfies [string, ProcessSeen | undefined][])('no: %s', (_, now) => expect(isSameProcess(record, now)).toBe(false));
  test('a name with spaces and parentheses does not mislead', () => expect(parseStat(stat('R', 7, 'a) S 1 2 (b'))).toEqual({ state: 'R', startTicks: 7 }));
});
