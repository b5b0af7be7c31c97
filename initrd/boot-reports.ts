// Tells the other nodes how the boot goes: each step and each failure by HTTP to a node that served this boot (or, where none did, to one
// of the roster), and the kernel's own lines by netconsole. All of it is by the way: nothing here is waited for, and a boot that nobody
// hears is a boot all the same.

import { broadcastOf, type Ipv4 } from '../daemons/core/ipv4.ts';
import { nodeOfMac, nodeOfNumber } from '../daemons/core/roster.ts';
import { NETCONSOLE_PORT, NETCONSOLE_SOURCE_PORT } from '../daemons/wire/netconsole.ts';
import { BOOT_HTTP_PORT, BOOT_ID_DIGITS, type StageReport, stageTarget } from '../daemons/wire/stage-report.ts';
import type { BootHost, Feed } from './boot-host.ts';
import type { BootState } from './steps/boot-state.ts';

/** Reports that wait for the network: a step that fails before it is there fails again and again. */
export const WAITING_MAX = 32;
/** Seconds that a server may take to accept a connection. */
const CONNECT_SECONDS = 2;
/** A connection that is older is given up for one to the next server: one whose server lost its power would swallow reports for minutes. */
const CONNECTION_MAX_SECONDS = 20;

/**
 * The first line of why a step failed, without what could be a secret. No message of ours holds one; but some hold what a program said.
 * What looks like a key, a hash of a password or a run of base64 is left out.
 */
export function publicReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]!.replaceAll(/\$[0-9a-z]{1,8}\$[^\s:]+/g, '…').replaceAll(/[0-9a-f]{32,}/gi, '…').replaceAll(/(?=[A-Za-z0-9+/]*[0-9])(?=[A-Za-z0-9+/]*[A-Z])[A-Za-z0-9+/]{24,}={0,2}/g, '…').replaceAll('…', '(left out)');
}

/**
 * Who can be told: the nodes that served this boot. A boot from the disc was served by none: as soon as it has read the registry, it is
 * the roster's other nodes, whether they are on or not.
 */
export function listenersOf({ parameters, registry, node, mac }: Pick<BootState, 'parameters' | 'registry' | 'node' | 'mac'>): readonly Ipv4[] {
  if (parameters.servers.length > 0 || registry === undefined) return parameters.servers;
  const { roster } = registry;
  // Before the step `identity` is done, by what that step will go by.
  const own = node ?? (parameters.node === undefined ? mac && nodeOfMac(roster, mac) : nodeOfNumber(roster, parameters.node));
  return roster.nodes.map(({ address }) => address).filter((address) => address !== own?.address && address !== parameters.sifIp);
}

/** The argument of the module: extended lines, to everybody on the boot network, for any of the nodes may be dead. */
export function netconsoleArgument({ address, netmask, device }: { address: Parameters<typeof broadcastOf>[0]; netmask: Parameters<typeof broadcastOf>[1]; device: string }): string {
  // Without a MAC address behind the last slash netconsole sends to the Ethernet's broadcast address.
  return `netconsole=+${NETCONSOLE_SOURCE_PORT}@${address}/${device},${NETCONSOLE_PORT}@${broadcastOf(address, netmask)}/`;
}

export class BootReports {
  readonly #host: BootHost;
  readonly #state: BootState;
  /** Undefined until there is somebody to tell; null where there is no pipe. */
  #feed: Feed | null | undefined;
  #waiting: Omit<StageReport, 'mac'>[] = [];
  /** Who was connected to last. */
  #server: Ipv4 | undefined;
  #connectedAt = 0;
  #netconsole = false;

  constructor(host: BootHost, state: BootState) {
    this.#host = host;
    this.#state = state;
  }

  /** A step of the boot begins. */
  begins(step: string): void {
    this.#report({ step, detail: '' });
  }

  /** A step has failed and will be tried again. */
  failed(step: string, error: unknown, tries: number, delayMs: number): void {
    this.#report({ step, detail: publicReason(error), failed: true, tries, retryS: delayMs / 1000 });
  }

  #report(report: Pick<StageReport, 'step' | 'detail' | 'failed' | 'tries' | 'retryS'>): void {
    const { state, host } = { state: this.#state, host: this.#host };
    this.#waiting.push({ ...report, boot: state.bootNonce.slice(0, BOOT_ID_DIGITS), uptimeS: host.uptimeSeconds() });
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    if (!state.stages.some(({ step }) => step === 'interface')) return;
    this.#startNetconsole();
    this.#send();
  }

  #send(): void {
    const { parameters: { servers: [first] }, mac, node } = this.#state;
    const listeners = listenersOf(this.#state);
    if (listeners.length === 0 || mac === undefined) return;
    this.#feed ??= this.#host.openFeed() ?? null;
    if (this.#feed === null) return;
    const server = this.#connect(this.#feed, listeners);
    while (this.#waiting.length > 0) {
      const target = stageTarget({ ...this.#waiting[0]!, mac, ...(node === undefined ? {} : { node: node.number }), ...(first === undefined ? {} : { server: first }) });
      // Requests follow each other on one connection (RFC 9112 section 9.3.2); the answers are not read.
      if (!this.#feed.write(`GET ${target} HTTP/1.1\r\nHost: ${server}\r\n\r\n`)) return;
      this.#waiting.shift();
    }
  }

  /** One program at a time, started when the last one has ended or is old, each time to the next server. Returns whose it is. */
  #connect(feed: Feed, listeners: readonly Ipv4[]): Ipv4 {
    const uptime = this.#host.uptimeSeconds();
    if (this.#server !== undefined && feed.running() && uptime - this.#connectedAt < CONNECTION_MAX_SECONDS) return this.#server;
    const last = this.#server === undefined ? -1 : listeners.indexOf(this.#server);
    const server = listeners[(last + 1) % listeners.length]!;
    this.#server = server;
    this.#connectedAt = uptime;
    feed.start(['nc', '-w', String(CONNECT_SECONDS), server, String(BOOT_HTTP_PORT)]);
    return server;
  }

  /** Once, as soon as the address is known that the node will keep: the receivers know a blade's kernel lines by their sender. */
  #startNetconsole(): void {
    const { parameters, interfaceName, node } = this.#state;
    const address = parameters.boot === 'net' ? parameters.sifIp : node?.address;
    if (this.#netconsole || parameters.live || !parameters.netconsole || address === undefined || interfaceName === undefined) return;
    this.#netconsole = true;
    this.#host.start(['modprobe', '-q', 'netconsole', netconsoleArgument({ address, netmask: parameters.sifNetmask, device: interfaceName })]);
  }
}
