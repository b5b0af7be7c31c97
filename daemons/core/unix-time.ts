// A moment of a clock as text, for people and logs.

/** The furthest moment that Date can show, in milliseconds (ECMA-262, Time Values). */
const LAST_DATE_MS = 8.64e15;

/** The moment in ISO 8601, in UTC; 0 and what no calendar reaches are no moment. Milliseconds since 1970. */
export function timeText(unixMs: number): string {
  return unixMs > 0 && unixMs <= LAST_DATE_MS ? new Date(unixMs).toISOString() : 'at an unknown time';
}
