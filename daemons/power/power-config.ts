// The file that names each node's power controller. It is read once, into types; everything that is wrong with it is said at once.

import { isZero, fromHex } from '../core/bytes.ts';
import { type Ipv4, parseIpv4 } from '../core/ipv4.ts';
import { type Mac, parseMac } from '../core/mac.ts';
import { isDomainName } from '../core/names.ts';
import type { Problem, Result } from '../core/problem.ts';
import { gather, literal, object, record, type Report, type Shape, text, whole } from '../storage/json-shape.ts';
import type { Abilities } from './power-answer.ts';

/** RMCP (IPMI 2.0 section 13.1.2). */
const IPMI_PORT = 623;
/** The discard service: where magic packets usually go. */
const WAKE_PORT = 9;
/** The longest user name of IPMI (2.0 section 22.28). */
const IPMI_USER_MAX = 16;
/** Longer Redfish user names are somebody else's text. */
const REDFISH_USER_MAX = 64;
const FINGERPRINT_BYTES = 32;
const PATH_MAX = 4096;
const REMEDY = 'Correct the file; docs/administration.md, section "Power", has every property.';

/** A BMC that speaks IPMI 2.0 over LAN. */
export interface IpmiController {
  readonly kind: 'ipmi';
  /** IPv4 address or domain name. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly passwordFile: string;
  /** What the session asks for; the least that may switch power is `operator`. */
  readonly privilege: 'operator' | 'administrator';
  /** ipmitool's `-C`; undefined: the best that the BMC names. */
  readonly cipherSuite?: number;
}

/** How a Redfish service is known to be the right one. */
export type RedfishTrust =
  /** SHA-256 of the certificate (DER), 64 lower-case hexadecimal digits. */
  | { readonly kind: 'fingerprint'; readonly sha256: string }
  /** Signed by this authority, and issued for the address. */
  | { readonly kind: 'authority'; readonly file: string }
  /** Plain HTTP: whoever listens on the network has the password. */
  | { readonly kind: 'cleartext' };

/** A BMC that speaks Redfish. */
export interface RedfishController {
  readonly kind: 'redfish';
  readonly host: string;
  readonly port: number;
  readonly trust: RedfishTrust;
  readonly user: string;
  readonly passwordFile: string;
  /** Which of its systems, by Id; undefined: the only one. */
  readonly system?: string;
}

/** A network card that wakes its blade. */
export interface WakeOnLanController {
  readonly kind: 'wake-on-lan';
  readonly mac: Mac;
  readonly broadcast: Ipv4;
  readonly port: number;
  readonly secureOnFile?: string;
}

/** A blade of a virtual rack. */
export interface RackController {
  readonly kind: 'rack';
  /** The path of `scripts/rack`. */
  readonly program: string;
  readonly name: string;
  readonly blade: number;
}

export type Controller = IpmiController | RedfishController | WakeOnLanController | RackController;

/** The controllers, by the numbers of their nodes. */
export type PowerConfig = ReadonlyMap<number, Controller>;

/** What a controller of this kind is able to do. */
export function abilitiesOf({ kind }: Controller): Abilities {
  return kind === 'wake-on-lan' ? { reads: false, switchesOff: false } : { reads: true, switchesOff: true };
}

/** A controller in a few words, for a person. */
export function controllerName(controller: Controller): string {
  switch (controller.kind) {
    case 'ipmi':
      return `IPMI at ${controller.address}`;
    case 'redfish':
      return `Redfish at ${controller.host}${controller.system === undefined ? '' : `, system ${controller.system}`}`;
    case 'wake-on-lan':
      return `Wake-on-LAN to ${controller.mac}`;
    case 'rack':
      return `blade ${controller.blade} of the virtual rack ${controller.name}`;
  }
}

