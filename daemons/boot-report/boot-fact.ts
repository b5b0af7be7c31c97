// One fact about one blade's boot: what nodes tell each other, what the recorder keeps as a line of JSON, and what a history is made
// of. Whoever reads a fact judges it anew: it came from a network, or from a file whose last line may be torn.

import { type Ipv4, parseIpv4 } from '../core/ipv4.ts';
import { type Mac, parseMac } from '../core/mac.ts';
import { DETAIL_MAX, readStage, type StageReport } from '../wire/stage-report.ts';

/** A kernel line is cut here: a screen's width twice over. */
export const LINE_MAX_CHARS = 240;
/** More than any line of ours has. */
export const FACT_LINE_MAX_CHARS = 2048;
/** The form of the lines; a reader passes over what is newer. */
const VERSION = 1;

/** Milliseconds since 1970, by the clock of the node that noted the fact. */
export type UnixMs = number;

export type BootFact =
  /** A node gave the blade something: an address (`dhcp`), or a file (`tftp`, `http`). */
  | { readonly kind: 'served'; readonly t: UnixMs; readonly mac: Mac; readonly step: 'dhcp' | 'tftp' | 'http'; readonly detail: string; readonly server: Ipv4 }
  /** The initrd told `server` about a step. */
  | { readonly kind: 'stage'; readonly t: UnixMs; readonly mac: Mac; readonly server: Ipv4; readonly report: StageReport }
  /** The blade's kernel said a line. */
  | { readonly kind: 'kernel'; readonly t: UnixMs; readonly mac: Mac; readonly line: string }
  /** The blade, as a node, began to serve, or fell silent. */
  | { readonly kind: 'live'; readonly t: UnixMs; readonly mac: Mac; readonly serving: boolean };

/**
 * Text from the network as a terminal may show it: no control characters, none that turn the direction of writing or that break
 * lines; cut to `limit` characters, never within one.
 */
export function harmless(text: string, limit: number): string {
  return Array.from(text.slice(0, 2 * limit).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?')).slice(0, limit).join('');
}

/** The fact as one line of JSON without its line end. */
export function formatFact(fact: BootFact): string {
  return JSON.stringify({ v: VERSION, ...fact });
}

const SERVED = ['dhcp', 'tftp', 'http'] as const;

function readReport(mac: Mac, value: unknown): StageReport | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  // The same rules as at the door: the report is turned into the query that it came as.
  const { step, detail, failed, boot, uptimeS, tries, retryS, node, server } = value as Readonly<Record<string, unknown>>;
  const query = new Map<string, string>();
  const fields = { step, detail, boot, up: uptimeS, try: tries, retry: retryS, node, server };
  for (const [name, given] of Object.entries(fields)) if (typeof given === 'string' || typeof given === 'number') query.set(name, String(given));
  if (failed === true) query.set('failed', '1');
  const report = readStage(query.set('mac', mac));
  return typeof report === 'string' ? undefined : report;
}

/** Reads one line; undefined for what is no fact of this version. Never throws. */
export function parseFact(line: string): BootFact | undefined {
  if (line.length > FACT_LINE_MAX_CHARS) return undefined;
  let value: Readonly<Record<string, unknown>> | null;
  try {
    value = JSON.parse(line) as typeof value;
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || value['v'] !== VERSION) return undefined;
  const { kind, t, step, detail, server: serverText, line: kernelLine, serving } = value;
  const mac = typeof value['mac'] === 'string' ? parseMac(value['mac']) : undefined;
  const server = typeof serverText === 'string' ? parseIpv4(serverText) : undefined;
  if (mac === undefined || typeof t !== 'number' || !Number.isSafeInteger(t) || t < 0) return undefined;
  if (kind === 'kernel') return typeof kernelLine === 'string' ? { kind, t, mac, line: harmless(kernelLine, LINE_MAX_CHARS) } : undefined;
  if (kind === 'live') return typeof serving === 'boolean' ? { kind, t, mac, serving } : undefined;
  if (server === undefined) return undefined;
  if (kind === 'stage') {
    const report = readReport(mac, value['report']);
    return report === undefined ? undefined : { kind, t, mac, server, report };
  }
  const served = SERVED.find((one) => one === step);
  return kind === 'served' && served !== undefined && typeof detail === 'string' ? { kind, t, mac, step: served, detail: harmless(detail, DETAIL_MAX), server } : undefined;
}
