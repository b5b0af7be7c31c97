// Wires the boot services of one node together: DHCP, TFTP, HTTP, router advertisements and the beacons that tell each of
// them who else is alive. The rooms do not know each other; what one has to hear of another passes through here.

import { randomBytes } from 'node:crypto';
import type { NodeConfig } from './agent/node-config.ts';
import { type AdvertiserEffect, type AdvertiserInput, RouterAdvertiser } from './agent/router-advertiser.ts';
import { StageBook } from './agent/stage-book.ts';
import { type Status, statusOf } from './agent/status.ts';
import { encodeUtf8, toHex } from './core/bytes.ts';
import type { Ipv4 } from './core/ipv4.ts';
import type { LogEffect } from './core/log-effect.ts';
import type { Mac } from './core/mac.ts';
import type { Machine } from './core/machine.ts';
import { nodeOfMac, nodeOfNumber, type RosterNode } from './core/roster.ts';
import { sha256 } from './core/sha256.ts';
import { type DhcpEffect, type DhcpInput, DhcpServer } from './dhcp/dhcp-server.ts';
import { type BeaconShell, startBeacons } from './host/beacon-socket.ts';
import { bindWithRetry } from './host/bind-retry.ts';
import type { BootFileTable } from './host/boot-files.ts';
import { now } from './host/clock.ts';
import { type DhcpShell, startDhcp } from './host/dhcp-socket.ts';
import { openHttp, type WebRequest } from './host/http-server.ts';
import { type Icmp6Socket, openIcmp6 } from './host/icmp6.ts';
import { type Logger, stage, writeLog } from './host/log.ts';
import { MachineLoop } from './host/machine-loop.ts';
import { openTransferSockets } from './host/transfer-sockets.ts';
import { autoexecScript, BOOT_FILES, bootScript, macScript } from './http-boot/boot-script.ts';
import { answerHttp, type HttpContent, type HttpFile, type HttpResponse } from './http-boot/http-answer.ts';
import { serverOrder } from './http-boot/server-order.ts';
import { type BeaconInput, BeaconTable } from './membership/beacon-table.ts';
import { type TftpEffect, TftpServer } from './tftp/tftp-server.ts';
import { clusterPrefix, encodeRouterAdvertisement, PREFIX_LIFETIME_S } from './wire/router-advertisement.ts';

const TFTP_PORT = 69;
const HTTP_PORT = 80;
const BOOT_SCRIPT = 'boot.ipxe';
const AUTOEXEC_SCRIPT = 'autoexec.ipxe';
/** RFC 2131 section 2: a request of a client begins with op 1. */
const BOOT_REQUEST = 1;
/** As the beacons have it. */
const INCARNATION_BYTES = 8;

export interface BootServicesOptions {
  readonly config: NodeConfig;
  /** Without it the node speaks to no other and acts as if alone. */
  readonly clusterKey: Uint8Array | undefined;
  readonly files: BootFileTable;
  readonly log: Logger;
  /** A service broke for good: the process shall end and be started again. */
  readonly onBroken: (error: Error) => void;
}

/** The services of one node. */
export class BootServices {
  readonly #options: BootServicesOptions;
  readonly #me: RosterNode;
  readonly #startedAt = now();
  readonly #stages = new StageBook();
  readonly #generated: ReadonlyMap<string, HttpFile>;
  readonly #dhcp: DhcpServer;
  readonly #advertiser: MachineLoop<AdvertiserInput, AdvertiserEffect>;
  #dhcpShell: DhcpShell<DhcpInput> | undefined;
  #beacons: BeaconShell<BeaconInput> | undefined;
  #icmp6: Icmp6Socket | undefined;
  #advertisingFailed = '';
  #serving = false;
  /** Numbers of the nodes whose boot services answer. */
  #live: readonly number[];

