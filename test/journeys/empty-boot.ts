// The yardstick of boot times: an emulated blade of the same rack, with the same card, that gets the same kernel over the same network
// and an initrd that holds nothing but a shell that says so. Everything a real boot takes longer than that is ours to explain.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import type { Roster } from '../../daemons/core/roster.ts';
import { cpioArchive } from '../../initrd/cpio-image.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { SAN_ADDRESS } from '../../scripts/virtual-rack/network-plan.ts';
import type { VirtualRack } from '../../scripts/virtual-rack/rack.ts';

const SAID = 'the empty initrd is reached';
const LIMIT_MS = 120_000;
const START_MS = 30_000;

/** A cluster of one blade; its server answers no other. */
function rosterOf(mac: Mac): Roster {
  return {
    clusterName: 'yardstick', container: 'none', domain: 'yardstick.local', netmask: '255.255.255.0' as Ipv4, metaMasterAddress: '192.168.0.251' as Ipv4,
    san: { address: '192.168.0.249' as Ipv4, port: 3260, target: 'iqn.2026-11.metamaster:none' }, kernelParameters: 'console=ttyS0,115200 quiet',
    nodes: [
      { number: 1, name: 'server', macs: ['02:00:00:00:00:01' as Mac], address: SAN_ADDRESS as Ipv4, loader: 'rom' },
      { number: 2, name: 'empty', macs: [mac], address: '192.168.0.250' as Ipv4, loader: 'rom' },
    ],
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

/** A boot server in the SAN's place on the network, for one blade that nobody else knows. */
export class EmptyBoot {
  readonly #rack: VirtualRack;
  readonly #blade: number;
  readonly #server: ChildProcess;

  private constructor(rack: VirtualRack, blade: number, server: ChildProcess) {
    this.#rack = rack;
    this.#blade = blade;
    this.#server = server;
  }

  /**
   * Starts the server. `images`: the folder with `vmlinuz` and `payload/`.
   * @throws Error with what it said when it does not serve within 30 s
   */
  static async start(rack: VirtualRack, blade: number, images: string): Promise<EmptyBoot> {
    const folder = join(rack.identity.stateDir, 'yardstick');
    const bootFiles = join(folder, 'files');
    writeBootFiles(images, bootFiles);
    const config = join(folder, 'node.json');
    writeFileSync(config, JSON.stringify({ number: 1, roster: rosterOf(bladeMac(rack.identity.id, blade)), interface: 'eth0', rosterGeneration: 1, bootNonce: 'ab'.repeat(16) }));
    const [command, ...argv] = rack.inRoom('san', [process.execPath, '--disable-warning=ExperimentalWarning', 'build/bundles/metamasterd.mjs', '--config', config, '--boot-dir', bootFiles]);
    const server = spawn(command!, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    server.stderr.on('data', (piece) => (said += String(piece)));
    await new Promise<void>((ready, reject) => {
      const limit = setTimeout(() => server.kill('SIGKILL'), START_MS);
      server.once('close', () => reject(new Error(`the yardstick's server ended: ${said}`)));
      createInterface({ input: server.stdout }).on('line', (line) => {
        if (!line.includes('boot-services.serving')) return;
        clearTimeout(limit);
        ready();
      });
    });
    return new EmptyBoot(rack, blade, server);
  }

  /** Boots the blade and switches it off again. Returns the seconds from power-on to the initrd's first line. @throws Error after two minutes */
  async seconds(): Promise<number> {
    await this.#rack.powerOn(this.#blade);
    const { seconds } = await this.#rack.waitForConsole(this.#blade, new RegExp(SAID), { timeoutMs: LIMIT_MS });
    await this.#rack.powerOff(this.#blade);
    return seconds;
  }

  stop(): void {
    this.#server.removeAllListeners('close');
    this.#server.kill('SIGKILL');
  }
}