const isHost = (value: string): boolean => parseIpv4(value) !== undefined || isDomainName(value);
// Neither an option of ipmitool nor a part of an HTTP header.
const isUser = (value: string, max: number): boolean => value.length <= max && /^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/.test(value);
const isPath = (value: string): boolean => value.length <= PATH_MAX && value.startsWith('/') && !/\p{Cc}/u.test(value);

/** Reads a SHA-256 fingerprint, with colons between the bytes or without; undefined when it is none. */
function parseFingerprint(value: string): string | undefined {
  const digits = /^[0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(value) ? value.replaceAll(':', '') : value;
  const bytes = fromHex(digits);
  return bytes?.length === FINGERPRINT_BYTES && !isZero(bytes) ? digits.toLowerCase() : undefined;
}

const path = text('an absolute path', isPath);
const port = whole(1, 65535);

interface GivenRedfish {
  readonly kind: 'redfish';
  readonly url: string;
  readonly user: string;
  readonly passwordFile: string;
  readonly fingerprint?: string;
  readonly caFile?: string;
  readonly cleartext?: number;
  readonly system?: string;
}

const ipmiShape = object<Omit<IpmiController, 'port' | 'privilege'> & { readonly port?: number; readonly privilege?: IpmiController['privilege'] }>({
  kind: literal('ipmi'),
  address: text('an IPv4 address or a domain name', isHost),
  port: { optional: port },
  user: text(`a user name of 1 to ${IPMI_USER_MAX} letters, digits and . _ @ -`, (value) => isUser(value, IPMI_USER_MAX)),
  passwordFile: path,
  privilege: { optional: literal('operator', 'administrator') },
  // The suites without encryption or without a password's proof are left out (IPMI 2.0 table 22-20).
  cipherSuite: { optional: literal(3, 8, 12, 17) },
});

const URL_FORM = /^(?<scheme>https?):\/\/(?<host>[^/:@]+)(:(?<port>[1-9][0-9]{0,4}))?\/?$/;

function parseUrl(value: string): { readonly https: boolean; readonly host: string; readonly port: number } | undefined {
  const { scheme, host = '', port: portText } = URL_FORM.exec(value)?.groups ?? {};
  const https = scheme === 'https';
  const port = portText === undefined ? (https ? 443 : 80) : Number(portText);
  return scheme !== undefined && isHost(host) && port <= 65535 ? { https, host, port } : undefined;
}

const redfishShape = object<GivenRedfish>({
  kind: literal('redfish'),
  url: text('https:// and an IPv4 address or a domain name, perhaps with a port, without a path', (value) => parseUrl(value) !== undefined),
  user: text(`a user name of 1 to ${REDFISH_USER_MAX} letters, digits and . _ @ -`, (value) => isUser(value, REDFISH_USER_MAX)),
  passwordFile: path,
  fingerprint: { optional: text('a SHA-256 fingerprint: 64 hexadecimal digits, colons between the bytes allowed', parseFingerprint) },
  caFile: { optional: path },
  cleartext: { optional: (value, at, report) => (value === true ? 1 : void report(at, 'true, or left out', value)) },
  system: { optional: text('the Id of a system: 1 to 64 letters, digits and . _ : -', (value) => /^[A-Za-z0-9._:-]{1,64}$/.test(value) && !/^\.+$/.test(value)) },
});

const wakeShape = object<Omit<WakeOnLanController, 'port' | 'broadcast'> & { readonly port?: number; readonly broadcast?: Ipv4 }>({
  kind: literal('wake-on-lan'),
  mac: text('the MAC address of a network card', parseMac),
  broadcast: { optional: text('an IPv4 address', parseIpv4) },
  port: { optional: port },
  secureOnFile: { optional: path },
});

const rackShape = object<Omit<RackController, 'name'> & { readonly name?: string }>({
  kind: literal('rack'),
  program: text('the absolute path of scripts/rack', isPath),
  name: { optional: text('the name of a rack: lower-case letters, digits and hyphens', (value) => /^[a-z0-9][a-z0-9-]{0,31}$/.test(value)) },
  blade: whole(1, 999),
});

/** The trust that a Redfish entry asks for: exactly one kind, or nothing is sent to whoever may answer there. */
function trustOf(given: GivenRedfish, https: boolean, at: string, report: Report): RedfishTrust | undefined {
  const { fingerprint, caFile, cleartext } = given;
  const named = Object.entries({ fingerprint, caFile, cleartext }).filter(([, value]) => value !== undefined).map(([name]) => name);
  const seen = named.join(' and ') || 'none of them';
  if (!https) {
    if (seen === 'cleartext') return { kind: 'cleartext' };
    report(at, 'with http:// the password goes in clear: "cleartext": true alone says that this is meant', seen);
  } else if (seen === 'fingerprint') return { kind: 'fingerprint', sha256: fingerprint! };
  else if (seen === 'caFile') return { kind: 'authority', file: caFile! };
  else report(at, 'with https:// either fingerprint or caFile', seen);
  return undefined;
}

const controllerShape: Shape<Controller> = (value, at, report) => {
  const kind = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['kind'] : undefined;
  if (kind === 'ipmi') {
    const given = ipmiShape(value, at, report);
    return given && { ...given, port: given.port ?? IPMI_PORT, privilege: given.privilege ?? 'operator' };
  }
  if (kind === 'redfish') {
    const given = redfishShape(value, at, report);
    if (given === undefined) return undefined;
    const { https, host, port } = parseUrl(given.url)!;
    const trust = trustOf(given, https, at, report);
    const { user, passwordFile, system } = given;
    return trust && { kind, host, port, trust, user, passwordFile, ...(system === undefined ? {} : { system }) };
  }
  if (kind === 'wake-on-lan') {
    const given = wakeShape(value, at, report);
    return given && { ...given, port: given.port ?? WAKE_PORT, broadcast: given.broadcast ?? ('255.255.255.255' as Ipv4) };
  }
  if (kind === 'rack') {
    const given = rackShape(value, at, report);
    return given && { ...given, name: given.name ?? 'default' };
  }
  report(`${at}.kind`, '"ipmi", "redfish", "wake-on-lan" or "rack"', kind);
  return undefined;
};

/** What may stand once in the whole file. */
function identityOf(controller: Controller): string {
  switch (controller.kind) {
    case 'ipmi':
      return `ipmi ${controller.address}:${controller.port}`;
    case 'redfish':
      return `redfish ${controller.host}:${controller.port} ${controller.system ?? ''}`;
    case 'wake-on-lan':
      return `wake-on-lan ${controller.mac}`;
    case 'rack':
      return `rack ${controller.name} ${controller.blade}`;
  }
}

const configShape = object<{ readonly nodes: Readonly<Record<string, Controller>> }>({ nodes: record(/^(?:[1-9][0-9]{0,2}|1[0-9]{3}|2000)$/, controllerShape) });

/**
 * Reads what JSON.parse made of `/etc/metamaster/power.json`. All problems (MM-POWER-CONFIG) are reported together. Two nodes with one
 * controller are refused: switching one off would prove the other off as well.
 */
export function parsePowerConfig(json: unknown): Result<PowerConfig> {
  const problems: Problem[] = [];
  const report = gather(problems, 'MM-POWER-CONFIG', REMEDY);
  const config = configShape(json, '', report);
  if (config === undefined) return { ok: false, problems };
  const nodes = Object.entries(config.nodes).map(([number, controller]) => [Number(number), controller] as const).toSorted(([a], [b]) => a - b);
  const owners = new Map<string, number>();
  for (const [number, controller] of nodes) {
    const identity = identityOf(controller);
    const owner = owners.get(identity);
    if (owner === undefined) owners.set(identity, number);
    else report(`nodes.${number}`, 'a controller of its own', `that of node ${owner}`);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: new Map(nodes) };
}
