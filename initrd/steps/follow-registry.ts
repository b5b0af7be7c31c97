// The storage agent's eye on the registry: when it has changed, this node follows, without a restart of anything. metamasterd is told by a
// file in memory; what the boot laid down in the root is written by a process of its own, which may hang with the root while the agent goes
// on. What the node was booted as (its number, its address, its volumes) is not for this to change.

import { InputError, type MessageCode, problemLine, type Result } from '../../daemons/core/problem.ts';
import { type BarredMachine, barOfMachine, nodeOfNumber, type Roster, type RosterNode, unbarCommand } from '../../daemons/core/roster.ts';
import { timeText } from '../../daemons/core/unix-time.ts';
import { clusterKeyText } from '../../daemons/storage/cluster-keys.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import type { InstallAnswer, Registry, VolumeRecord } from '../../daemons/storage/registry.ts';
import type { BootHost, Feed } from '../boot-host.ts';
import { renderIdentity } from '../identity.ts';
import type { BootRecord } from './handover.ts';
import { ownMacs } from './own-macs.ts';
import { whoServes } from './restart-blade.ts';
import { initiatorOf } from './san-login.ts';
import { isCandidate, outsideIsUp, setWayOut, setWayOut6, startOutside } from './way-out.ts';
import { type IdentityOutcome, type IdentityWrite, WRITE_IDENTITY } from './write-identity.ts';

/** The newest configuration of this node, for metamasterd (its unit's `--follow`): what /etc/metamaster/node.json will hold, and no secret. */
export const FOLLOWED_CONFIG = '/run/metamaster/node.json';
/** The cluster's keys, for metamasterd alone (its unit's `--follow-key`): what /etc/metamaster/cluster-key will hold. */
export const FOLLOWED_KEYS = '/run/metamaster/cluster-key';
/** Whose process may read it: user and group of metamasterd's unit. */
export const DAEMON_USER = 'metamaster:metamaster';
/** To the process that writes, and back. */
export const IDENTITY_REQUEST = '/run/metamaster/identity.json';
export const IDENTITY_OUTCOME = '/run/metamaster/identity-outcome.json';
/** The generation that a command on this node wrote last (scripts/registry-writer.ts): a hint like another node's, and there at once. */
export const WRITTEN_GENERATION = '/run/metamaster/written-generation';
const NODE_JSON = '/etc/metamaster/node.json';
/** What metamasterd was given when it was started, and has in memory since (its unit's LoadCredential). */
const SAN_LOGIN = '/etc/metamaster/san-login.json';
/** Why this machine is no node any more: one of these at a time. */
const NO_MEMBER: readonly MessageCode[] = ['MM-AGENT-BARRED', 'MM-AGENT-REPLACED'];
/** The registry is read so often without a hint: a node that is alone hears of no change, and the disc may have made one. */
const READ_SECONDS = 60;
const RETRY_SECONDS = 60;

/** What happened to a machine that was replaced while it runs, and what to do. */
const barText = (roster: Roster, bar: BarredMachine): string =>
  `this machine was node ${bar.node} of ${roster.clusterName} until it was replaced, and is barred since ${timeText(bar.sinceUnixMs)}. Switch it off with \`systemctl poweroff\`, or let it in again with \`${unbarCommand(bar)}\`.`;

/** What this machine is when another one has taken its place over without a fence. */
export interface Superseded {
  /** The node's volumes, as this boot mapped them. */
  readonly mapped: readonly VolumeRecord[];
  /** Is told of one that is in quarantine while this machine is barred: its root is nobody's, and its address another machine's. */
  readonly stop: (volume: VolumeRecord) => void;
}

export class RegistryFollower {
  readonly #host: BootHost;
  readonly #record: BootRecord;
  readonly #program: string;
  readonly #superseded: Superseded;
  /** The card on the outside network that was up once. */
  #outsideSeenUp: InstallAnswer | undefined;
  /** The generation that was looked at last, followed or refused. */
  #known: number;
  /** The hint that was followed up by a read: one that the registry does not bear out is not followed up again. */
  #hintSpent = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  /** What was said last of each kind of trouble that is not over. */
  readonly #complaints = new Map<MessageCode, string>();
  #feed: Feed | undefined;
  /** What the root is still to be given. */
  #toWrite: IdentityWrite | undefined;
  /** What the process that runs was told to write. */
  #writing: IdentityWrite | undefined;
  #writeAt = Number.NEGATIVE_INFINITY;

  /** @param program the storage agent's own program, which is started once more to write */
  constructor(host: BootHost, record: BootRecord, program: string, superseded: Superseded) {
    this.#host = host;
    this.#record = record;
    this.#program = program;
    this.#superseded = superseded;
    this.#known = record.generation ?? 0;
  }

