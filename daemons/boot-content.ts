// What one node has for the blades, by TFTP as by HTTP: the files of its boot volume, and the scripts that it writes for each.

import type { NodeConfig } from './agent/node-config.ts';
import { AUTOEXEC_SCRIPT, BOOT_SCRIPT, hasArm64Files } from './core/boot-file-names.ts';
import { encodeUtf8, toHex } from './core/bytes.ts';
import type { Ipv4 } from './core/ipv4.ts';
import type { Mac } from './core/mac.ts';
import { barOfMac, nodeOfMac, nodeOfNumber, type RosterNode } from './core/roster.ts';
import { sha256 } from './core/sha256.ts';
import type { BootFileTable } from './host/boot-files.ts';
import { ARM64_BOOT_FILES, autoexecScript, barredScript, BOOT_FILES, bootScript, macScript } from './http-boot/boot-script.ts';
import type { HttpContent, HttpFile } from './http-boot/http-answer.ts';
import { serverOrder } from './http-boot/server-order.ts';

/** Who serves: the numbers of the nodes, and those of them that may be dead. */
export interface Serving {
  readonly nodes: readonly number[];
  readonly suspects: readonly number[];
}

export interface BootContentOptions {
  readonly config: NodeConfig;
  readonly files: BootFileTable;
  /**
   * The nodes that a boot script shall name, as they are when it is written. Default, for who hears of no others:
   * every node of the roster; one that is dead costs a blade one time-out.
   */
  readonly live?: () => Serving;
  /** Judges who is given the SAN's login, where the roster says that the SAN wants one; missing: nobody is. */
  readonly sanLogin?: NonNullable<HttpContent['sanLogin']>;
  /** The facts of this machine, sealed for a nonce; undefined while they are not there. Missing: this server has none to give. */
  readonly hardware?: ((nonce: string) => Uint8Array | undefined) | undefined;
}

export class BootContent {
  #config: NodeConfig;
  readonly #files: BootFileTable;
  readonly #generated: ReadonlyMap<string, HttpFile>;
  readonly #live: () => Serving;
  readonly #sanLogin: HttpContent['sanLogin'];
  readonly #hardware: BootContentOptions['hardware'];

  constructor({ config, files, live, sanLogin, hardware }: BootContentOptions) {
    this.#sanLogin = sanLogin;
    this.#hardware = hardware;
    this.#config = config;
    this.#files = files;
    this.#live = live ?? (() => ({ nodes: this.#config.roster.nodes.map((each) => each.number), suspects: [] }));
    const autoexec = encodeUtf8(autoexecScript());
    this.#generated = new Map([[AUTOEXEC_SCRIPT, { bytes: autoexec, sha256: toHex(sha256(autoexec)) }]]);
  }

  /** Another roster from now on, in which this node is as it was. A transfer under way has its bytes already. */
  useConfig(config: NodeConfig): void {
    this.#config = config;
  }

  get #me(): RosterNode {
    return nodeOfNumber(this.#config.roster, this.#config.number)!;
  }

  /** A file that is the same for every blade. */
  file(name: string): HttpFile | undefined {
    return this.#files.get(name) ?? this.#generated.get(name);
  }

  /** True for what a blade fetches on its way up. */
  isBootFile(name: string): boolean {
    return name === BOOT_SCRIPT || this.file(name) !== undefined;
  }

  /** The bytes that the client at this address gets for a name. */
  tftpFile(name: string, client: Ipv4): Uint8Array | undefined {
    if (this.#config.standDown !== undefined) return undefined;
    if (name === BOOT_SCRIPT) return encodeUtf8(this.#scriptOf(this.#nodeAt(client)) ?? macScript(this.#me.address));
    return this.file(name)?.bytes;
  }

  /** The same for the web server; `status` is what it says of the node. */
  http(status: () => unknown): HttpContent {
    // The roster says whether the SAN wants a login, and it may say otherwise from one request to the next.
    const sanLogin = () => (this.#config.roster.san.chap === undefined ? undefined : this.#sanLogin);
    return {
      file: (name) => this.file(name),
      scriptFor: (client) => this.#scriptOf('mac' in client ? nodeOfMac(this.#config.roster, client.mac) : this.#nodeAt(client.address)),
      barredScript: (mac) => {
        const bar = barOfMac(this.#config.roster, mac);
        return bar && barredScript(bar);
      },
      closed: () => this.#config.standDown,
      askAgainScript: () => macScript(this.#me.address),
      get sanLogin() {
        return sanLogin();
      },
      hardware: this.#hardware === undefined ? undefined : (nonce, client) => (this.#nodeAt(client) === undefined ? 'stranger' : (this.#hardware!(nonce) ?? 'none')),
      status,
    };
  }

  /** The boot interface of the node that has this address. */
  macAt(address: Ipv4): Mac | undefined {
    return this.#nodeAt(address)?.macs[0];
  }

  #nodeAt(address: Ipv4): RosterNode | undefined {
    return this.#config.roster.nodes.find((node) => node.address === address);
  }

  #scriptOf(node: RosterNode | undefined): string | undefined {
    if (node === undefined) return undefined;
    const { roster, number } = this.#config;
    const { nodes, suspects } = this.#live();
    const arm64 = hasArm64Files((name) => this.#files.has(name)) ? ARM64_BOOT_FILES : undefined;
    return bootScript({ roster, node, files: BOOT_FILES, arm64, servers: serverOrder(roster, node.macs[0]!, number, nodes, suspects) });
  }
}
