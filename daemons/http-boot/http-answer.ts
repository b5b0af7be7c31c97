// Every decision of the boot web server: a request in, a response out. The sockets are in daemons/host/http-server.ts.

import { BOOT_SCRIPT, SAN_LOGIN_IMAGE } from '../core/boot-file-names.ts';
import { encodeUtf8 } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { type Mac, parseMac } from '../core/mac.ts';
import { HARDWARE_NONCE, HARDWARE_PATH } from '../wire/hardware-question.ts';
import { readStage, type StageReport } from '../wire/stage-report.ts';
import { rangeOf } from './http-range.ts';
import type { Handout } from './san-login-handout.ts';

/** Longer than anything the boot asks for; what is longer is not parsed. */
export const URL_MAX = 1024;

export interface HttpRequest {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly clientAddress: Ipv4;
}

/** `body` is absent for HEAD and for answers without one; Content-Length stands in the headers all the same. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** What a blade has said of itself; to be remembered by whoever asked for the answer. */
  readonly report?: StageReport;
  /** What was decided about the SAN's login; to be logged. */
  readonly handout?: Handout;
  /** A barred machine was refused; to be told loudly. */
  readonly barred?: Mac;
}

/** A file and its entity tag: its SHA-256 in hexadecimal. */
export interface HttpFile {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** What there is to serve. */
export interface HttpContent {
  file(name: string): HttpFile | undefined;
  /** The boot script for a client that is known by its MAC or by its address; undefined for a stranger. */
  scriptFor(client: { readonly mac: Mac } | { readonly address: Ipv4 }): string | undefined;
  /** What a barred machine is given in place of a script that boots; undefined for everybody else. */
  barredScript(mac: Mac): string | undefined;
  /** Why this node serves nothing at all; undefined when it serves. */
  closed(): string | undefined;
  /** The script that makes a client come again with its MAC. */
  askAgainScript(): string;
  /** Judges who asks for the SAN's login; missing on a server that has none to give. */
  readonly sanLogin?: ((mac: Mac | undefined, client: Ipv4) => Handout) | undefined;
  /**
   * What this node's machine is made of, sealed for who knows the cluster's key, as an answer to this nonce. `stranger`: not for this address; `none`: not read
   * yet. Missing on a server that has no such facts.
   */
  readonly hardware?: ((nonce: string, client: Ipv4) => Uint8Array | 'stranger' | 'none') | undefined;
  /** Made into JSON. */
  status(): unknown;
}

interface Target {
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
}

/** Undoes percent-encoding; undefined when it is broken. */
function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** Path without leading slashes, and query; an absolute URL (RFC 9112 section 3.2.2) is taken too. */
function parseTarget(url: string): Target | undefined {
  const local = url.replace(/^https?:\/\/[^/?]*/i, '').replace(/#.*$/, '');
  const [rawPath, ...rest] = local.split('?');
  const path = decodePercent(rawPath!.replaceAll('+', '%2B'));
  if (path === undefined) return undefined;
  const query = new Map<string, string>();
  for (const pair of rest.join('?').split('&')) {
    const equals = pair.indexOf('=');
    const name = decodePercent(equals < 0 ? pair : pair.slice(0, equals));
    const value = decodePercent(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    if (name !== '' && !query.has(name)) query.set(name, value);
  }
  return { path: path.replace(/^\/+/, ''), query };
}

function text(status: number, type: string, content: string, more: Record<string, string> = {}): HttpResponse {
  const body = encodeUtf8(content);
  const headers = { 'content-type': type, 'content-length': String(body.length), 'cache-control': 'no-store', ...more };
  return { status, headers, body };
}

const plain = (status: number, content: string, more?: Record<string, string>): HttpResponse => text(status, 'text/plain; charset=utf-8', `${content}\n`, more);

function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

function fileResponse(file: HttpFile, headers: HttpRequest['headers']): HttpResponse {
  const etag = `"${file.sha256}"`;
  const common = { etag, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' };
  if (matches(headers['if-none-match'], etag)) return { status: 304, headers: { etag } };
  // RFC 9110 section 13.1.5: a range of another version of the file would make a corrupt whole.
  const wanted = headers['if-range'] === undefined || headers['if-range'] === etag ? headers['range'] : undefined;
  const range = rangeOf(wanted, file.bytes.length);
  if (range === 'unsatisfiable') return plain(416, 'no such range', { 'content-range': `bytes */${file.bytes.length}` });
  if (range === undefined) return { status: 200, headers: { ...common, 'content-length': String(file.bytes.length) }, body: file.bytes };
  const body = file.bytes.subarray(range.first, range.last + 1);
  const contentRange = `bytes ${range.first}-${range.last}/${file.bytes.length}`;
  return { status: 206, headers: { ...common, 'content-length': String(body.length), 'content-range': contentRange }, body };
}

function scriptResponse(target: Target, request: HttpRequest, content: HttpContent): HttpResponse {
  const asked = target.query.get('mac');
  const mac = asked === undefined ? undefined : parseMac(asked);
  const refusal = mac && content.barredScript(mac);
  if (refusal !== undefined) return { ...text(200, 'text/plain', refusal), barred: mac! };
  const script = (mac && content.scriptFor({ mac })) ?? content.scriptFor({ address: request.clientAddress });
  if (script !== undefined) return text(200, 'text/plain', script);
  return asked === undefined ? text(200, 'text/plain', content.askAgainScript()) : plain(404, 'this MAC address is not in the roster');
}

/** Whole and once: no entity tag, no ranges, nothing for a cache to keep. A stranger is not told why. */
function sanLoginResponse(target: Target, request: HttpRequest, content: HttpContent): HttpResponse {
  if (content.sanLogin === undefined) return plain(404, 'no such file');
  // A HEAD would be a handing-out that hands nothing out.
  if (request.method !== 'GET') return plain(405, 'GET', { allow: 'GET' });
  const handout = content.sanLogin(parseMac(target.query.get('mac') ?? ''), request.clientAddress);
  if (!handout.given && handout.reason === 'barred') return { ...plain(403, 'MM-BOOT-BARRED: this machine was replaced, and is barred'), handout, barred: handout.mac! };
  if (!handout.given) return { ...plain(403, 'not for you, or not now'), handout };
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(handout.image.length), 'cache-control': 'no-store' };
  return { status: 200, headers, body: handout.image, handout };
}

/** Sealed: whoever fetches or overhears it can do nothing with it without the cluster's key. */
function hardwareResponse(target: Target, request: HttpRequest, content: HttpContent): HttpResponse {
  if (content.hardware === undefined) return plain(404, 'no such file');
  if (request.method !== 'GET') return plain(405, 'GET', { allow: 'GET' });
  const nonce = target.query.get('nonce') ?? '';
  if (!HARDWARE_NONCE.test(nonce)) return plain(400, 'nonce: 32 lower-case hexadecimal digits');
  const sealed = content.hardware(nonce, request.clientAddress);
  if (sealed === 'stranger') return plain(403, 'not for you');
  if (sealed === 'none') return plain(503, 'not read yet');
  return { status: 200, headers: { 'content-type': 'application/octet-stream', 'content-length': String(sealed.length), 'cache-control': 'no-store' }, body: sealed };
}

function stageResponse(target: Target): HttpResponse {
  const report = readStage(target.query);
  return typeof report === 'string' ? plain(400, report) : { status: 204, headers: {}, report };
}

function route(request: HttpRequest, content: HttpContent): HttpResponse {
  if (request.url.length > URL_MAX) return plain(414, `a URL of more than ${URL_MAX} characters`);
  const target = parseTarget(request.url);
  if (target === undefined) return plain(400, 'the percent-encoding of the URL is broken');
  const reading = request.method === 'GET' || request.method === 'HEAD';
  if (target.path === 'stage') {
    // A HEAD must not change anything.
    return request.method === 'GET' || request.method === 'POST' ? stageResponse(target) : plain(405, 'GET or POST', { allow: 'GET, POST' });
  }
  if (!reading) return plain(405, 'this server is read only', { allow: 'GET, HEAD' });
  if (target.path === 'status') return text(200, 'application/json', `${JSON.stringify(content.status())}\n`);
  const closed = content.closed();
  if (closed !== undefined) return plain(503, `this node does not serve: ${closed}`);
  if (target.path === BOOT_SCRIPT) return scriptResponse(target, request, content);
  if (target.path === SAN_LOGIN_IMAGE) return sanLoginResponse(target, request, content);
  if (target.path === HARDWARE_PATH) return hardwareResponse(target, request, content);
  const file = content.file(target.path);
  return file === undefined ? plain(404, 'no such file') : fileResponse(file, request.headers);
}

/** The answer to one request. Never throws on what a client sends. */
export function answerHttp(request: HttpRequest, content: HttpContent): HttpResponse {
  const response = route(request, content);
  if (request.method !== 'HEAD') return response;
  const { body: _unsent, ...head } = response;
  return head;
}
