// Reads INSTALL.info (install-info.ts): lines `key = value` in sections. All that is wrong comes back together, with file and line.

import { parseIpv4, prefixLength } from '../core/ipv4.ts';
import { parseMac } from '../core/mac.ts';
import { isDomainName, isHostLabel, isIscsiName, VLAN_MAX, VLAN_MIN } from '../core/names.ts';
import type { MessageCode, Problem, Result } from '../core/problem.ts';
import { parsePortal, portalText } from '../core/san-portal.ts';
import { NIL_UUID, parseUuid } from '../core/uuid.ts';
import { CONTAINER_NAME } from './container-partitions.ts';
import type { InfoCluster, InfoNode, InfoOrigin, InfoSan, InstallInfo } from './install-info.ts';
import { isNumberText } from './install-info.ts';
import { type Fields, literal, type OptionalShape, seenText, type Shape, text, whole } from './json-shape.ts';
import type { InstallAnswer } from './registry-model.ts';
import { KERNEL_RELEASE, TABLE_KEY } from './registry-shape.ts';
import { VOLUME_NAME } from './volume-name.ts';
import { CLUSTER_NAME_MAX, KERNEL_PARAMETERS_MAX, nodeNumberShape, ONE_LINE } from './roster-shape.ts';

/** A value in quotes, as JSON has them; undefined when it is none. */
function unquoted(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

/** What stands behind the `=` is text: the shapes of values by their types are made shapes of it. */
const words = <T extends string = string>(rule: string, accept: (text: string) => T | boolean | undefined): Shape<T> => (raw, at, report) => {
  const shape = text(rule, accept);
  return shape(typeof raw === 'string' && raw.startsWith('"') ? unquoted(raw) : raw, at, (where, broken) => report(where, broken, raw));
};
const number = (shape: Shape<number>): Shape<number> => (raw, at, report) => shape(typeof raw === 'string' && /^(0|[1-9]\d{0,15})$/.test(raw) ? Number(raw) : raw, at, report);
const items = <T>(rule: string, accept: (text: string) => T | undefined): Shape<readonly T[]> => (raw, at, report) => {
  const read = String(raw).split(',').map((item) => accept(item.trim()));
  if (!read.includes(undefined)) return read as T[];
  report(at, rule, raw);
  return undefined;
};

const ipv4 = words('an IPv4 address', parseIpv4);
const uuid = words('a UUID that is not nil', (value) => (parseUuid(value) === NIL_UUID ? undefined : parseUuid(value)));
const containerName = words('a lower-case letter, then at most 15 lower-case letters, digits and hyphens', (value) => CONTAINER_NAME.test(value));
const volumeName = words(`a volume name (${VOLUME_NAME.source})`, (value) => VOLUME_NAME.test(value));
const bytes = number(whole(1, Number.MAX_SAFE_INTEGER));

const CLUSTER: Fields<InfoCluster> = {
  name: words(`a name of 1 to ${CLUSTER_NAME_MAX} characters on one line`, (value) => value.length > 0 && value.length <= CLUSTER_NAME_MAX && ONE_LINE.test(value)),
  uuid,
  container: containerName,
  domain: words('a domain name', isDomainName),
  netmask: words('a netmask whose ones are all in front', (value) => {
    const mask = parseIpv4(value);
    return mask !== undefined && prefixLength(mask) !== undefined ? mask : undefined;
  }),
  'meta-master-ip': ipv4,
  'boot-vlan': { optional: number(whole(VLAN_MIN, VLAN_MAX)) },
  'kernel-parameters': words(`one line of at most ${KERNEL_PARAMETERS_MAX} characters`, (value) => value.length <= KERNEL_PARAMETERS_MAX && ONE_LINE.test(value)),
  'container-bytes': bytes,
  'shared-bytes': { optional: bytes },
};

const PORTAL_RULE = 'addresses of the SAN with :port if it is not 3260, with commas between them';

/** Any address, for the registry takes any; the port may be left out. */
function portal(value: string): string | undefined {
  const known = parsePortal(value);
  if (known !== undefined) return portalText(known);
  const [address = '', port = ''] = value.split(':');
  return value === `${address}:${port}` && parseIpv4(address) !== undefined && /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65535 ? value : undefined;
}

const SAN: Fields<InfoSan> = {
  target: words('an iSCSI name (iqn., eui. or naa.)', isIscsiName),
  portals: items(PORTAL_RULE, portal),
  chap: { optional: literal('one-way', 'mutual') },
};

/** A section's own name or number is read with its keys. */
const ORIGIN: Fields<InfoOrigin> = {
  volume: volumeName,
  name: containerName,
  version: number(whole(1, 0xffffffff)),
  uuid,
  kernel: words('a kernel release, e.g. 6.12.48+deb13-amd64', (value) => KERNEL_RELEASE.test(value)),
  'image-bytes': bytes,
  'image-sha256': words('64 lower-case hexadecimal digits', (value) => /^[0-9a-f]{64}$/.test(value)),
};

const NODE: Fields<InfoNode> = {
  number: number(nodeNumberShape),
  name: words('a host name of lower-case letters, digits and hyphens', isHostLabel),
  macs: items('MAC addresses of network cards, with commas between them', parseMac),
  address: ipv4,
  loader: literal('rom', 'ours'),
  origin: volumeName,
  'store-bytes': bytes,
  'state-bytes': bytes,
  'swap-bytes': { optional: bytes },
};

/** An answer says itself of what type it is; undefined for quotes or brackets that are not whole. */
function answerOf(raw: string): InstallAnswer | undefined {
  if (raw === 'true' || raw === 'false') return raw === 'true';
  if (isNumberText(raw)) return Number.isFinite(Number(raw)) ? Number(raw) : undefined;
  if (!/^["[]/.test(raw)) return raw;
  const value = unquoted(raw);
  const isTexts = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return typeof value === 'string' || isTexts ? (value as InstallAnswer) : undefined;
}

const SECTION_RULE = 'one of [cluster], [san], [answers], [origin NAME], [node NUMBER]';
const KINDS = ['cluster', 'san', 'answers', 'origin', 'node'] as const;

/** A section as it was read: its lines by their keys. */
interface Section {
  readonly kind: (typeof KINDS)[number];
  /** What stands behind the kind: an origin's volume, a node's number. */
  readonly name: string;
  readonly line: number;
  readonly values: Map<string, { readonly raw: string; readonly line: number }>;
}

/** True when a text is INSTALL.info rather than answers in YAML or JSON: its first line that is no comment is a section. */
export const isInstallInfo = (source: string): boolean => /^(\s*(#.*)?\n)*\s*\[(cluster|san|answers|origin\s|node\s)[^"']*\]\s*(\n|$)/.test(source.replaceAll('\r\n', '\n'));

/**
 * Reads INSTALL.info. Problems, all together, each with file and line: MM-INFO-LINE (neither comment nor section nor `key = value`),
 * MM-INFO-SECTION (no such section), MM-INFO-REPEATED (a section or a key that was there before), MM-INFO-UNKNOWN (no such key),
 * MM-INFO-MISSING (a section or a key), MM-INFO-VALUE. Of a wrong value in `[answers]`, where a password's hash may stand, only the length is shown.
 */
export function parseInstallInfo(source: string, file = 'INSTALL.info'): Result<InstallInfo> {
  const problems: Problem[] = [];
  const tell: Tell = (code, line, what, rule, seen, remedy) => void problems.push({ code, where: `${file}:${line}${what === '' ? '' : `, ${what}`}`, rule, seen, remedy });
  const sections = readSections(source, tell);
  const of = (kind: Section['kind']): readonly Section[] => sections.filter((one) => one.kind === kind);
  const one = (kind: 'cluster' | 'san' | 'answers'): Section | undefined => {
    const found = of(kind)[0];
    if (found === undefined) tell('MM-INFO-MISSING', lineCount(source), `[${kind}]`, 'is required', 'nothing', 'Put the section back; INSTALL.info of any node has it.');
    return found;
  };
  const cluster = readFields(one('cluster'), CLUSTER, tell);
  const san = readFields(one('san'), SAN, tell);
  const answers = readAnswers(one('answers'), tell);
  const origins = of('origin').map((origin) => readFields(origin, ORIGIN, tell, 'volume'));
  const nodes = of('node').map((node) => readFields(node, NODE, tell, 'number'));
  if (nodes.length === 0) tell('MM-INFO-MISSING', lineCount(source), '[node 1]', 'is required: a cluster has a node at least', 'nothing', 'Put the sections of the nodes back.');
  if (problems.length > 0 || cluster === undefined || san === undefined || answers === undefined) return { ok: false, problems };
  return { ok: true, value: { cluster, san, answers, origins: origins as InfoOrigin[], nodes: nodes as InfoNode[] } };
}

type Tell = (code: MessageCode, line: number, what: string, rule: string, seen: string, remedy: string) => void;

const lineCount = (source: string): number => source.split('\n').length;
const titleOf = ({ kind, name }: Pick<Section, 'kind' | 'name'>): string => `[${kind}${name === '' ? '' : ` ${name}`}]`;

function readSections(source: string, tell: Tell): readonly Section[] {
  const sections: Section[] = [];
  let current: Section | undefined;
  source.split('\n').forEach((whole, i) => {
    const line = i + 1;
    const words = whole.trim();
    if (words === '' || words.startsWith('#')) return;
    const heading = /^\[\s*([a-z]+)(?:\s+(\S+))?\s*\]$/.exec(words);
    if (heading !== null) {
      current = sectionOf(heading[1]!, heading[2] ?? '', line, sections, tell);
      sections.push(current);
      return;
    }
    const pair = /^([^\s=[]+)\s*=\s*(.*)$/s.exec(words);
    if (pair === null || current === undefined) {
      const rule = current === undefined && pair !== null ? `${SECTION_RULE} in front of the first key` : 'key = value, a [section], or a comment that begins with #';
      tell('MM-INFO-LINE', line, '', rule, `a line of ${words.length} characters`, 'Correct this line.');
      return;
    }
    const [, key, raw] = pair as unknown as [string, string, string];
    const before = current.values.get(key);
    if (before === undefined) current.values.set(key, { raw, line });
    else tell('MM-INFO-REPEATED', line, `${titleOf(current)} ${key}`, 'stands once in its section', `it stands in line ${before.line} too`, 'Leave one of the two.');
  });
  // What stands under a heading that was complained about is not complained about again.
  return sections.filter(({ line }) => line > 0);
}

/** A new section; one of line 0 is none, and takes the lines under a heading that is wrong. */
function sectionOf(kind: string, name: string, line: number, sections: readonly Section[], tell: Tell): Section {
  const wanted = KINDS.find((known) => known === kind);
  const named = wanted === 'origin' || wanted === 'node';
  const nowhere: Section = { kind: 'answers', name, line: 0, values: new Map() };
  if (wanted === undefined || named === (name === '')) {
    tell('MM-INFO-SECTION', line, '', SECTION_RULE, seenText(`[${kind}${name === '' ? '' : ` ${name}`}]`), 'Correct its spelling.');
    return nowhere;
  }
  const before = sections.find((one) => one.kind === wanted && one.name === name && one.line > 0);
  if (before === undefined) return { kind: wanted, name, line, values: new Map() };
  tell('MM-INFO-REPEATED', line, titleOf({ kind: wanted, name }), 'stands once', `it begins in line ${before.line} too`, 'Leave one of the two, or give the other its own number.');
  return nowhere;
}

/** The values of a section by its fields; `own` is the one that stands in the heading. Undefined when something was wrong. */
function readFields<T>(section: Section | undefined, fields: Fields<T>, tell: Tell, own?: keyof T & string): T | undefined {
  if (section === undefined) return undefined;
  const title = titleOf(section);
  const out: Record<string, unknown> = {};
  let good = true;
  const fail: Tell = (...problem) => {
    good = false;
    tell(...problem);
  };
  for (const [key, shape] of Object.entries(fields) as [string, Shape<unknown> | OptionalShape<unknown>][]) {
    const given = key === own ? { raw: section.name, line: section.line } : section.values.get(key);
    const what = key === own ? title : `${title} ${key}`;
    if (given !== undefined) {
      const read = typeof shape === 'function' ? shape : shape.optional;
      const remedy = 'Correct the value; INSTALL.info of any node has the right one.';
      out[key] = read(given.raw, what, (_, rule, seen) => fail('MM-INFO-VALUE', given.line, what, rule, seenText(seen), remedy));
    } else if (typeof shape === 'function') fail('MM-INFO-MISSING', section.line, what, 'is required', 'nothing', 'Put the line back; INSTALL.info of any node has it.');
  }
  const known = Object.keys(fields).filter((key) => key !== own);
  for (const [key, { line }] of section.values) {
    if (!known.includes(key)) fail('MM-INFO-UNKNOWN', line, title, `one of ${known.join(', ')}`, seenText(key), 'Correct its spelling, or leave it out.');
  }
  return good ? (out as T) : undefined;
}

function readAnswers(section: Section | undefined, tell: Tell): InstallInfo['answers'] | undefined {
  if (section === undefined) return undefined;
  return Object.fromEntries([...section.values].flatMap(([key, { raw, line }]): [string, InstallAnswer][] => {
    if (!TABLE_KEY.test(key)) tell('MM-INFO-UNKNOWN', line, '[answers]', `a name of the form ${TABLE_KEY.source}`, seenText(key), 'Correct its spelling, or leave it out.');
    const answer = answerOf(raw);
    if (answer !== undefined) return [[key, answer]];
    const rule = 'a text, a number, true, false, or a list of texts as JSON has it';
    tell('MM-INFO-VALUE', line, `[answers] ${key}`, rule, `a value of ${raw.length} characters`, 'Close its quotes or brackets, or put the whole text in quotes.');
    return [];
  }));
}