  /** Looks once. To be called only when the SAN has just answered: `read` reads its registry by the impatient session. */
  look(read: () => Result<ContainerFound>): void {
    this.#collect();
    const now = this.#host.uptimeSeconds();
    const hint = Math.max(whoServes(this.#host)?.newestGeneration ?? 0, Number(this.#host.readText(WRITTEN_GENERATION)?.trim() ?? '0') || 0);
    const hinted = hint > Math.max(this.#known, this.#hintSpent);
    if (hinted || now - this.#readAt >= READ_SECONDS) {
      this.#readAt = now;
      if (this.#read(read) && hinted) this.#hintSpent = hint;
    }
    this.#startWriting();
  }

  /** True when the registry was read, whatever it holds. */
  #read(read: () => Result<ContainerFound>): boolean {
    try {
      const found = read();
      if (!found.ok) {
        const why = found.problems.map(problemLine).join('; ');
        this.#complain('MM-AGENT-REGISTRY', `the registry cannot be used; this node keeps generation ${this.#known}: ${why}`);
        return true;
      }
      const { generation } = found.value.header;
      if (generation < this.#known) {
        this.#complain('MM-AGENT-REGISTRY', `the registry has generation ${generation}, older than ${this.#known}, which this node keeps: see \`metamaster san check\``);
      } else {
        if (generation > this.#known) this.#take(found.value);
        if (generation === this.#known) this.#startLateOutside(found.value.registry);
        this.#complaints.delete('MM-AGENT-REGISTRY');
      }
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#complain('MM-AGENT-REGISTRY', `the registry could not be followed; this node keeps generation ${this.#known}: ${why}`);
      return false;
    }
  }

  /** A newer registry. It is known from here on, also when this node cannot follow it: that is told once. */
  #take({ registry, header: { generation } }: ContainerFound): void {
    const { bootNonce, interfaceName = '', hardwareId = '' } = this.#record;
    const { roster } = registry;
    const bar = barOfMachine(roster, ownMacs(this.#host), hardwareId);
    if (bar !== undefined) {
      const { mapped, stop } = this.#superseded;
      const lost = registry.volumes.find(({ uuid, retired }) => retired === 'quarantined' && mapped.some((volume) => volume.uuid === uuid));
      if (lost !== undefined) return stop(lost);
      return this.#standDown(generation, 'MM-AGENT-BARRED', barText(roster, bar));
    }
    const node = this.#ownNode(roster);
    if (typeof node === 'string') return this.#standDown(generation, 'MM-AGENT-REPLACED', node);
    const why = this.#whyNot(node, interfaceName);
    if (why !== undefined) return this.#refuse(generation, why);
    try {
      const files = renderIdentity({ registry, node, generation, bootNonce, interfaceName, initiator: initiatorOf(hardwareId) });
      // The keys first: who speaks of this generation has them.
      this.#tellKeys(clusterKeyText(registry.secret));
      this.#tellDaemon(files.find(({ path }) => path === NODE_JSON)!.text);
      this.#followGateway(registry, node.number, interfaceName);
      this.#toWrite = { files, rootPasswordHash: registry.secret.rootPasswordHash };
      this.#writeAt = Number.NEGATIVE_INFINITY;
      for (const code of NO_MEMBER) this.#complaints.delete(code);
      this.#complaints.delete('MM-AGENT-ROSTER');
      this.#say(`follows generation ${generation} of the registry, before it ${this.#known}: ${registry.roster.nodes.length} nodes`);
      this.#known = generation;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.#refuse(generation, error.message);
    }
  }

  #refuse(generation: number, why: string): void {
    this.#complain('MM-AGENT-ROSTER', `generation ${generation} of the registry is not followed, and no file is changed: ${why}`);
    this.#known = generation;
    // Nor is what was still to be written of a former one.
    this.#toWrite = undefined;
  }

  /** The way out: gatewayd's on a candidate, this program's on all other nodes. */
  #followGateway(registry: Registry, number: number, device: string): void {
    if (isCandidate(registry, number)) return startOutside(this.#host, registry, device);
    setWayOut(this.#host, registry, device);
    setWayOut6(this.#host, registry, device);
  }

  /**
   * A candidate's card on the outside network may come after the boot or after the settings, with its driver or into its slot. It is started when it
   * is there; one that was up once is its administrator's, who may have stopped it.
   */
  #startLateOutside(registry: Registry): void {
    const { node = 0, interfaceName = '' } = this.#record;
    const name = registry.install['public-interface'];
    if (name === this.#outsideSeenUp || !isCandidate(registry, node)) return;
    if (!outsideIsUp(this.#host, registry)) startOutside(this.#host, registry, interfaceName);
    if (outsideIsUp(this.#host, registry)) this.#outsideSeenUp = name;
  }

  /** @throws Error: without the keys nothing of this registry is followed, and it is read again */
  #tellKeys(text: string): void {
    if (this.#host.readText(FOLLOWED_KEYS) === text) return;
    const fresh = `${FOLLOWED_KEYS}.new`;
    this.#host.writeText(fresh, text, 0o600);
    const owned = this.#host.run(['chown', DAEMON_USER, fresh]);
    if (owned.code !== 0) throw new Error(`the keys cannot be given to metamasterd: ${owned.said.trim()}`);
    this.#host.rename(fresh, FOLLOWED_KEYS);
  }

  /** What metamasterd is to go by from now on. */
  #tellDaemon(text: string): void {
    this.#host.writeText(`${FOLLOWED_CONFIG}.new`, text, 0o644);
    this.#host.rename(`${FOLLOWED_CONFIG}.new`, FOLLOWED_CONFIG);
  }

  /**
   * This machine is not the node any more that it was booted as. metamasterd is told to serve nobody, for it would do so by an old roster and
   * under a number that may be another machine's; no file of the root is touched, and the root goes on until its owner records say otherwise.
   */
  #standDown(generation: number, code: MessageCode, why: string): void {
    const { node: number, bootNonce, interfaceName } = this.#record;
    const line = `${code}: ${why}`;
    this.#tellDaemon(`${JSON.stringify({ number, interface: interfaceName, bootNonce, rosterGeneration: generation, standDown: line })}\n`);
    if (this.#complaints.get(code) !== why) this.#host.writeText('/dev/console', `\nmetamaster: ${line} It serves no boots any more.\n`, 0o600);
    for (const other of NO_MEMBER) if (other !== code) this.#complaints.delete(other);
    this.#complain(code, why);
    this.#known = generation;
    this.#toWrite = undefined;
  }

  /** The node that this machine was booted as, or why it is none any more: a clause with what to do. */
  #ownNode(roster: Roster): RosterNode | string {
    const { node: number, numberGiven } = this.#record;
    const node = nodeOfNumber(roster, number ?? 0);
    const switchOff = 'Switch the blade off with `systemctl poweroff`';
    if (node === undefined) return `node ${number}, which this blade was booted as, is not in the roster any more. ${switchOff}, or add it to the roster again.`;
    const macs = ownMacs(this.#host);
    if (!numberGiven && !node.macs.some((mac) => macs.includes(mac))) {
      return `the roster gives node ${number} to the cards ${node.macs.join(', ')}, and this blade has ${macs.join(', ')}. ${switchOff}, or correct the roster.`;
    }
    return node;
  }

  /** Why a running node cannot follow what the roster says of it; a clause with what to do. */
  #whyNot(node: RosterNode, device: string): string | undefined {
    const addresses = this.#host.run(['ip', '-4', '-o', 'addr', 'show', 'dev', device]);
    if (addresses.code !== 0) throw new Error(`the addresses of ${device} cannot be had: ${addresses.said.trim()}`);
    if (addresses.said.includes(`inet ${node.address}/`)) return undefined;
    return `the roster gives this node the address ${node.address}, which it does not have. Boot it again.`;
  }

  /** The process that writes, where there is something to write and none runs. */
  #startWriting(): void {
    const now = this.#host.uptimeSeconds();
    if (this.#toWrite === undefined || this.#writing !== undefined || now - this.#writeAt < RETRY_SECONDS) return;
    this.#feed ??= this.#host.openFeed();
    if (this.#feed === undefined) return this.#complain('MM-AGENT-FILES', 'no process can be started that writes the files of this node');
    this.#host.run(['rm', '-f', IDENTITY_OUTCOME]);
    this.#host.writeText(IDENTITY_REQUEST, JSON.stringify(this.#toWrite), 0o600);
    this.#writing = this.#toWrite;
    this.#writeAt = now;
    this.#feed.start(['qjs', '--no-unhandled-rejection', '-m', this.#program, WRITE_IDENTITY, IDENTITY_REQUEST, IDENTITY_OUTCOME]);
  }

  /** What came of the process that writes, once it has ended. One that hangs with the root is waited for, and nothing waits for it. */
  #collect(): void {
    const written = this.#writing;
    if (written === undefined || this.#feed?.running() === true) return;
    this.#writing = undefined;
    const text = this.#host.readText(IDENTITY_OUTCOME);
    const silent: IdentityOutcome = { changed: [], failed: 'the process that writes ended without a word' };
    const { changed, failed } = text === undefined ? silent : (JSON.parse(text) as IdentityOutcome);
    if (changed.length > 0) this.#say(`wrote ${changed.join(', ')}`);
    if (changed.includes(SAN_LOGIN)) this.#say(`MM-AGENT-CREDENTIAL: ${SAN_LOGIN} changed, and metamasterd still uses what it was started with: \`systemctl restart metamasterd\``);
    if (failed !== undefined) return this.#complain('MM-AGENT-FILES', `the files of this node were not all written; it is tried again: ${failed}`);
    this.#complaints.delete('MM-AGENT-FILES');
    // A registry that came in the meantime has files of its own.
    if (this.#toWrite === written) this.#toWrite = undefined;
  }

  /** Says a trouble once; another one, or the same after it was over, is news. */
  #complain(code: MessageCode, line: string): void {
    if (line !== this.#complaints.get(code)) this.#say(`${code}: ${line}`);
    this.#complaints.set(code, line);
  }

  #say(line: string): void {
    this.#host.print(`storage-agent: ${line}`);
  }
}
