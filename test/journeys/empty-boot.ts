// The yardstick of boot times: an emulated blade of the same rack, with the same card, that gets the same kernel over the same network
// and an initrd that holds nothing but a shell that says so. Everything a real boot takes longer than that is ours to explain.

import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import type { Roster } from '../../daemons/core/roster.ts';
import { cpioArchive } from '../../daemons/core/cpio-archive.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { SAN_ADDRESS } from '../../scripts/virtual-rack/network-plan.ts';
import type { VirtualRack } from '../../scripts/virtual-rack/rack.ts';
import { LoneServer, serverNode } from './lone-server.ts';

const SAID = 'the empty initrd is reached';
const LIMIT_MS = 120_000;
const NAME = 'yardstick';

/** A cluster of one blade; its server answers no other. */
function rosterOf(mac: Mac): Roster {
  return {
    clusterName: NAME, container: 'none', domain: 'yardstick.local', netmask: '255.255.255.0' as Ipv4, metaMasterAddress: '192.168.0.251' as Ipv4,
    san: { address: '192.168.0.249' as Ipv4, port: 3260, target: 'iqn.2026-11.metamaster:none' }, kernelParameters: 'console=ttyS0,115200 quiet',
    nodes: [serverNode(1, SAN_ADDRESS), { number: 2, name: 'empty', macs: [mac], address: '192.168.0.250' as Ipv4, loader: 'rom' }],
  };
}

function writeBootFiles(images: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(resolve(images, 'vmlinuz'), join(folder, 'vmlinuz'));
  const script = `#!/bin/busybox sh\necho "${SAID}"\nexec /bin/busybox sleep 600\n`;
  writeFileSync(join(folder, 'initrd.img'), cpioArchive([
    { kind: 'file', path: 'init', mode: 0o755, bytes: Buffer.from(script) },
    { kind: 'file', path: 'bin/busybox', mode: 0o755, bytes: readFileSync(join(images, 'payload/usr/bin/busybox')) },
    { kind: 'folder', path: 'dev' }, { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  ], 0));
}

/** A boot server for one blade that nobody else knows. */
export class EmptyBoot {
  readonly #rack: VirtualRack;
  readonly #blade: number;
  readonly #server: LoneServer;

  private constructor(rack: VirtualRack, blade: number, server: LoneServer) {
    this.#rack = rack;
    this.#blade = blade;
    this.#server = server;
  }

  /**
   * Starts the server. `images`: the folder with `vmlinuz` and `payload/`.
   * @throws Error with what it said when it does not serve within 30 s
   */
  static async start(rack: VirtualRack, blade: number, images: string): Promise<EmptyBoot> {
    const bootFiles = join(rack.identity.stateDir, NAME, 'files');
    writeBootFiles(images, bootFiles);
    const server = await LoneServer.start(rack, { name: NAME, roster: rosterOf(bladeMac(rack.identity.id, blade)), number: 1, bootFiles });
    return new EmptyBoot(rack, blade, server);
  }

  /** Boots the blade and switches it off again. Returns the seconds from power-on to the initrd's first line. @throws Error after two minutes */
  async seconds(): Promise<number> {
    await this.#rack.powerOn(this.#blade);
    const { seconds } = await this.#rack.waitForConsole(this.#blade, new RegExp(SAID), { timeoutMs: LIMIT_MS });
    await this.#rack.powerOff(this.#blade);
    return seconds;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}
