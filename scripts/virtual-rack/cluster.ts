// A cluster in the virtual rack: installed from the disc, booted, and reached by console, SSH and HTTP. What scripts/up does for a
// newcomer and the journeys for a test is the same.

import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../daemons/host/run.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { keyBytes } from './keystrokes.ts';
import { SAN_ADDRESS, SECOND_SAN_ADDRESS } from './network-plan.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import type { PowerOnOptions } from './rack-blade.ts';
import { openRack, type VirtualRack } from './rack.ts';

/** How long is waited for what. Software emulation on a busy machine is slow. */
export const PATIENCE = { serveMs: 240_000, menuMs: 90_000, liveMs: 240_000, installMs: 600_000, sshMs: 120_000, shutDownMs: 120_000 } as const;
const SSH_POLL_MS = 500;
const POWER_DOWN_POLLS = 20;
/**
 * One connection serves many commands: a key exchange and a session of its own cost an emulated blade seconds. It is given up after three
 * keep-alives without an answer, and closed when nobody has used it for a minute.
 */
const SSH_SHARED = ['-o', 'ControlMaster=auto', '-o', 'ControlPersist=60', '-o', 'ServerAliveInterval=10'] as const;
/** GRUB looks at its serial line now and then, and keeps one byte; a key redraws whole lines, with no pause as long as this. */
const QUIET_MS = 100;
/** A menu that has drawn nothing for so long has not got the key. */
const KEY_LOST_MS = 3_000;
const KEY_TRIES = 3;
/** How long a live console takes to show what came of what was typed. */
const TYPED_MS = 30_000;
/** What ends a program's input from a terminal, at the begin of a line: Ctrl-D. */
const END_OF_INPUT = '\u0004';
/** How long the console's last screens take to arrive. */
const SCREENS_MS = 500;

/** The names and sizes of the rack's cluster. */
export const CLUSTER = { container: 'debian', name: 'blade', target: 'iqn.2026-11.metamaster:san', volumeMib: 1024, stateMib: 64, swapMib: 64, sharedMib: 256 } as const;

/** The address of a node. */
export const addressOf = (node: number): string => `192.168.0.${node}`;

/** Keystrokes that choose an entry of the disc's menu. */
export type MenuKey = 'b' | 'i' | 'r' | 'd';

/** One cluster on one rack. */
export class Cluster {
  readonly rack: VirtualRack;
  readonly disc: string;
  readonly #keyFile: string;

  constructor(options: { name: string; disc: string; progress?: (line: string) => void }) {
    this.rack = openRack({ name: options.name, ...(options.progress === undefined ? {} : { progress: options.progress }) });
    this.disc = options.disc;
    this.#keyFile = join(this.rack.identity.stateDir, 'ssh-key');
  }

  /** Makes the key with which the journeys log in. */
  async #makeKey(): Promise<string> {
    mkdirSync(this.rack.identity.stateDir, { recursive: true });
    if (!existsSync(this.#keyFile)) await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'rack', '-f', this.#keyFile]);
    return readFileSync(`${this.#keyFile}.pub`, 'utf8').trim();
  }

  /**
   * The answers file for a cluster of the rack's blades; `oursOn`: the one whose ROM is replaced by our loader; `storeMib`: stores so small
   * that they can fill; `further`: more answers, a line each. The password is `rack`. Of the SAN's write cache it says nothing: the rack's SAN
   * says itself whether it has one.
   */
  async answers(blades: readonly number[], oursOn?: number, storeMib?: number, further: readonly string[] = []): Promise<string> {
    const status = await this.rack.status();
    const macs = blades.map((number) => status.blades.find((blade) => blade.number === number)?.mac ?? '');
    return [
      `container-name: ${CLUSTER.container}`, 'storage-ip: 192.168.0.252', `iscsi-target: ${CLUSTER.target}`,
      `number-of-nodes: ${blades.length}`, 'maximum-nodes: 16', `volume-size: ${CLUSTER.volumeMib}`, `state-size: ${CLUSTER.stateMib}`, `swap-size: ${CLUSTER.swapMib}`, `shared-size: ${CLUSTER.sharedMib}`,
      ...(storeMib === undefined ? [] : [`store-size: ${storeMib}`]), `cluster-hostname: ${CLUSTER.name}`,
      'kernel-parameters: "console=ttyS0,115200 quiet"', 'root-password-file: /root/password', ...this.#chapAnswers(), ...further, `authorized-keys: ["${await this.#makeKey()}"]`, 'nodes:',
      ...macs.map((mac, at) => `  - {mac: "${mac}", loader: ${blades[at] === oursOn ? 'ours' : 'rom'}}`), '',
    ].join('\n');
  }

  #chapAnswers(): readonly string[] {
    const login = this.rack.sanLogin();
    if (login === undefined) return [];
    const own = [`chap-user: "${login.user}"`, 'chap-password-file: /root/chap-password'];
    return login.mutual === undefined ? own : [...own, `chap-mutual-user: "${login.mutual.user}"`, 'chap-mutual-password-file: /root/chap-mutual-password'];
  }

