import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1 } from '../daemons/core/bytes.ts';
import { FILE_MAX_BYTES, RECORD_MAX_BYTES, RecordRotation } from './record-rotation.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** What is appended, with `|` where a file is begun. */
const written = (rotation: RecordRotation, ...chunks: readonly (string | Uint8Array)[]): string =>
  chunks.flatMap((chunk) => rotation.take(typeof chunk === 'string' ? encodeLatin1(chunk) : chunk)).map((effect) => (effect.kind === 'rotate' ? '|' : text(effect.bytes))).join('');

describe('the recorder', () => {
  test('appends whole lines alone', () => {
    expect(written(new RecordRotation(0), 'a', 'b\nc', 'd\ne\nf')).toBe('ab\ncd\ne\n');
  });

  test('begins a file before one grows over its limit, also one that it found', () => {
    expect(written(new RecordRotation(FILE_MAX_BYTES - 3), 'ab\n', 'c\n', 'd\n')).toBe('ab\n|c\nd\n');
    expect(written(new RecordRotation(2 * FILE_MAX_BYTES), 'a\n')).toBe('|a\n');
  });

  test('leaves a line out that is too long, and goes on behind it', () => {
    const long = 'x'.repeat(RECORD_MAX_BYTES);
    expect(written(new RecordRotation(0), 'a\n', long, 'y', `${long}\nb\nc`, '\n')).toBe('a\nb\nc\n');
    expect(written(new RecordRotation(0), `${long}y`, 'z', '\n', 'b\n')).toBe('b\n');
  });

  test('however the stream is cut, the same lines are written', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-z]{0,20}$/)), fc.array(fc.nat(300)), (lines, cuts) => {
      const stream = encodeLatin1(lines.map((line) => `${line}\n`).join(''));
      const places = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length];
      expect(written(new RecordRotation(0), ...places.slice(1).map((end, i) => stream.subarray(places[i], end)))).toBe(text(stream));
    }));
  });
});
