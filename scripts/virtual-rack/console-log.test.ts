import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConsoleLines, formatRecord, joinRecords, LINE_LIMIT, parseRecord, sincePowerOn, type ConsolePiece, type ConsoleRecord, type PieceKind } from './console-log.ts';

const texts = (pieces: readonly ConsolePiece[]): string[] => pieces.map((piece) => (piece.kind === 'rest' ? '+' : '') + piece.text);

/** Feeds everything at once and closes. */
function linesOf(output: string): string[] {
  const lines = new ConsoleLines();
  return texts([...lines.feed(output, 0), ...lines.close()]);
}

describe('terminal output as lines', () => {
  test('what SeaBIOS and iPXE send', () => {
    expect(linesOf('\u001bc\u001b[?7l\u001b[2J\u001b[0mSeaBIOS (version 1)\r\n\n\niPXE (http://ipxe.org)\r\nPress Ctrl-B (PCI 00:02.0)...\r         \r\n\n')).toEqual([
      'SeaBIOS (version 1)', 'iPXE (http://ipxe.org)', 'Press Ctrl-B (PCI 00:02.0)...',
    ]);
  });

  test('a backspace takes a character back', () => {
    expect(linesOf('wait...\b \b\b \b\b \bnet0\n')).toEqual(['waitnet0']);
  });

  test('a menu drawn with the cursor becomes a line a place', () => {
    expect(linesOf('\u001b[2;5HInstall\u001b[3;5H\u001b[7mBoot cluster\u001b[0m\u001b(B\u001b[4;5HRestore')).toEqual(['Install', 'Boot cluster', 'Restore']);
  });

  test('a gap made by the cursor is a gap; an absurd one has an end', () => {
    expect(linesOf('a\u001b[3Cb')).toEqual(['a   b']);
    expect(linesOf('a\u001b[99999999Cb')[0]).toHaveLength(82);
  });

  test('a title string is left out', () => {
    expect(linesOf('\u001b]0;blade\u0007one\n\u001b]0;blade\u001b\\two')).toEqual(['one', 'two']);
  });

  test('a prompt is handed out when the blade is silent, what follows is its rest', () => {
    const lines = new ConsoleLines();
    expect(lines.feed('ok\nlogin: ', 5)).toEqual([{ kind: 'line', text: 'ok', at: 5 }]);
    expect(lines.flush()).toEqual([{ kind: 'line', text: 'login: ', at: 5 }]);
    expect(lines.flush()).toEqual([]);
    expect(lines.feed('root\r\nnext\n', 9)).toEqual([{ kind: 'rest', text: 'root', at: 9 }, { kind: 'line', text: 'next', at: 9 }]);
  });

  test('an endless line is broken', () => {
    expect(linesOf('x'.repeat(LINE_LIMIT + 1)).map((line) => line.length)).toEqual([LINE_LIMIT, 1]);
  });

  test('how the output is cut into pieces of time changes no line', () => {
    const output = fc.array(fc.constantFrom('a', 'b', ' ', '\n', '\r', '\b', '\u001b', '[', 'H', '2', ';', 'm', ']', '\u0007', '\t')).map((chars) => chars.join(''));
    fc.assert(fc.property(output, fc.nat(20), (text, at) => {
      const lines = new ConsoleLines();
      const pieces = [...lines.feed(text.slice(0, at), 0), ...lines.feed(text.slice(at), 1), ...lines.close()];
      expect(texts(pieces)).toEqual(linesOf(text));
    }));
  });
});

describe('the console log', () => {
  const recordOf = (kind: PieceKind, text: string, seconds = 12.345): ConsoleRecord => ({ kind, wallClock: '2026-11-21T09:30:00.123Z', seconds, text });

  test('golden line', () => {
    expect(formatRecord(recordOf('line', 'login: '))).toBe('2026-11-21T09:30:00.123Z     12.345 | login: \n');
  });

  test('round trip', () => {
    const text = fc.string().filter((each) => !/[\n\r\u2028\u2029]/.test(each));
    const any = fc.record({
      kind: fc.constantFrom<PieceKind>('line', 'rest', 'remark'), text, seconds: fc.nat(10_000_000).map((ms) => ms / 1000),
      wallClock: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString()),
    });
    fc.assert(fc.property(any, (each) => {
      expect(parseRecord(formatRecord(each).slice(0, -1))).toEqual(each);
    }));
  });

  test('any foreign line is no record and never throws', () => {
    fc.assert(fc.property(fc.string(), (line) => {
      expect(parseRecord(line)).toBeUndefined();
    }));
  });

  test('a rest is joined to its line and keeps the line\'s time; a remark closes the line', () => {
    const pieces: [PieceKind, string][] = [['line', 'log'], ['rest', 'in:'], ['remark', 'reset'], ['rest', 'lost'], ['rest', ' end']];
    const joined = joinRecords(pieces.map(([kind, text], i) => recordOf(kind, text, i)));
    expect(joined.map((each) => `${each.seconds} ${each.kind} ${each.text}`)).toEqual(['0 line login:', '2 remark reset', '3 line lost end']);
  });

  test('the newest power-on', () => {
    const records = ['power on', 'one', 'power on', 'two'].map((text) => recordOf(text === 'power on' ? 'remark' : 'line', text));
    expect(sincePowerOn(records).map((each) => each.text)).toEqual(['power on', 'two']);
    expect(sincePowerOn(records.slice(1, 2))).toHaveLength(1);
  });
});
