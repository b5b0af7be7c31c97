import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { formatRecord, type PieceKind } from './console-log.ts';
import { ConsoleReader } from './console-reader.ts';

const folder = mkdtempSync(join(tmpdir(), 'console-reader-'));
const log = join(folder, 'blade.log');
const line = (seconds: number, text: string, kind: PieceKind = 'line'): string => formatRecord({ kind, seconds, text, wallClock: '2026-11-21T00:00:00.000Z' });
const alive = (): boolean => true;

beforeEach(() => writeFileSync(log, line(0, 'power on', 'remark') + line(5, 'old login:') + line(0, 'power on', 'remark') + line(1, 'SeaBIOS')));
afterAll(() => rmSync(folder, { recursive: true }));

describe('waiting for the console', () => {
  test('what stands there since power-on is found, with its time', async () => {
    const found = await new ConsoleReader(log).waitFor('blade 1', /Sea(BIOS)/, { timeoutMs: 100, after: 0, alive });
    expect([found.match[1], found.seconds]).toEqual(['BIOS', 1]);
  });

  test('what comes later, in two pieces, is found under the time of its beginning', async () => {
    const waiting = new ConsoleReader(log).waitFor('blade 1', /login: $/m, { timeoutMs: 5000, after: 0, alive });
    appendFileSync(log, line(7, 'log'));
    setTimeout(() => appendFileSync(log, line(8, 'in: ', 'rest')), 120);
    expect((await waiting).seconds).toBe(7);
  });

  test('the end of one match is where the next begins', async () => {
    appendFileSync(log, line(2, 'prompt') + line(9, 'prompt'));
    const reader = new ConsoleReader(log);
    const first = await reader.waitFor('blade 1', /prompt/, { timeoutMs: 100, after: 0, alive });
    const second = await reader.waitFor('blade 1', /prompt/, { timeoutMs: 100, after: first.end, alive });
    expect([first.seconds, second.seconds]).toEqual([2, 9]);
  });

  test('an older power-on does not count, and the error shows the last lines', async () => {
    await expect(new ConsoleReader(log).waitFor('blade 1', /old login/, { timeoutMs: 60, after: 0, alive })).rejects.toThrow(/MM-RACK-CONSOLE: blade 1: .*within 60 ms.*SeaBIOS/s);
  });

  test('a dead blade ends the wait at once, but its last words count', async () => {
    const start = performance.now();
    await expect(new ConsoleReader(log).waitFor('blade 1', /never/, { timeoutMs: 60_000, after: 0, alive: () => false })).rejects.toThrow('MM-RACK-DEAD');
    expect(performance.now() - start).toBeLessThan(1000);
    await expect(new ConsoleReader(log).waitFor('blade 1', /SeaBIOS/, { timeoutMs: 60_000, after: 0, alive: () => false })).resolves.toMatchObject({ seconds: 1 });
  });

  test('a log that was put aside is read from its new beginning', () => {
    const reader = new ConsoleReader(log);
    expect(reader.text().text).toContain('SeaBIOS');
    writeFileSync(log, line(0, 'power on', 'remark'));
    expect(reader.text().text).toBe('# power on\n');
  });

  test('without a log there is no text', () => expect(new ConsoleReader(join(folder, 'none')).text().text).toBe(''));
});
