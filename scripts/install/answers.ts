// An installation's answers: read once, checked whole, and turned into what the cluster is made from.

import { isMap, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ipv4FromNumber, ipv4ToNumber, networkOf } from '../../daemons/core/ipv4.ts';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import type { MessageCode, Problem, Result } from '../../daemons/core/problem.ts';
import type { Roster, RosterNode } from '../../daemons/core/roster.ts';
import { parsePortal } from '../../daemons/core/san-portal.ts';
import type { InstallInfo } from '../../daemons/storage/install-info.ts';
import { isInstallInfo, parseInstallInfo } from '../../daemons/storage/install-info-parse.ts';
import type { InstallAnswer } from '../../daemons/storage/registry.ts';
import { relationProblems } from './answers-relations.ts';
import type { SoundAnswers } from './answers-relations.ts';
import { adviceFor, ANSWERS_SCHEMA, NODE_SCHEMA, SECRET_ANSWERS } from './answers-schema.ts';
import type { GivenAnswers } from './answers-schema.ts';

/** One blade of the answers, its address filled in. */
export interface AnsweredNode {
  readonly macs: readonly Mac[];
  readonly address: Ipv4;
  readonly loader: RosterNode['loader'];
}

/** The answers by the report's names, complete: every default and every derived address is filled in. */
export type Answers = Readonly<Omit<GivenAnswers, 'nodes' | 'meta-master-ip' | 'first-node-IP-netboot-netstorage'>> & {
  readonly 'meta-master-ip': Ipv4;
  readonly 'first-node-IP-netboot-netstorage': Ipv4;
  readonly nodes: readonly AnsweredNode[];
};

/** The last byte of the meta-master's address in the report. */
const META_MASTER_HOST = 253;

/** How much of a wrong value is shown. */
const SEEN_MAX = 60;

const problemOf = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem => ({ code, where, rule, seen, remedy });

