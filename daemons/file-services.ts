// TFTP and HTTP of one node: both serve the same content, log what they did, and say how far that brings a blade.

import type { BootContent } from './boot-content.ts';
import type { Ipv4 } from './core/ipv4.ts';
import type { Mac } from './core/mac.ts';
import { bindWithRetry } from './host/bind-retry.ts';
import { now } from './host/clock.ts';
import { type HttpService, openHttp, type WebRequest } from './host/http-server.ts';
import type { Logger } from './host/log.ts';
import { openTransferSockets, type TransferSockets } from './host/transfer-sockets.ts';
import { answerHttp, type HttpResponse } from './http-boot/http-answer.ts';
import type { Handout } from './http-boot/san-login-handout.ts';
import { type TftpEffect, TftpServer } from './tftp/tftp-server.ts';
import { BOOT_HTTP_PORT, type StageReport } from './wire/stage-report.ts';

const TFTP_PORT = 69;
/** What is logged of a URL: longer ones are nobody's of ours. */
const URL_LOGGED_MAX = 128;

/** What both need. */
export interface FileServiceOptions {
  readonly content: BootContent;
  readonly address: Ipv4;
  /** Undefined: the protocol's own; 0: any free one. */
  readonly port?: number | undefined;
  readonly log: Logger;
  /** A blade has come so far: it fetched a file. */
  readonly onStage: (mac: Mac, step: 'tftp' | 'http', detail: string) => void;
}

const waiting = (log: Logger, service: string) => (reason: string) => log.warn({ service, reason }, 'service.waiting');

/** Serves TFTP; waits for the address and the port where they are still to come. `onBroken`: the request socket broke for good. */
export function startTftp({ content, address, port = TFTP_PORT, log, onStage }: FileServiceOptions, onBroken: (error: Error) => void): Promise<TransferSockets> {
  const machine = new TftpServer({ get: (name, client) => content.tftpFile(name, client) });
  const onEvent = (event: Exclude<TftpEffect, { readonly kind: 'send' }>): void => {
    const { address: client } = event.client;
    if (event.kind === 'refuse') log.info({ address: client, reason: event.reason }, 'tftp.refused');
    if (event.kind !== 'close') return;
    const { file, outcome, detail, doneBytes } = event;
    log.info({ address: client, file, outcome, detail, bytes: doneBytes }, 'tftp.transfer');
    const mac = content.macAt(client);
    if (mac !== undefined && outcome === 'complete') onStage(mac, 'tftp', file);
  };
  return bindWithRetry(() => openTransferSockets({ machine, address, port, now, onEvent, onBroken }), waiting(log, 'tftp'));
}

/** What HTTP needs besides. */
export interface HttpServiceOptions extends FileServiceOptions {
  /** What a blade says of itself. */
  readonly onReport: (report: StageReport) => void;
  /** A barred machine was refused what `detail` names. */
  readonly onBarred?: (mac: Mac, detail: string) => void;
}

/** Who was given the SAN's login, and who was not: never what it is. */
function logHandout(log: Logger, address: Ipv4, handout: Handout, complete: boolean): void {
  const mac = handout.mac ?? 'none';
  if (handout.given) log.info({ mac, address, node: handout.node, complete }, 'san-login.handed-out');
  else log.warn({ mac, address, reason: handout.reason }, 'san-login.refused');
}

/** Serves HTTP; waits likewise. `status` is what `GET /status` answers. */
export function startHttp({ content, address, port = BOOT_HTTP_PORT, log, onStage, onReport, onBarred }: HttpServiceOptions, status: () => unknown): Promise<HttpService> {
  const http = content.http(status);
  const onAnswered = ({ clientAddress, url }: WebRequest, { status: code, report, handout, barred, body }: HttpResponse, complete: boolean): void => {
    log.info({ address: clientAddress, url: url.slice(0, URL_LOGGED_MAX), status: code, bytes: body?.length ?? 0, complete }, 'http.answer');
    if (report !== undefined) return onReport(report);
    if (barred !== undefined) onBarred?.(barred, `${url.slice(0, URL_LOGGED_MAX)} from ${clientAddress}`);
    if (handout !== undefined) logHandout(log, clientAddress, handout, complete);
    const mac = content.macAt(clientAddress);
    const file = /^\/+([^?]*)/.exec(url)?.[1] ?? '';
    if (mac !== undefined && complete && (code === 200 || code === 206) && content.isBootFile(file)) onStage(mac, 'http', file);
  };
  return bindWithRetry(() => openHttp<HttpResponse>({ address, port, answer: (request) => answerHttp(request, http), onAnswered }), waiting(log, 'http'));
}
