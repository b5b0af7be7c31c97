// What a blade that boots says of itself: the query of `GET /stage`, which the initrd writes and every node's web server reads. It is
// anybody's word, for the boot network is unauthenticated; so every field is a plain fact with a narrow form, and none is a secret.

import { type Ipv4, parseIpv4 } from '../core/ipv4.ts';
import { type Mac, parseMac } from '../core/mac.ts';

/** The port of the boot web servers: the one that loaders ask without being told. */
export const BOOT_HTTP_PORT = 80;
/** A step is a word of the boot plan. */
const STEP = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** A detail is one line on a console; the rest of a longer one is cut. */
export const DETAIL_MAX = 160;
/** Enough of the boot nonce to tell one boot from another. */
export const BOOT_ID_DIGITS = 16;
const BOOT_ID = /^[0-9a-f]{16}$/;
/** Ten years: a longer time is nobody's uptime. */
const SECONDS_MAX = 315_360_000;
const TRIES_MAX = 1_000_000;
const NODE_MAX = 0xffff;

/** A blade's own word on how far it has come. */
export interface StageReport {
  readonly mac: Mac;
  /** The step that begins, or that failed. */
  readonly step: string;
  /** One line; with `failed`, why. */
  readonly detail: string;
  readonly failed?: boolean;
  /** The first digits of the boot nonce. */
  readonly boot?: string;
  /** Seconds since the blade's kernel started. */
  readonly uptimeS?: number;
  /** The try that this is, from 1. */
  readonly tries?: number;
  /** Seconds until the step is tried again. */
  readonly retryS?: number;
  /** The node's number, once the blade knows it. */
  readonly node?: number;
  /** The first server of the script that the blade was booted by. */
  readonly server?: Ipv4;
}

/** One line of printable ASCII, cut: a terminal must not obey it, and no line of anybody else's may begin within it. */
export const plainDetail = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, DETAIL_MAX);

/** Path and query of a report. */
export function stageTarget({ mac, step, detail, failed, boot, uptimeS, tries, retryS, node, server }: StageReport): string {
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['mac', mac], ['step', step], ['detail', detail === '' ? undefined : plainDetail(detail)], ['failed', failed === true ? '1' : undefined], ['boot', boot],
    ['up', uptimeS?.toFixed(2)], ['try', tries?.toString()], ['retry', retryS?.toString()], ['node', node?.toString()], ['server', server],
  ];
  return `/stage?${fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`])).join('&')}`;
}

/** How each field that may be missing is read; undefined for what breaks its rule. */
const READERS = {
  failed: (text: string) => (text === '1' ? true : text === '0' ? false : undefined),
  boot: (text: string) => (BOOT_ID.test(text) ? text : undefined),
  up: (text: string) => decimal(text, SECONDS_MAX),
  try: (text: string) => whole(text, 1, TRIES_MAX),
  retry: (text: string) => decimal(text, SECONDS_MAX),
  node: (text: string) => whole(text, 1, NODE_MAX),
  server: (text: string) => parseIpv4(text),
} as const;

function whole(text: string, least: number, most: number): number | undefined {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

function decimal(text: string, most: number): number | undefined {
  const value = /^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  return value <= most ? value : undefined;
}

/** Reads the query of a report; a text says what is wrong with it. Names that are not known are passed over: a newer initrd may say more. */
export function readStage(query: ReadonlyMap<string, string>): StageReport | string {
  const mac = parseMac(query.get('mac') ?? '');
  const step = query.get('step') ?? '';
  if (mac === undefined) return 'mac: a MAC address is needed';
  if (!STEP.test(step)) return 'step: up to 32 lower-case letters, digits and hyphens are needed';
  const wrong: string[] = [];
  const take = <K extends keyof typeof READERS>(name: K): ReturnType<(typeof READERS)[K]> | undefined => {
    const text = query.get(name);
    const value = text === undefined ? undefined : READERS[name](text);
    if (text !== undefined && value === undefined) wrong.push(name);
    return value as ReturnType<(typeof READERS)[K]> | undefined;
  };
  const read = { failed: take('failed'), boot: take('boot'), uptimeS: take('up'), tries: take('try'), retryS: take('retry'), node: take('node'), server: take('server') };
  if (wrong.length > 0) return `${wrong.join(', ')}: not of the form that a blade reports`;
  const given = Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined)) as Omit<StageReport, 'mac' | 'step' | 'detail'>;
  return { mac, step, detail: plainDetail(query.get('detail') ?? ''), ...given };
}