const pathText = (path: readonly PropertyKey[]): string => path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at > 0 ? '.' : ''}${String(part)}`)).join('') || 'answers';

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, part) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[part], value);
}

/** The value as it was seen, cut short; of a secret only how long it is. */
function seenText(value: unknown, path: readonly PropertyKey[]): string {
  if (path.some((part) => SECRET_ANSWERS.has(part))) return typeof value === 'string' ? `a text of ${value.length} characters` : `a value of type ${Array.isArray(value) ? 'list' : typeof value}`;
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SEEN_MAX ? `${text.slice(0, SEEN_MAX)}…` : text;
}

/** What speaks against keys that are none of those that may be given. */
const unknownKeys = (keys: readonly string[], path: readonly PropertyKey[], known: readonly string[]): readonly Problem[] =>
  keys.map((key) => problemOf('MM-ANSWERS-UNKNOWN', pathText([...path, key]), `must be one of ${known.join(', ')}`, JSON.stringify(key), 'Correct its spelling, or leave it out.'));

/** A zod issue in this project's words. */
function problemsOfIssue(issue: z.core.$ZodIssue, raw: unknown): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys, issue.path, Object.keys(issue.path.length === 0 ? ANSWERS_SCHEMA.shape : NODE_SCHEMA.shape));
  const { rule, remedy } = adviceFor(issue.path);
  const value = valueAt(raw, issue.path);
  if (value === undefined) return [problemOf('MM-ANSWERS-MISSING', pathText(issue.path), `is required, and ${rule}`, 'nothing', remedy)];
  return [problemOf('MM-ANSWERS-VALUE', pathText(issue.path), rule, seenText(value, issue.path), remedy)];
}

/** The nodes with their addresses: what has none follows the first node's address by its place in the list. */
function answeredNodes(rawNodes: unknown, first: Ipv4 | undefined): readonly (Partial<AnsweredNode> | undefined)[] | undefined {
  if (!Array.isArray(rawNodes) || rawNodes.length === 0) return undefined;
  return rawNodes.map((raw, at) => {
    const { data } = NODE_SCHEMA.safeParse(raw);
    if (data === undefined) return undefined;
    const address = data.address ?? (first && ipv4FromNumber(ipv4ToNumber(first) + at));
    const macs = data.macs ?? (data.mac && [data.mac]);
    return { loader: data.loader, ...(macs && { macs }), ...(address && { address }) };
  });
}

function nodeMacProblems(rawNodes: readonly unknown[]): readonly Problem[] {
  return rawNodes.flatMap((raw, at) => {
    const { data } = NODE_SCHEMA.safeParse(raw);
    if (data === undefined || (data.mac === undefined) !== (data.macs === undefined)) return [];
    return [problemOf(data.mac ? 'MM-ANSWERS-VALUE' : 'MM-ANSWERS-MISSING', `nodes[${at}]`, 'must have either mac or macs', data.mac ? 'both' : 'neither', 'Give mac for one network card, macs for several.')];
  });
}

/** All answers that are sound in themselves, with what follows from them filled in. */
function soundAnswers(raw: Record<string, unknown>): SoundAnswers {
  const sound: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(ANSWERS_SCHEMA.shape)) {
    const { success, data } = schema.safeParse(raw[key]);
    if (success && data !== undefined) sound[key] = data;
  }
  const given = sound as Partial<GivenAnswers>;
  const { 'storage-ip': storage, 'storage-netmask': netmask } = given;
  // A derived address only where the answer was left out: a wrong one is complained about, not replaced.
  const orElse = <T>(key: keyof GivenAnswers, value: T | undefined): T | undefined => (raw[key] === undefined ? value : (given[key] as T | undefined));
  const metaMaster = orElse('meta-master-ip', raw['spare-local-IP'] === undefined ? storage && ipv4FromNumber(((ipv4ToNumber(storage) & 0xffffff00) >>> 0) + META_MASTER_HOST) : given['spare-local-IP']);
  const first = orElse('first-node-IP-netboot-netstorage', storage && netmask && ipv4FromNumber(ipv4ToNumber(networkOf(storage, netmask)) + 1));
  return { ...given, 'meta-master-ip': metaMaster, 'first-node-IP-netboot-netstorage': first, nodes: answeredNodes(raw['nodes'], first) };
}

/** INSTALL.info of a cluster that is to be installed again: its answers, and its nodes as they were. */
function valuesOfInfo({ answers, nodes }: InstallInfo): Record<string, unknown> {
  return { ...answers, 'number-of-nodes': nodes.length, nodes: nodes.map(({ macs, address, loader }) => ({ macs, address, loader })) };
}

/** The file as plain values; its syntax errors with line and column. */
export function readValues(text: string, fileName: string): Result<Record<string, unknown>> {
  if (isInstallInfo(text)) {
    const info = parseInstallInfo(text, fileName);
    return info.ok ? { ok: true, value: valuesOfInfo(info.value) } : info;
  }
  const document = parseDocument(text, { prettyErrors: true });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return {
      ok: false,
      problems: faults.map((fault) => {
        const { line, col } = fault.linePos?.[0] ?? { line: 1, col: 1 };
        return problemOf('MM-ANSWERS-SYNTAX', `${fileName}:${line}:${col}`, 'must be YAML or JSON', fault.message.split(/ at line |\n/)[0]!, 'Correct this line.');
      }),
    };
  }
  if (!isMap(document.contents)) {
    return { ok: false, problems: [problemOf('MM-ANSWERS-SYNTAX', fileName, 'must hold answers as key: value', document.contents === null ? 'nothing' : 'something else', 'Begin with docs/answers.example.yaml.')] };
  }
  try {
    return { ok: true, value: document.toJS() as Record<string, unknown> };
  } catch (error) {
    // The parser's own bound on aliases that multiply.
    return { ok: false, problems: [problemOf('MM-ANSWERS-SYNTAX', fileName, 'must be plain values', error instanceof Error ? error.message : String(error), 'Write the values out instead of using aliases.')] };
  }
}

/**
 * Reads an answers file: YAML, JSON, or an INSTALL.info. All that is wrong comes back together, each with its path, the rule, the value seen and the
 * remedy; never throws.
 */
export function parseAnswers(text: string, fileName: string): Result<Answers> {
  const read = readValues(text, fileName);
  if (!read.ok) return read;
  const raw = read.value;
  const sound = soundAnswers(raw);
  const { error } = ANSWERS_SCHEMA.safeParse(raw);
  const issues = (error?.issues ?? []).flatMap((issue) => problemsOfIssue(issue, raw));
  const problems = [
    // A value may break its schema in two ways; the rule that is told covers both.
    ...issues.filter(({ where }, at) => issues.findIndex((other) => other.where === where) === at),
    ...(Array.isArray(raw['nodes']) ? nodeMacProblems(raw['nodes']) : []),
    // Nothing is said a second time about an answer that is wrong in itself.
    ...relationProblems(sound).filter(({ where }) => !issues.some((issue) => issue.where === where)),
  ];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: sound as Answers };
}

/**
 * Some answers by themselves, each held against the form that it has in the file, for a change of an installed cluster. What must hold between
 * them and the others is the caller's. Problems as of `parseAnswers`, all together; a key that is none of `keys` is unknown.
 */
export function parseSomeAnswers<K extends keyof GivenAnswers>(raw: Readonly<Record<string, unknown>>, keys: readonly K[]): Result<Partial<Pick<GivenAnswers, K>>> {
  const problems = [...unknownKeys(Object.keys(raw).filter((key) => !(keys as readonly string[]).includes(key)), [], keys)];
  const values: Record<string, unknown> = {};
  for (const key of keys) {
    if (raw[key] === undefined) continue;
    const { error, data } = ANSWERS_SCHEMA.shape[key].safeParse(raw[key]);
    const issues = (error?.issues ?? []).flatMap((issue) => problemsOfIssue({ ...issue, path: [key, ...issue.path] }, raw));
    problems.push(...issues.filter(({ where }, at) => issues.findIndex((other) => other.where === where) === at));
    values[key] = data;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: values as Partial<Pick<GivenAnswers, K>> };
}

/** The roster that the answers ask for: nodes are numbered from 1 in their order. */
export function rosterOf(answers: Answers): Roster {
  const chap = answers['chap-user'] === undefined ? {} : { chap: answers['chap-mutual-user'] === undefined ? ('one-way' as const) : ('mutual' as const) };
  return {
    clusterName: answers['cluster-hostname'],
    container: answers['container-name'],
    domain: answers.domain,
    netmask: answers['storage-netmask'],
    metaMasterAddress: answers['meta-master-ip'],
    san: {
      address: answers['storage-ip'], port: answers['storage-port'], target: answers['iscsi-target'],
      ...(answers['storage-portals'].length === 0 ? {} : { portals: answers['storage-portals'].map((text) => parsePortal(text)!) }), ...chap,
    },
    ...(answers['boot-vlan'] === undefined ? {} : { vlan: answers['boot-vlan'] }),
    kernelParameters: answers['kernel-parameters'],
    nodes: answers.nodes.map(({ macs, address, loader }, at) => ({ number: at + 1, name: `${answers['cluster-hostname']}${at + 1}`, macs, address, loader })),
  };
}

/** Left out of the record: secrets, and what the registry keeps elsewhere. */
const NOT_RECORDED: ReadonlySet<string> = new Set([
  'root-password-hash', 'root-password-file', 'authorized-keys', 'nodes', 'chap-user', 'chap-password-file', 'chap-mutual-user', 'chap-mutual-password-file',
]);

/** The answers for the registry's `install`: by the report's names, without secrets; the nodes are in the roster. */
export function installRecord(answers: Answers): Record<string, InstallAnswer> {
  const recorded = Object.entries(answers).filter(([key, value]) => value !== undefined && !NOT_RECORDED.has(key));
  return Object.fromEntries(recorded) as Record<string, InstallAnswer>;
}
