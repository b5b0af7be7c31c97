// For tests: a blade. Its /proc and /sys are texts, the initrd's programs are functions, its disk is the model of the SAN. What it
// knows of the kernel is what the boot rests on: which session shows which disk, and how dm-snapshot treats an exception store.

import { isZero, viewOf } from '../daemons/core/bytes.ts';
import type { ChapLogin } from '../daemons/core/chap.ts';
import { SECTOR_BYTES } from '../daemons/storage/block.ts';
import { SNAPSHOT_MAGIC, SNAPSHOT_VERSION } from '../daemons/storage/snapshot-store.ts';
import type { BootHost, Feed, Ran } from './boot-host.ts';
import { bootPlan } from './boot-plan.ts';
import { parseCommandLine } from './command-line.ts';
import { PowerLoss, type ModelSan } from './model-san.test-kit.ts';
import { runPlan } from './run-plan.ts';
import { runStep } from './run-step.ts';
import type { BootState } from './steps/boot-state.ts';

/** The administrator of the model went home. */
class GaveUp extends Error {}

const OK: Ran = { code: 0, said: '' };
/** As Debian 13's iscsistart says it: a refused connection is tried again until the login's time is up. */
const refusedUntilTimedOut = (address: string, port: string, target: string): string => [
  'version 2.1.11', ...Array.from({ length: 4 }, () => `connect to ${address}:${port} failed (Connection refused)`),
  `Connection-1:0 to [target: ${target}, portal: ${address},${port}] through [iface: default] is shutdown.`, 'initiator reported error (8 - connection timed out)', `Logging into ${target} ${address}:${port},1`,
].map((line) => `iscsistart: ${line}\n`).join('');
const NIC_ALIAS = 'pci:v00001AF4d00001000';
const TARGET = 'iqn.2026-01.example:san';

/** What tells one model blade from another. */
export interface BladeOptions {
  readonly mac?: string;
  readonly uuid?: string;
  readonly commandLine?: string;
  /** Milliseconds since 1970 by its clock when it is switched on. */
  readonly clockUnixMs?: number;
}

/** The command line that a node's blade is booted with. */
export const commandLineOf = (node: number): string =>
  `storage_ip=10.0.0.252 sif=eth0 sifip=10.0.0.${node} sifnm=255.255.255.0 ivid=${TARGET} root=/dev/evms/defaultdebian mm.boot=net`;

/** The machine that boots. Without options it is node 2's. */
export class ModelBlade implements BootHost {
  readonly san: ModelSan;
  readonly mac: string;
  readonly commandLine: string;
  readonly files = new Map<string, string>();
  readonly modes = new Map<string, number>();
  readonly folders = new Set<string>();
  readonly console: string[] = [];
  readonly pauses: number[] = [];
  readonly argvs: (readonly string[])[] = [];
  /** What was written into the pipe of the reports, and whether its reader lives; a write that does not fit is refused. */
  readonly fed: string[] = [];
  feedRuns = true;
  feedRoom = Number.POSITIVE_INFINITY;
  readonly links = new Map<string, string>();
  readonly mapped = new Map<string, { readonly table: string; readonly readOnly: boolean }>();
  /** Mapped devices that somebody holds: a file system that is mounted, a program that has them open. */
  readonly held = new Set<string>();
  /** Tables that are loaded and not live yet. */
  readonly inactive = new Map<string, string>();
  readonly addresses: string[] = [];
  /** Addresses that other machines have. */
  readonly taken = new Set<string>();
  /** A program that behaves otherwise than the model's own; undefined leaves it to the model. */
  override: (argv: readonly string[]) => Ran | undefined = () => undefined;
  /** What was sent to FIFOs, terminals and files of the kernel's; those that nobody reads refuse it. */
  readonly sent: (readonly [path: string, text: string])[] = [];
  readonly unread = new Set<string>();
  /** Called in front of every wait between tries. */
  onPause: (tries: number) => void = () => undefined;
  state: BootState | undefined;
  cable = true;
  /** What the administrator types when he is asked for the SAN's login, and how often he was. */
  typedLogin: ChapLogin | undefined;
  asked = 0;
  readonly #clockUnixMs: number;
  #clockMs = 1_000;
  #devicesMade = 0;
  #drawn: number;

