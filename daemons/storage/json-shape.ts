// Checks what JSON.parse gave, by hand: this runs in the initrd, where there is no validation library. Every reader reports all that
// it does not like, each with its path, and returns undefined then.

import type { MessageCode, Problem } from '../core/problem.ts';

/** Takes one complaint: what rule is broken at which path, and the value there. */
export type Report = (where: string, rule: string, seen: unknown) => void;

/** Reads a value found at a path; undefined when it reported something. */
export type Shape<T> = (value: unknown, at: string, report: Report) => T | undefined;

/** A property that may be missing. */
export interface OptionalShape<T> {
  readonly optional: Shape<T>;
}

/** A shape for each property; the optional ones marked as such. A property that an interface gained and nobody reads is a type error. */
export type Fields<T> = { readonly [K in keyof T]-?: undefined extends T[K] ? OptionalShape<Exclude<T[K], undefined>> : Shape<T[K]> };

/** Longer values are cut in a message. */
const SEEN_MAX = 80;
/** Instead of a value that is a secret, in a message. */
const HIDDEN = 'a value that is not shown';

/** A value as a message shows it. */
export function seenText(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > SEEN_MAX ? `${text.slice(0, SEEN_MAX)}…` : text;
}

/** A report that gathers problems under one code and remedy. */
export function gather(problems: Problem[], code: MessageCode, remedy: string): Report {
  return (where, rule, seen) => {
    problems.push({ code, where, rule, seen: seen === HIDDEN ? HIDDEN : seenText(seen), remedy });
  };
}

/** A string that `accept` takes: it may return the string in its proper spelling. */
export function text<T extends string = string>(rule: string, accept: (text: string) => T | boolean | undefined): Shape<T> {
  return (value, at, report) => {
    const taken = typeof value === 'string' ? accept(value) : undefined;
    if (taken === undefined || taken === false) {
      report(at, rule, value);
      return undefined;
    }
    return taken === true ? (value as T) : taken;
  };
}

/** A whole number within bounds. */
export function whole(min: number, max: number): Shape<number> {
  return (value, at, report) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    report(at, `a whole number from ${min} to ${max}`, value);
    return undefined;
  };
}

/** One of a few literals. */
export function literal<T extends string | number | boolean>(...allowed: readonly T[]): Shape<T> {
  return (value, at, report) => {
    const found = allowed.find((item) => item === value);
    if (found === undefined) report(at, allowed.map((item) => JSON.stringify(item)).join(' or '), value);
    return found;
  };
}

/** An array of at least `least` items. */
export function list<T>(item: Shape<T>, least = 0): Shape<readonly T[]> {
  return (value, at, report) => {
    if (!Array.isArray(value) || value.length < least) {
      report(at, least > 0 ? `a list of at least ${least}` : 'a list', value);
      return undefined;
    }
    const items = value.map((entry: unknown, i) => item(entry, `${at}[${i}]`, report));
    return items.includes(undefined) ? undefined : (items as T[]);
  };
}

function plainObject(value: unknown, at: string, report: Report): Record<string, unknown> | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  report(at, 'an object', value);
  return undefined;
}

/** An object with exactly these properties. An unknown one is refused: who wrote it would lose it at the next write. */
export function object<T>(fields: Fields<T>): Shape<T> {
  const shapes = Object.entries(fields) as [string, Shape<unknown> | OptionalShape<unknown>][];
  return (value, at, report) => {
    const source = plainObject(value, at, report);
    if (!source) return undefined;
    const path = (key: string): string => (at === '' ? key : `${at}.${key}`);
    const out: Record<string, unknown> = {};
    let good = true;
    for (const [key, shape] of shapes) {
      const present = Object.hasOwn(source, key);
      if (typeof shape !== 'function' && !present) continue;
      const read = (typeof shape === 'function' ? shape : shape.optional)(present ? source[key] : undefined, path(key), report);
      if (read === undefined) good = false;
      out[key] = read;
    }
    for (const key of Object.keys(source)) {
      if (Object.hasOwn(fields, key)) continue;
      report(path(key), 'no such property', HIDDEN);
      good = false;
    }
    return good ? (out as T) : undefined;
  };
}

/** An object used as a table: keys of one form, values of one shape. */
export function record<T>(key: RegExp, item: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, at, report) => {
    const source = plainObject(value, at, report);
    if (!source) return undefined;
    const entries = Object.entries(source).map(([name, entry]): [string, T | undefined] => {
      if (key.test(name)) return [name, item(entry, `${at}.${name}`, report)];
      report(at, `keys of the form ${key.source}`, name);
      return [name, undefined];
    });
    return entries.some(([, read]) => read === undefined) ? undefined : (Object.fromEntries(entries) as Record<string, T>);
  };
}

/** The first shape that takes the value without a complaint; else `rule` is reported. */
export function either<T>(rule: string, ...shapes: readonly Shape<T>[]): Shape<T> {
  return (value, at, report) => {
    for (const shape of shapes) {
      const read = shape(value, at, () => {});
      if (read !== undefined) return read;
    }
    report(at, rule, value);
    return undefined;
  };
}

/** A shape whose complaints never show the value. */
export function secret<T>(shape: Shape<T>): Shape<T> {
  return (value, at, report) => shape(value, at, (where, rule) => report(where, rule, HIDDEN));
}