  constructor(options: BootServicesOptions) {
    const { roster, number } = options.config;
    this.#options = options;
    this.#me = nodeOfNumber(roster, number)!;
    this.#live = [number];
    const autoexec = encodeUtf8(autoexecScript());
    this.#generated = new Map([[AUTOEXEC_SCRIPT, { bytes: autoexec, sha256: toHex(sha256(autoexec)) }]]);
    this.#dhcp = new DhcpServer({ roster, self: number });
    this.#advertiser = new MachineLoop<AdvertiserInput, AdvertiserEffect>(new RouterAdvertiser(number, now()), now, { kind: 'timer' }, () => this.#advertise());
  }

  /** Binds all sockets, waiting for addresses and ports that are still to come. Rejects when a socket cannot be had at all. */
  async start(): Promise<void> {
    const { log, config } = this.#options;
    const writeEffect = (effect: LogEffect): void => writeLog(log, effect);
    const waiting = (service: string) => (reason: string) => log.warn({ service, reason }, 'service.waiting');
    const { address } = this.#me;
    this.#startBeacons(writeEffect);
    this.#dhcpShell = startDhcp<DhcpInput>({
      address,
      machine: this.#hearingRequests(),
      log: writeEffect,
      onStage: ({ mac, detail }) => this.#note(mac, 'dhcp', detail),
    });
    const tftp = new TftpServer({ get: (name, client) => this.#tftpFile(name, client) });
    const content = this.#httpContent();
    this.#advertiser.step({ kind: 'timer' });
    await Promise.all([
      this.#dhcpShell.ready,
      bindWithRetry(() => openTransferSockets({ machine: tftp, address, port: TFTP_PORT, now, onEvent: (event) => this.#onTftp(event), onBroken: this.#options.onBroken }), waiting('tftp')),
      bindWithRetry(
        () => openHttp<HttpResponse>({ address, port: HTTP_PORT, answer: (request) => answerHttp(request, content), onAnswered: (request, response, complete) => this.#onHttp(request, response, complete) }),
        waiting('http'),
      ),
    ]);
    this.#serving = true;
    this.#beacons?.input({ kind: 'serving', serving: true });
    log.info({ node: config.number, address, files: this.#options.files.size }, 'boot-services.serving');
    stage('serving', `${this.#me.name} ${address}`);
  }

  status(): Status {
    const { config, files } = this.#options;
    const unknown = this.#dhcp.unknown();
    return statusOf(now(), { config, files, unknown, startedAt: this.#startedAt, serving: this.#serving, live: this.#live, stages: this.#stages.list() });
  }

  #startBeacons(log: (effect: LogEffect) => void): void {
    const { clusterKey: key, config } = this.#options;
    if (key === undefined) return;
    const machine = new BeaconTable({ roster: config.roster, generation: config.rosterGeneration, self: config.number, key, incarnation: toHex(randomBytes(INCARNATION_BYTES)) });
    this.#beacons = startBeacons<BeaconInput>({
      address: this.#me.address,
      machine,
      log,
      onNews: (news) => {
        if (news.kind === 'newer-roster') return this.#options.log.warn({ generation: news.generation, node: news.node }, 'roster.outdated');
        this.#live = news.serving;
        this.#dhcpShell?.input({ kind: 'live', nodes: news.serving });
        this.#advertiser.step({ kind: 'live', nodes: news.serving });
        this.#options.log.info({ alive: news.nodes.join(), serving: news.serving.join() }, 'membership.live');
      },
    });
  }

  /** The DHCP machine, with an ear for the requests: each means that somebody's iPXE may begin to wait for an advertisement. */
  #hearingRequests(): Machine<DhcpInput, DhcpEffect> {
    return {
      step: (at, input) => {
        if (input.kind === 'packet' && input.bytes[0] === BOOT_REQUEST) this.#advertiser.step({ kind: 'boot-request' });
        return this.#dhcp.step(at, input);
      },
      deadline: () => this.#dhcp.deadline(),
    };
  }

  #advertise(): void {
    const { config, log } = this.#options;
    try {
      this.#icmp6 ??= openIcmp6(config.interface);
      const message = { routerLifetimeS: 0, sourceMac: this.#icmp6.mac, prefix: clusterPrefix(config.roster.clusterName), lifetimeS: PREFIX_LIFETIME_S };
      this.#icmp6.send(encodeRouterAdvertisement(message));
      this.#advertisingFailed = '';
    } catch (error) {
      // Boots go on without, only slower, and the next advertisement tries again. One line for each reason.
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#advertisingFailed) log.warn({ reason, meaning: 'iPXE waits for IPv6 at each boot' }, 'advertisement.failed');
      this.#advertisingFailed = reason;
      this.#icmp6?.close();
      this.#icmp6 = undefined;
    }
  }

  #file(name: string): HttpFile | undefined {
    return this.#options.files.get(name) ?? this.#generated.get(name);
  }

  #scriptOf(node: RosterNode | undefined): string | undefined {
    const { roster, number } = this.#options.config;
    if (node === undefined) return undefined;
    return bootScript({ roster, node, files: BOOT_FILES, servers: serverOrder(roster, node.macs[0]!, number, this.#live) });
  }

  #nodeAt(address: Ipv4): RosterNode | undefined {
    return this.#options.config.roster.nodes.find((node) => node.address === address);
  }

  #tftpFile(name: string, client: Ipv4): Uint8Array | undefined {
    if (name === BOOT_SCRIPT) return encodeUtf8(this.#scriptOf(this.#nodeAt(client)) ?? macScript(this.#me.address));
    return this.#file(name)?.bytes;
  }

  #httpContent(): HttpContent {
    return {
      file: (name) => this.#file(name),
      scriptFor: (client) => this.#scriptOf('mac' in client ? nodeOfMac(this.#options.config.roster, client.mac) : this.#nodeAt(client.address)),
      askAgainScript: () => macScript(this.#me.address),
      status: () => this.status(),
    };
  }

  /** Notes how far a blade has come, and tells DHCP when it got further than that. */
  #note(mac: Mac, step: string, detail: string): void {
    if (step !== 'dhcp') this.#dhcpShell?.input({ kind: 'progress', mac });
    const isNew = this.#stages.note({ mac, step, detail, at: now() });
    if (!isNew) return;
    const name = nodeOfMac(this.#options.config.roster, mac)?.name ?? mac;
    this.#options.log.info({ mac, node: name, step, detail }, 'blade.stage');
    stage('served', `${name} ${step} ${detail}`);
  }

  #onTftp(event: Exclude<TftpEffect, { readonly kind: 'send' }>): void {
    const { address } = event.client;
    if (event.kind === 'refuse') this.#options.log.info({ address, reason: event.reason }, 'tftp.refused');
    if (event.kind !== 'close') return;
    const { file, outcome, detail, doneBytes } = event;
    this.#options.log.info({ address, file, outcome, detail, bytes: doneBytes }, 'tftp.transfer');
    const mac = this.#nodeAt(address)?.macs[0];
    if (mac !== undefined && outcome === 'complete') this.#note(mac, 'tftp', file);
  }

  #onHttp(request: WebRequest, response: HttpResponse, complete: boolean): void {
    const { clientAddress: address, url } = request;
    const { status, report, body } = response;
    this.#options.log.info({ address, url: url.slice(0, 128), status, bytes: body?.length ?? 0, complete }, 'http.answer');
    if (report !== undefined) return this.#note(report.mac, report.step, report.detail);
    const mac = this.#nodeAt(address)?.macs[0];
    const file = /^\/+([^?]*)/.exec(url)?.[1] ?? '';
    const isBoot = file === BOOT_SCRIPT || this.#file(file) !== undefined;
    if (mac !== undefined && complete && isBoot && (status === 200 || status === 206)) this.#note(mac, 'http', file);
  }
}