  constructor(san: ModelSan, options: BladeOptions = {}) {
    this.san = san;
    this.mac = options.mac ?? '52:54:00:00:00:02';
    this.commandLine = options.commandLine ?? commandLineOf(2);
    this.#drawn = san.writes.length + 1;
    this.#clockUnixMs = options.clockUnixMs ?? 1_700_000_000_000;
    this.files.set('/sys/class/dmi/id/product_uuid', `${options.uuid ?? '4C4C4544-0000-0000-0000-000000000002'}\n`);
    this.files.set('/sys/bus/pci/devices/0000:00:03.0/modalias', `${NIC_ALIAS}\n`);
    this.files.set('/sys/class/net/lo/address', '00:00:00:00:00:00\n');
  }

  /** Boots; `patience` tries of a step that fails are waited for. Tells how it ended. */
  async boot(patience = 0): Promise<'handover' | 'stuck' | 'no power'> {
    const { parameters, problems } = parseCommandLine(this.commandLine);
    if (problems.length > 0) throw new Error(problems.map(({ where, rule }) => `${where}: ${rule}`).join('; '));
    const state: BootState = { parameters, bootNonce: this.randomNonce(), stages: [], warnings: [] };
    this.state = state;
    const admin = {
      betweenSteps: async () => undefined,
      askSanLogin: async () => {
        this.asked++;
        return this.typedLogin;
      },
      pause: async (ms: number) => {
        this.pauses.push(ms);
        if (this.san.writes.length >= this.san.writesUntilPowerLoss) throw new PowerLoss();
        if (this.pauses.length > patience) throw new GaveUp();
        this.onPause(this.pauses.length);
        this.#clockMs += ms;
      },
    };
    try {
      await runPlan(this, bootPlan(parameters), state, (step, tries) => runStep(this, state, step, tries), admin);
      return 'handover';
    } catch (error) {
      if (error instanceof PowerLoss) return 'no power';
      if (error instanceof GaveUp) return 'stuck';
      throw error;
    }
  }

  randomNonce(): string {
    return [...this.randomBytes(16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  run(argv: readonly string[]): Ran {
    this.argvs.push(argv);
    const [program = '', ...args] = argv;
    const programs: Readonly<Record<string, (args: readonly string[]) => Ran>> = {
      modprobe: (names) => this.#modprobe(names), ip: (words) => this.#ip(words), arping: (words) => ({ code: this.taken.has(words.at(-1)!) ? 1 : 0, said: '' }),
      iscsistart: (words) => this.#iscsistart(words), dmsetup: (words) => this.#dmsetup(words), mount: (words) => this.#mount(words),
      e2fsck: () => OK, mkdir: () => OK, chown: () => OK, swapon: () => OK, unshare: () => OK, mknod: () => OK, sh: () => OK, umount: (words) => this.#umount(words.at(-1)!), rm: (words) => (this.files.delete(words.at(-1)!), OK),
    };
    return this.override(argv) ?? programs[program]?.(args) ?? { code: 127, said: `${program}: not found` };
  }

  start(argv: readonly string[]): void {
    this.argvs.push(argv);
  }

  openFeed(): Feed | undefined {
    let started = false;
    return {
      start: (argv) => {
        started = true;
        this.argvs.push(argv);
      },
      running: () => started && this.feedRuns,
      write: (text) => {
        if (this.fed.length >= this.feedRoom) return false;
        this.fed.push(text);
        return true;
      },
    };
  }

  #modprobe(words: readonly string[]): Ran {
    const names = words.filter((word) => !word.startsWith('-'));
    for (const name of names) {
      if (name === NIC_ALIAS) this.#addInterface();
      if (/^(crc32c|iscsi|sd_|dm_|ext4|virtio|8021q)/.test(name)) this.files.set(`/sys/module/${name.replaceAll('-', '_')}/refcnt`, '0\n');
    }
    return { code: names.every((name) => this.exists(`/sys/module/${name}`)) ? 0 : 1, said: '' };
  }

  #addInterface(): void {
    this.files.set('/sys/class/net/eth0/address', `${this.mac}\n`);
    this.files.set('/sys/class/net/eth0/carrier', '0\n');
  }

  #ip(words: readonly string[]): Ran {
    const line = words.join(' ');
    if (line === 'link set eth0 up' && this.cable) this.files.set('/sys/class/net/eth0/carrier', '1\n');
    const vlan = /^link add link (\S+) name (\S+) type vlan id (\d+)$/.exec(line);
    if (vlan !== null) return this.#addVlan(vlan[1]!, vlan[2]!);
    const started = /^link set (\S+\.\d+) up$/.exec(line)?.[1];
    if (started !== undefined) this.files.set(`/sys/class/net/${started}/carrier`, this.files.get('/sys/class/net/eth0/carrier') ?? '');
    const address = words.find((word) => /^[0-9.]+\//.test(word));
    if (address !== undefined && line.startsWith('addr del')) {
      if (!this.addresses.includes(address)) return { code: 2, said: 'ip: RTNETLINK answers: Cannot assign requested address\n' };
      this.addresses.splice(this.addresses.indexOf(address), 1);
    }
    if (address !== undefined && /addr (add|replace)/.test(line) && !this.addresses.includes(address)) this.addresses.push(address);
    return { code: 0, said: line.includes('show') ? this.addresses.map((address) => `    inet ${address} brd 10.0.0.255 scope global eth0\n`).join('') : '' };
  }

  /** net/8021q: a device with its card's address, of which the kernel tells in /proc/net/vlan. */
  #addVlan(card: string, name: string): Ran {
    if (!this.exists('/sys/module/8021q')) return { code: 2, said: 'ip: RTNETLINK answers: Operation not supported\n' };
    if (this.exists(`/sys/class/net/${name}`)) return { code: 2, said: 'ip: RTNETLINK answers: File exists\n' };
    this.files.set(`/sys/class/net/${name}/address`, this.files.get(`/sys/class/net/${card}/address`)!);
    this.files.set(`/proc/net/vlan/${name}`, '');
    return OK;
  }