  /** Where the SAN wants CHAP, writes its secrets into files of the live system, without an echo on the console. */
  async #typeSecrets(blade: number): Promise<void> {
    const login = this.rack.sanLogin();
    if (login === undefined) return;
    await this.#typeSecret(blade, '/root/chap-password', login.password);
    if (login.mutual !== undefined) await this.#typeSecret(blade, '/root/chap-mutual-password', login.mutual.password);
  }

  /** Types a secret into a file without an echo. The shell's own line editor shows what it reads, so another program reads it, once the echo is off. */
  async #typeSecret(blade: number, path: string, secret: string): Promise<void> {
    const before = this.rack.consoleText(blade).length;
    // The sum is worked out by the shell: the mark is not in the command as it is typed.
    await this.rack.type(blade, `umask 077; stty -echo; echo hidden-$((40 + 2)); cat > ${path}; stty echo; sha256sum ${path}\n`);
    await this.rack.waitForConsole(blade, /hidden-42/, { timeoutMs: TYPED_MS, after: before });
    await this.rack.type(blade, `${secret}\n${END_OF_INPUT}`);
    await this.#typed(blade, `${secret}\n`);
  }

  /** Waits until a console shows the checksum of what was typed. */
  async #typed(blade: number, text: string): Promise<void> {
    await this.rack.waitForConsole(blade, new RegExp(createHash('sha256').update(text).digest('hex')), { timeoutMs: TYPED_MS });
  }

  /** Where the SAN wants CHAP, types its login as an administrator does when the initrd of the disc asks for it. */
  async typeSanLogin(blade: number): Promise<void> {
    const login = this.rack.sanLogin();
    if (login === undefined) return;
    const questions: readonly (readonly [RegExp, string])[] = [
      [/CHAP user: /, login.user], [/CHAP secret: /, login.password], [/user of the SAN itself [^\n]*: /, login.mutual?.user ?? ''], ...(login.mutual === undefined ? [] : [[/secret of the SAN itself: /, login.mutual.password] as const]),
    ];
    for (const [question, answer] of questions) {
      await this.rack.waitForConsole(blade, question, { timeoutMs: PATIENCE.liveMs });
      await this.rack.type(blade, `${answer}\n`);
    }
  }

  /** Boots a blade from the disc with an entry of its menu. */
  async bootDisc(blade: number, key: MenuKey, options: PowerOnOptions = {}): Promise<void> {
    await this.rack.dvdIn(blade, this.disc);
    await this.rack.powerOn(blade, options);
    await this.rack.waitForConsole(blade, /Debug console/, { timeoutMs: PATIENCE.menuMs });
    await this.rack.type(blade, key);
  }

  /**
   * Types key by key, as slowly as a boot menu on a busy machine reads its serial line: each key is followed by what the menu draws for it,
   * and one that nothing follows was lost, and is typed again.
   */
  async typeSlowly(blade: number, text: string): Promise<void> {
    const socket = await this.rack.attach(blade);
    const drawn = { bytes: 0 };
    socket.on('data', (piece) => (drawn.bytes += piece.length));
    // The last screens come first.
    await sleep(SCREENS_MS);
    const quiet = async (): Promise<void> => {
      for (let before = -1; before !== drawn.bytes; await sleep(QUIET_MS)) before = drawn.bytes;
    };
    for (const key of text) {
      for (let tries = 1; ; tries++) {
        // What the key before it still draws must not count for this one.
        await quiet();
        const before = drawn.bytes;
        socket.write(keyBytes(key));
        for (let waited = 0; drawn.bytes === before && waited < KEY_LOST_MS; waited += QUIET_MS) await sleep(QUIET_MS);
        if (drawn.bytes > before || tries === KEY_TRIES) break;
      }
    }
    socket.destroy();
  }

  /**
   * Boots a blade from the disc's first entry, edited as an administrator would: `e`, down to the linux line, to its end, more
   * parameters, Ctrl-X boots.
   */
  async bootDiscEdited(blade: number, parameters: string, options: PowerOnOptions = {}): Promise<void> {
    await this.rack.dvdIn(blade, this.disc);
    await this.rack.powerOn(blade, options);
    await this.rack.waitForConsole(blade, /Debug console/, { timeoutMs: PATIENCE.menuMs });
    await this.rack.type(blade, 'e');
    await this.rack.waitForConsole(blade, /initrd-dvd/, { timeoutMs: PATIENCE.menuMs });
    const linuxLine = '\u000e\u000e\u000e';
    await this.typeSlowly(blade, `${linuxLine}\u0005 ${parameters}\u0018`);
  }

  /** Waits for the live system's shell. */
  async liveShell(blade: number): Promise<void> {
    await this.rack.waitForConsole(blade, /root@metamaster-live:~#/, { timeoutMs: PATIENCE.liveMs });
  }

  /** Types a file on a live console, line by line, as an administrator would paste it; the console's echo is what paces it. */
  async typeFile(blade: number, path: string, text: string): Promise<void> {
    await this.rack.type(blade, `stty -echo; cat > ${path} <<'END-OF-FILE'\n`);
    for (const line of text.trimEnd().split('\n')) await this.rack.type(blade, `${line}\n`);
    await this.rack.type(blade, `END-OF-FILE\nstty echo; sha256sum ${path}\n`);
    await this.#typed(blade, `${text.trimEnd()}\n`);
  }

  /** How many nodes the cluster on the SAN has; undefined when there is none, or no whole one. */
  installedNodes(): number | undefined {
    if (!existsSync(this.rack.sanPath)) return undefined;
    const found = this.withSan((read, bytes) => readContainer(read, bytes, CLUSTER.container));
    return found.ok ? found.value.registry.roster.nodes.length : undefined;
  }

  /** Boots blade 1 from the disc into the live system, installs the cluster from there, and switches the blade off. */
  async install(blades: readonly number[], storeMib?: number, further: readonly string[] = []): Promise<void> {
    await this.bootDisc(1, 'i', { memory: '1G' });
    await this.liveShell(1);
    await this.typeFile(1, '/root/answers.yaml', await this.answers(blades, undefined, storeMib, further));
    await this.#typeSecrets(1);
    await this.runInstaller(1);
    await this.powerOff(1);
  }

  /** Starts the installer on a live console and waits for its end. @throws Error when it fails */
  async runInstaller(blade: number): Promise<void> {
    const before = this.rack.consoleText(blade).length;
    await this.rack.type(blade, 'umask 077; echo rack > /root/password; metamaster install --answers /root/answers.yaml --yes; echo "install ended with $?"\n');
    const { match } = await this.rack.waitForConsole(blade, /install ended with (\d+)/, { timeoutMs: PATIENCE.installMs, after: before });
    if (match[1] !== '0') throw new Error(`the installation ended with exit code ${match[1]}: scripts/rack logs ${blade} shows why`);
  }

  /** Switches every blade on: from the network when a node serves, else blade 1 from the disc first. `options`: how each is built. */
  async bootAll(blades: readonly number[], stage: (name: string, work: () => Promise<unknown>) => Promise<void>, options: PowerOnOptions = {}): Promise<void> {
    const status = await this.rack.status();
    const on = blades.filter((number) => status.blades.find((blade) => blade.number === number)?.power === 'on');
    if (on.length === 0) {
      await stage('blade 1: Boot cluster, from the disc', async () => {
        await this.bootDisc(1, 'b', options);
        await this.typeSanLogin(1);
        await this.serving(1);
        await this.rack.dvdOut(1);
      });
    }
    const rest = blades.filter((number) => !on.includes(number) && (on.length > 0 || number !== 1));
    for (const number of rest) await this.rack.powerOn(number, options);
    for (const number of blades) await stage(`blade ${number} serves`, () => this.serving(number));
  }

  /** Waits until a blade serves others; returns its own seconds since power-on, by stage. */
  async serving(node: number): Promise<number> {
    const match = await this.rack.waitForConsole(node, /mm-stage serving/, { timeoutMs: PATIENCE.serveMs });
    return match.seconds;
  }

  /** Runs a command on a node by SSH, from one of the SAN's addresses; waits for SSH to answer first. */
  async ssh(node: number, command: string, from: string = SAN_ADDRESS): Promise<string> {
    const argv = this.rack.inRoom('san', [
      'ssh', ...SSH_SHARED, '-o', `ControlPath=${this.#sshSocket(node, from)}`, '-b', from, '-i', this.#keyFile, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes',
      '-o', 'ConnectTimeout=10', `root@${addressOf(node)}`, command,
    ]);
    const deadline = performance.now() + PATIENCE.sshMs;
    for (;;) {
      const { code, output, errorOutput } = await run(argv, { accept: Array.from({ length: 256 }, (_, i) => i) });
      if (code !== 255) {
        if (code !== 0) throw new Error(`node ${node}: ${command}: exit code ${code}: ${errorOutput.trim() || output.trim()}`);
        return output.trim();
      }
      if (performance.now() > deadline) throw new Error(`node ${node}: no SSH within ${PATIENCE.sshMs / 1000} s: ${errorOutput.trim()}`);
      await sleep(SSH_POLL_MS);
    }
  }

  #sshSocket(node: number, from: string): string {
    return join(this.rack.identity.runDir, `ssh-${node}-${from}`);
  }

  /** Asks a node's HTTP service, from the SAN's place in the network. */
  async http(node: number, path: string): Promise<string> {
    const { output } = await run(this.rack.inRoom('san', ['curl', '-sf', '--max-time', '20', `http://${addressOf(node)}${path}`]));
    return output;
  }

  /** Powers every node on this list off. */
  async powerOff(...nodes: readonly number[]): Promise<void> {
    for (const node of nodes) {
      await this.rack.powerOff(node);
      // A connection to what is off would be waited for.
      for (const from of [SAN_ADDRESS, SECOND_SAN_ADDRESS]) {
        const socket = this.#sshSocket(node, from);
        if (existsSync(socket)) await run(this.rack.inRoom('san', ['ssh', '-O', 'exit', '-o', `ControlPath=${socket}`, `root@${addressOf(node)}`]), { accept: [0, 255] });
      }
    }
  }

  /** Presses the power button and waits until the blade is off; returns what it says of its volumes. */
  async shutDown(blade: number): Promise<string> {
    await this.rack.button(blade);
    const { match } = await this.rack.waitForConsole(blade, /mm-stage down ([^\n]*)[\s\S]*reboot: Power down/, { timeoutMs: PATIENCE.shutDownMs });
    // QEMU ends behind the kernel's last line.
    for (let waited = 0; waited < POWER_DOWN_POLLS && (await this.rack.status()).blades.find(({ number }) => number === blade)?.power === 'on'; waited++) await sleep(SSH_POLL_MS);
    await this.powerOff(blade);
    return match[1]!;
  }

  /** The SAN as it lies in its file. Read past the target: only for looking. */
  readSan(): ContainerFound {
    return this.withSan((read, bytes) => valueOf(readContainer(read, bytes, CLUSTER.container)));
  }

  /** SHA-256 of the origin, extent by extent, as it lies on the SAN. */
  originHash(): string {
    const found = this.readSan();
    const origin = found.registry.volumes.find((volume) => volume.kind === 'origin')!;
    return this.hashVolume(found, origin);
  }

  /** SHA-256 of a volume as it lies on the SAN. */
  hashVolume(found: ContainerFound, volume: VolumeRecord): string {
    const hash = createHash('sha256');
    const { extentBytes } = found.registry;
    this.withSan((read) => {
      for (let at = 0; at < volume.sizeBytes; at += extentBytes) {
        const length = Math.min(extentBytes, volume.sizeBytes - at);
        hash.update(read(diskOffset(volume, extentBytes, found.ranges.container.firstSector, at), length));
      }
    });
    return hash.digest('hex');
  }

  /**
   * Carries writes to a volume out, as a program would that repairs it; offsets are within the volume. Past the target, so the SAN must be off.
   * @throws Error while it runs
   */
  async writeVolume(found: ContainerFound, volume: VolumeRecord, steps: readonly WriteStep[]): Promise<void> {
    if ((await this.rack.sanStatus()).running) throw new Error('the SAN runs: only the SAN itself may write to its disk now');
    const fd = openSync(this.rack.sanPath, 'r+');
    try {
      for (const step of steps) {
        if (step.kind === 'write') writeSync(fd, step.bytes, 0, step.bytes.length, diskOffset(volume, found.registry.extentBytes, found.ranges.container.firstSector, step.offset));
        else fsyncSync(fd);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Opens the SAN's file for one look. */
  withSan<T>(use: (read: ReadAt, bytes: number) => T): T {
    const fd = openSync(this.rack.sanPath, 'r');
    try {
      const bytes = Math.floor(fstatSync(fd).size / SECTOR_BYTES) * SECTOR_BYTES;
      return use((offset, length) => {
        const buffer = new Uint8Array(length);
        readSync(fd, buffer, 0, length, offset);
        return buffer;
      }, bytes);
    } finally {
      closeSync(fd);
    }
  }
}
