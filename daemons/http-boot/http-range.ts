// Single byte ranges: RFC 9110 section 14. A loader that was cut off in mid-file goes on where it stopped.

/** Bytes from `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * What a Range header asks of `sizeBytes` bytes: a range, `unsatisfiable` (416), or undefined when the whole is to be sent:
 * no header, a unit other than bytes, several ranges (which a server may ignore) or a header that makes no sense.
 */
export function rangeOf(header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [from, to] = [match[1]!, match[2]!];
  if (from === '') {
    if (to === '') return undefined;
    const suffix = Math.min(Number(to), sizeBytes);
    return suffix === 0 ? 'unsatisfiable' : { first: sizeBytes - suffix, last: sizeBytes - 1 };
  }
  if (to !== '' && Number(to) < Number(from)) return undefined;
  if (Number(from) >= sizeBytes) return 'unsatisfiable';
  return { first: Number(from), last: to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1) };
}