  /** With -b it takes what it needs from the table of a firmware, as open-iscsi does (usr/fwparam_ibft/fwparam_sysfs.c). */
  #iscsistart(words: readonly string[]): Ran {
    const byFirmware = words.includes('-b');
    const inTable = (path: string): string | undefined => (byFirmware ? this.files.get(`/sys/firmware/ibft/${path}`) : undefined);
    if (byFirmware && ![inTable('ethernet0/flags'), inTable('target0/flags')].every((flags) => (Number(flags) & 2) !== 0)) return { code: 21, said: 'Could not get boot entry.\n' };
    if (byFirmware && !this.folders.has('/var/lib/iscsi')) return { code: 6, said: 'iscsistart: Could not make /var/lib/iscsi 2\n' };
    const value = (option: string, path: string): string => inTable(path) ?? words[words.indexOf(option) + 1]!;
    const [at, atPort, name] = [value('-a', 'target0/ip-addr'), value('-p', 'target0/port'), value('-t', 'target0/target-name')];
    const { address, port, target, portals = [] } = this.san.registry.roster.san;
    const portal = [{ address, port }, ...portals, ...this.san.unlistedPortals].findIndex((one) => one.address === at);
    if (!this.san.reachable || portal < 0 || this.san.deadPortals.has(at)) return { code: 7, said: `iscsistart: version 2.1.11\niscsistart: connect to ${at}:${atPort} failed (No route to host)\n` };
    if (atPort !== String(port)) return { code: 7, said: refusedUntilTimedOut(address, atPort, name) };
    if (name !== target) return { code: 19, said: 'iscsistart: version 2.1.11\niscsistart: conn 0 login rejected: initiator error - target not found (02/03)\n' };
    const { chap } = this.san;
    const proofs = [[chap?.user, 'chap-name'], [chap?.password, 'chap-secret'], [chap?.mutual?.user, 'rev-chap-name'], [chap?.mutual?.password, 'rev-chap-name-secret']] as const;
    if (chap !== undefined && proofs.some(([wanted, file]) => wanted !== inTable(`target0/${file}`))) return { code: 19, said: 'iscsistart: version 2.1.11\niscsistart: session 1 login rejected: Initiator failed authentication with target\n' };
    if (this.exists(`/sys/class/iscsi_session/session${portal + 1}/targetname`)) return { code: 15, said: 'iscsistart: session exists\n' };
    this.showSession(portal, at, atPort);
    return OK;
  }

  /** The kernel shows a session to this portal, whoever opened it, and its disk: portals are counted from 0, the registry's first. */
  showSession(portal: number, address: string, port: string): void {
    const number = portal + 1;
    const session = `/sys/class/iscsi_session/session${number}`;
    const disk = `sd${'abcdefgh'[portal]}`;
    this.files.set(`${session}/targetname`, `${this.san.registry.roster.san.target}\n`);
    this.files.set(`${session}/state`, 'LOGGED_IN\n');
    this.files.set(`/sys/class/iscsi_connection/connection${number}:0/persistent_address`, `${address}\n`);
    this.files.set(`/sys/class/iscsi_connection/connection${number}:0/persistent_port`, `${port}\n`);
    this.files.set(`${session}/device/target${number}:0:0/${number}:0:0:1/block/${disk}/dev`, `8:${16 * portal}\n`);
    this.files.set(`/sys/block/${disk}/size`, `${this.san.diskBytes / SECTOR_BYTES}\n`);
    this.files.set(`/sys/block/${disk}/dev`, `8:${16 * portal}\n`);
    this.files.set(`/sys/block/${disk}/device/wwid`, this.san.wwid);
  }

  #dmsetup(words: readonly string[]): Ran {
    const [verb, name = ''] = words.filter((word) => !word.startsWith('--no'));
    if (verb === 'load' || verb === 'resume' || verb === 'table') return this.#changeTable(verb, name, words.at(-1)!);
    if (verb === 'remove') return this.#removeDevice(name);
    if (verb === 'mknodes') return this.mapped.has(name) ? (this.files.set(`/dev/mapper/${name}`, ''), OK) : { code: 1, said: 'no such device' };
    const table = this.files.get(words.at(-1)!)!.trim();
    if (this.mapped.has(name)) return { code: 1, said: 'Device or resource busy' };
    if (table.includes(' snapshot ') && !this.#takeStore(table)) return { code: 1, said: 'device-mapper: snapshots: Invalid exception store' };
    this.mapped.set(name, { table, readOnly: words.includes('--readonly') });
    const device = `/sys/block/dm-${this.#devicesMade++}`;
    this.files.set(`${device}/dm/name`, `${name}\n`);
    this.files.set(`${device}/ro`, words.includes('--readonly') ? '1\n' : '0\n');
    return OK;
  }

  /** drivers/md/dm-ioctl.c dev_remove: one that is held, or on which another lies, stays. */
  #removeDevice(name: string): Ran {
    if (!this.mapped.has(name)) return { code: 1, said: `Device ${name} not found\nCommand failed.\n` };
    const carries = [...this.mapped.values()].some(({ table }) => table.split(' ').includes(`/dev/mapper/${name}`));
    if (this.held.has(name) || carries) return { code: 1, said: `device-mapper: remove ioctl on ${name}  failed: Device or resource busy\nCommand failed.\n` };
    this.mapped.delete(name);
    this.files.delete(`/dev/mapper/${name}`);
    const device = this.list('/sys/block').find((one) => this.files.get(`/sys/block/${one}/dm/name`) === `${name}\n`);
    for (const path of this.files.keys()) if (path.startsWith(`/sys/block/${device}/`)) this.files.delete(path);
    return OK;
  }

  /** Two slots for tables: what is loaded becomes live with a resume (drivers/md/dm-ioctl.c). */
  #changeTable(verb: 'load' | 'resume' | 'table', name: string, loaded: string): Ran {
    const device = this.mapped.get(name);
    if (device === undefined) return { code: 1, said: `Device ${name} does not exist.\nCommand failed.\n` };
    if (verb === 'table') return { code: 0, said: `${device.table}\n` };
    if (verb === 'load') this.inactive.set(name, loaded);
    else this.mapped.set(name, { ...device, table: this.inactive.get(name) ?? device.table });
    if (verb === 'resume') this.inactive.delete(name);
    return OK;
  }

  /** drivers/md/dm-snap-persistent.c: a header whose magic is zero is written anew, with an empty first area; another must be valid. */
  #takeStore(table: string): boolean {
    const [, , , , cow = '', , chunkText] = table.split(' ');
    const [, , , , start] = this.mapped.get(cow.replace('/dev/mapper/', ''))!.table.split(' ');
    const at = Number(start) * SECTOR_BYTES;
    const header = this.san.disk.read(at, SECTOR_BYTES);
    if (!isZero(header.subarray(0, 4))) return viewOf(header).getUint32(0, true) === SNAPSHOT_MAGIC && viewOf(header).getUint32(4, true) === 1;
    const chunk = new Uint8Array(Number(chunkText) * SECTOR_BYTES);
    this.san.write('kernel', at + chunk.length, chunk);
    const view = viewOf(chunk);
    [SNAPSHOT_MAGIC, 1, SNAPSHOT_VERSION, Number(chunkText)].forEach((word, i) => view.setUint32(4 * i, word, true));
    this.san.write('kernel', at, chunk);
    return true;
  }

  #umount(target: string): Ran {
    this.files.set('/proc/mounts', (this.files.get('/proc/mounts') ?? '').split('\n').filter((line) => line.split(' ')[1] !== target).join('\n'));
    for (const path of this.files.keys()) if (path.startsWith(`${target}/`)) this.files.delete(path);
    return OK;
  }

  #mount(words: readonly string[]): Ran {
    const target = words.at(-1)!;
    const inMemory = words.find((word) => /^(tmpfs|ramfs)$/.test(word));
    if (inMemory !== undefined) {
      this.files.set('/proc/mounts', `${this.files.get('/proc/mounts') ?? ''}${inMemory} ${target} ${inMemory} rw 0 0\n`);
      return OK;
    }
    if (target === '/sysroot') {
      this.files.set('/sysroot/usr/bin/node', '');
      this.files.set('/sysroot/usr/lib/metamaster/san-keeper', '');
      this.files.set('/sysroot/etc/shadow', 'root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n');
    } else this.files.set(`${target}/lost+found/.`, '');
    return OK;
  }

  readText(path: string): string | undefined {
    return this.files.get(path);
  }

  writeText(path: string, text: string, mode: number): void {
    this.files.set(path, text);
    this.modes.set(path, mode);
  }

  rename(from: string, to: string): void {
    for (const of of [this.files, this.modes] as Map<string, unknown>[]) {
      if (!of.has(from)) throw new Error(`${from}: cannot be renamed to ${to}: No such file or directory`);
      of.set(to, of.get(from));
      of.delete(from);
    }
  }

  send(path: string, text: string): boolean {
    if (this.unread.has(path)) return false;
    this.sent.push([path, text]);
    return true;
  }

  makeFolder(path: string): void {
    this.folders.add(path);
  }

  link(target: string, name: string): void {
    this.links.set(name, target);
  }

  list(path: string): readonly string[] {
    const below = [...this.files.keys()].filter((file) => file.startsWith(`${path}/`)).map((file) => file.slice(path.length + 1).split('/')[0]!);
    return [...new Set(below)].sort();
  }

  exists(path: string): boolean {
    return this.files.has(path) || this.list(path).length > 0;
  }

  /** True for the SAN's disk, by whichever path, and for what joins the paths. */
  #isSan(device: string): boolean {
    return (/^\/dev\/sd[a-h]$/.test(device) && this.exists(device.replace('/dev/', '/sys/block/'))) || this.mapped.get(device.replace('/dev/mapper/', ''))?.table.includes(' multipath ') === true;
  }

  readAt(device: string, offset: number, length: number): Uint8Array {
    if (!this.#isSan(device)) throw new Error(`${device}: cannot be opened`);
    return this.san.disk.read(offset, length);
  }

  readDirect(device: string, offset: number, length: number): Uint8Array {
    if (offset % 4096 !== 0 || length % 4096 !== 0) throw new Error(`${device}: a direct read of ${length} bytes at ${offset}`);
    return this.readAt(device, offset, length);
  }

  writeDirect(device: string, offset: number, bytes: Uint8Array): void {
    if (!this.#isSan(device) || offset % 4096 !== 0 || bytes.length % 4096 !== 0) throw new Error(`${device}: a direct write of ${bytes.length} bytes at ${offset}`);
    this.san.write('program', offset, bytes);
  }

  writeAcknowledged(device: string, offset: number, bytes: Uint8Array): void {
    this.writeDirect(device, offset, bytes);
  }

  flush(device: string): void {
    if (!this.#isSan(device)) throw new Error(`${device}: a flush`);
    this.san.flushes.push(this.san.writes.length);
  }

  /** Different at each draw and on each blade that boots from this SAN after the last. */
  randomBytes(count: number): Uint8Array {
    this.#drawn++;
    return Uint8Array.from({ length: count }, (_, i) => (this.#drawn * 31 + i * 7) % 256);
  }

  uptimeSeconds(): number {
    return this.#clockMs / 1000;
  }

  unixMs(): number {
    return this.#clockUnixMs + this.#clockMs;
  }

  print(line: string): void {
    this.console.push(line);
  }

  async sleep(ms: number): Promise<void> {
    this.#clockMs += ms;
  }
}
