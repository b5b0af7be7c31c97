// A Redfish service that tests bring up: in memory for the dialogues, and over HTTP or HTTPS on this machine. It misbehaves on demand.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { encodeUtf8 } from '../core/bytes.ts';

/** What goes wrong; nothing by default. */
export interface Misbehaviour {
  /** Every answer has this status. */
  readonly status?: number;
  /** Every answer has this body. */
  readonly body?: string;
  /** No answer ever comes, or it begins and never ends. */
  readonly slow?: 'silent' | 'half';
  /** Answers wait for so long. */
  readonly delayMs?: number;
  /** A body without end. */
  readonly endless?: boolean;
  /** Resets are taken, and nothing follows. */
  readonly staysOn?: boolean;
  /** So many readings say PoweringOff before one says Off. */
  readonly poweringOffReadings?: number;
  /** Resets are answered with this status. */
  readonly resetStatus?: number;
  /** Redirect everything to this address. */
  readonly location?: string;
}

export interface EmulatedRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export const USER = 'rack';
export const PASSWORD = 'only-for-this-test';
const RESET = '/redfish/v1/Systems/1/Actions/ComputerSystem.Reset';

/** The emulated service and the one blade behind it. */
export class RedfishEmulator {
  power: 'On' | 'Off' | 'PoweringOff' = 'On';
  misbehaviour: Misbehaviour = {};
  /** Undefined: the resource names its allowable values in an ActionInfo. */
  allowable: readonly string[] | undefined = ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'PushPowerButton'];
  systems: readonly string[] = ['1'];
  readonly requests: EmulatedRequest[] = [];
  #poweringOffLeft = 0;

  /** Answers a request that has passed the door. */
  respond(method: string, path: string, body = ''): { readonly status: number; readonly body: string } {
    const { status, body: wrong } = this.misbehaviour;
    if (status !== undefined) return { status, body: wrong ?? '{"error":{"code":"Base.1.0.GeneralError","message":"something is wrong"}}' };
    if (wrong !== undefined) return { status: 200, body: wrong };
    if (method === 'POST' && path === RESET) return this.#reset(body);
    const resource = method === 'GET' ? this.#resource(path) : undefined;
    return resource === undefined ? { status: 404, body: '{}' } : { status: 200, body: JSON.stringify(resource) };
  }

  #resource(path: string): object | undefined {
    switch (path) {
      case '/redfish/v1/':
        return { '@odata.id': path, '@odata.type': '#ServiceRoot.v1_5_0.ServiceRoot', RedfishVersion: '1.6.0', Systems: { '@odata.id': '/redfish/v1/Systems' } };
      case '/redfish/v1/Systems':
        return { '@odata.id': path, Members: this.systems.map((id) => ({ '@odata.id': `/redfish/v1/Systems/${id}` })), 'Members@odata.count': this.systems.length };
      case '/redfish/v1/Systems/1/ResetActionInfo':
        return { '@odata.id': path, Parameters: [{ Name: 'ResetType', Required: true, AllowableValues: ['On', 'ForceOff', 'PushPowerButton'] }] };
      case '/redfish/v1/Systems/1':
        return this.#system(path);
    }
    return undefined;
  }

  #system(path: string): object {
    if (this.power === 'PoweringOff' && (this.#poweringOffLeft -= 1) < 0) this.power = 'Off';
    const values = this.allowable === undefined ? { '@Redfish.ActionInfo': `${path}/ResetActionInfo` } : { 'ResetType@Redfish.AllowableValues': this.allowable };
    return { '@odata.id': path, '@odata.type': '#ComputerSystem.v1_10_0.ComputerSystem', Id: '1', PowerState: this.power, Actions: { '#ComputerSystem.Reset': { target: RESET, ...values } } };
  }

  #reset(body: string): { readonly status: number; readonly body: string } {
    const { resetStatus, staysOn, poweringOffReadings = 0 } = this.misbehaviour;
    const error = (status: number, message: string) => ({ status, body: JSON.stringify({ error: { code: 'Base.1.0.GeneralError', message: 'general', '@Message.ExtendedInfo': [{ Message: message }] } }) });
    if (resetStatus !== undefined) return error(resetStatus, 'The reset was not taken.');
    const { ResetType: type } = JSON.parse(body) as { ResetType: string };
    if ((type === 'On') === (this.power !== 'Off')) return error(409, 'The state of the system does not allow it.');
    if (staysOn === true) return { status: 204, body: '' };
    if (type === 'On') this.power = 'On';
    else {
      this.#poweringOffLeft = poweringOffReadings;
      this.power = poweringOffReadings > 0 ? 'PoweringOff' : 'Off';
    }
    return { status: 204, body: '' };
  }

  /** One request over the network. */
  readonly handle = (message: IncomingMessage, out: ServerResponse): void => {
    let body = '';
    message.setEncoding('utf8').on('data', (piece: string) => (body += piece)).on('end', () => {
      const { method = '', url: path = '', headers: { authorization } } = message;
      this.requests.push({ method, path, authorization, body });
      const { slow, endless, location, delayMs = 0 } = this.misbehaviour;
      if (slow === 'silent') return;
      if (slow === 'half') return void out.writeHead(200, { 'Content-Length': '100' }).write('{');
      if (location !== undefined) return void out.writeHead(307, { Location: location }).end();
      if (endless === true) {
        out.writeHead(200);
        const pour = (): void => {
          while (!message.socket.destroyed && out.write(' '.repeat(65_536)));
        };
        out.on('drain', pour);
        return pour();
      }
      const expected = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
      const answer = authorization === expected ? this.respond(method, path, body) : { status: 401, body: '{}' };
      setTimeout(() => out.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(answer.body), delayMs);
    });
  };
}

/** The emulator's answer as the result of an action. */
export function inMemory(emulator: RedfishEmulator) {
  return (action: { readonly kind: string; readonly method?: string; readonly path?: string; readonly body?: string }) => {
    const { status, body } = emulator.respond(action.method!, action.path!, action.body);
    return { kind: 'web' as const, status, body: encodeUtf8(body) };
  };
}

/** A certificate for 127.0.0.1 that signs itself, with its key, made in `folder` by openssl. */
export function makeCertificate(folder: string, name: string): { readonly certFile: string; readonly cert: string; readonly key: string } {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const { status, stderr } = spawnSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile,
  ], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl: ${stderr}`);
  return { certFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

/** Serves on a free port of `address`; with a certificate over HTTPS. */
export async function serveRedfish(emulator: RedfishEmulator, certificate?: { readonly cert: string; readonly key: string }, address = '127.0.0.1'): Promise<{ readonly port: number; close(): void }> {
  const server = certificate === undefined ? createHttp(emulator.handle) : createHttps({ cert: certificate.cert, key: certificate.key }, emulator.handle);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
