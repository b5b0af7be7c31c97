// Wires the boot services of one node together: DHCP, TFTP, HTTP, router advertisements and the membership that tells each of
// them who else is alive. The rooms do not know each other; what one has to hear of another passes through here.

import { openAdvertising } from './advertising.ts';
import type { KeyRing } from './agent/key-ring.ts';
import type { NodeConfig } from './agent/node-config.ts';
import { type Status, statusOf } from './agent/status.ts';
import { BladeLog } from './blade-log.ts';
import { BootContent } from './boot-content.ts';
import { BootReports, type FactsAnswer } from './boot-reports.ts';
import { hasArm64Files } from './core/boot-file-names.ts';
import type { ChapLogin } from './core/chap.ts';
import type { Ipv4 } from './core/ipv4.ts';
import type { Mac } from './core/mac.ts';
import type { Machine } from './core/machine.ts';
import { nodeOfNumber, type RosterNode, withoutDrained } from './core/roster.ts';
import { type DhcpEffect, type DhcpInput, DhcpServer } from './dhcp/dhcp-server.ts';
import { type Handout, SanLoginHandout } from './http-boot/san-login-handout.ts';
import { startHttp, startTftp } from './file-services.ts';
import { sealHardware } from './hardware-answer.ts';
import type { BootFileTable } from './host/boot-files.ts';
import { now } from './host/clock.ts';
import { type DhcpShell, startDhcp } from './host/dhcp-socket.ts';
import { type Logger, stage, writeLog } from './host/log.ts';
import { ServingFile } from './host/serving-file.ts';
import { type WatchedFacts, watchReplacement } from './replacement-watch.ts';
import { sanLoginImage } from './san-login-image.ts';
import { type Live, type LiveNodes, startLiveNodes } from './live-nodes.ts';
import type { ServingNode } from './wire/serving-record.ts';
import type { StageReport } from './wire/stage-report.ts';

/** RFC 2131 section 2: a request of a client begins with op 1. */
const BOOT_REQUEST = 1;

export interface BootServicesOptions {
  readonly config: NodeConfig;
  /** Without them the node speaks to no other and acts as if alone. */
  readonly keys: KeyRing | undefined;
  /** What blades log in to the SAN with; undefined: it wants no CHAP, or this node does not know the login. */
  readonly sanLogin: ChapLogin | undefined;
  readonly files: BootFileTable;
  readonly log: Logger;
  /** The recorder's FIFO; undefined: nobody keeps the facts. */
  readonly records?: string | undefined;
  /** Where it is written who serves and what the newest registry is, for the storage agent of this node; undefined: nowhere. */
  readonly serving?: string | undefined;
  /** What this machine is made of (scripts/hardware-collector.ts), for other nodes; undefined: nobody is told. */
  readonly hardware?: string | undefined;
  /** Where root is asked to replace a node; undefined: it is never asked. */
  readonly replace?: string | undefined;
  /** A service broke for good: the process shall end and be started again. */
  readonly onBroken: (error: Error) => void;
}

/** The services of one node. */
export class BootServices {
  readonly #options: BootServicesOptions;
  #config: NodeConfig;
  #keys: KeyRing | undefined;
  /** As it was booted: its address is that of the sockets. */
  readonly #me: RosterNode;
  readonly #startedAt = now();
  readonly #blades: BladeLog;
  readonly #reports: BootReports;
  readonly #servingFile: ServingFile | undefined;
  readonly #handout: SanLoginHandout;
  readonly #content: BootContent;
  readonly #dhcp: DhcpServer;
  readonly #advertiser: ReturnType<typeof openAdvertising>;
  #dhcpShell: DhcpShell<DhcpInput> | undefined;
  #others: LiveNodes | undefined;
  /** What DHCP was told last: this machine is the node that it was booted as. */
  #member = true;
  /** All sockets are bound. */
  #bound = false;
  /** Numbers of the nodes that are heard of. */
  #alive: readonly number[];
  /** The nodes whose boot services answer, the drained ones among them; undefined before anything was heard. */
  #answering: readonly ServingNode[] | undefined;
  /** Numbers of those whose turn it is to serve: without the drained ones, unless there is no other. */
  #live: readonly number[];
  /** Of all these the ones that may be dead. */
  #suspects: readonly number[] = [];
  /** What serving.json says beside them: the newest registry that any node knows. */
  #newestGeneration: number;

  constructor(options: BootServicesOptions) {
    const { config, files, log, sanLogin } = options;
    const { roster, number } = config;
    this.#options = options;
    this.#config = config;
    this.#keys = options.keys;
    this.#newestGeneration = config.rosterGeneration;
    this.#me = nodeOfNumber(roster, number)!;
    this.#alive = [number];
    this.#live = [number];
    this.#blades = new BladeLog(roster, log);
    this.#handout = new SanLoginHandout(roster, sanLogin && sanLoginImage(sanLogin));
    const onServedElsewhere = (mac: Mac, step: string): void => this.#answered(mac, step);
    this.#reports = new BootReports({ config, keys: options.keys, log, records: options.records, onServedElsewhere });
    const handOut = (mac: Mac | undefined, client: Ipv4): Handout => this.#handout.decide(now(), mac, client);
    this.#servingFile = options.serving === undefined ? undefined : new ServingFile(options.serving, (reason) => log.warn({ path: options.serving, reason }, 'serving.not-written'));
    this.#content = new BootContent({ config, files, live: () => ({ nodes: this.#answeringNumbers(), suspects: this.#suspects }), sanLogin: handOut, hardware: this.#sealedHardware() });
    this.#dhcp = new DhcpServer({ roster, self: number, arm64: hasArm64Files((name) => files.has(name)) });
    this.#advertiser = openAdvertising(config, log);
  }

  /** Binds all sockets, waiting for addresses and ports that are still to come. Rejects when a socket cannot be had at all. */
  async start(): Promise<void> {
    const { log, config, keys, onBroken } = this.#options;
    const { address } = this.#me;
    this.#others = startLiveNodes({
      config, keys, log,
      onLive: (live) => this.#onLive(live),
      onNewerRoster: (generation) => {
        this.#newestGeneration = generation;
        this.#writeServing();
      },
    });
    this.#dhcpShell = startDhcp<DhcpInput>({
      address,
      machine: this.#hearingRequests(),
      log: (effect) => writeLog(log, effect),
      onStage: ({ mac, detail }) => this.#note(mac, 'dhcp', detail),
    });
    this.#tellMembership();
    this.#tellDuty();
    this.#advertiser.step({ kind: 'timer' });
    const shared = { content: this.#content, address, log, onStage: (mac: Mac, step: 'tftp' | 'http', detail: string) => this.#note(mac, step, detail) };
    const onBarred = (mac: Mac, detail: string): void => this.#dhcpShell?.input({ kind: 'barred', mac, detail });
    const onReport = (report: StageReport): void => {
      this.#dhcpShell?.input({ kind: 'progress', mac: report.mac });
      this.#blades.heard(report);
      this.#reports.told(report);
    };
    this.#reports.start();
    await Promise.all([this.#dhcpShell.ready, startTftp(shared, onBroken), startHttp({ ...shared, onReport, onBarred }, () => this.status())]);
    this.#bound = true;
    const { replace } = this.#options;
    if (replace !== undefined) watchReplacement({ self: config.number, path: replace, log, facts: () => this.#replacementFacts() });
    this.#others?.serving(true);
    if (this.#config.standDown === undefined) this.#sayServing();
    else this.#sayStoodDown(this.#config.standDown);
  }

  #sayServing(): void {
    const { config, log, files } = this.#options;
    const { address, name } = this.#me;
    log.info({ node: config.number, address, files: files.size }, 'boot-services.serving');
    stage('serving', `${name} ${address}`);
  }

  #sayStoodDown(reason: string): void {
    const meaning = 'this machine is not the node any more that it was booted as: it runs on, and serves nobody';
    this.#options.log.error({ node: this.#config.number, reason, meaning }, 'boot-services.stood-down');
    stage('stood-down', reason);
  }

  /** At an orderly end: blades and nodes turn to the others at once, not when this one is taken for dead. */
  async leave(): Promise<void> {
    await this.#others?.leave();
  }

  /** The configuration that is followed now. */
  get config(): NodeConfig {
    return this.#config;
  }

  /**
   * Follows a newer configuration, of this same node, from here on: no socket is closed, and what is being sent is sent to its end. The
   * membership comes last: when the others hear of the new generation, this node answers by it. Where this machine is not that node any more, it stands down:
   * the sockets stay, and nobody is served, until a later configuration has it in again.
   */
  follow(config: NodeConfig): void {
    const { roster, rosterGeneration: generation } = config;
    const before = this.#config.standDown;
    this.#config = config;
    this.#newestGeneration = Math.max(this.#newestGeneration, generation);
    this.#blades.useRoster(roster);
    this.#handout.useRoster(roster);
    this.#reports.useConfig(config);
    this.#content.useConfig(config);
    this.#dhcpShell?.input({ kind: 'roster', roster });
    this.#tellMembership();
    this.#tellDuty();
    this.#others?.follow(config);
    if (!this.#bound || before === config.standDown) return;
    if (config.standDown === undefined) this.#sayServing();
    else this.#sayStoodDown(config.standDown);
  }

  get keys(): KeyRing | undefined {
    return this.#keys;
  }

  /** Speaks to the other nodes under the first of these keys from now on, and believes whatever is said under any. */
  useKeys(keys: KeyRing): void {
    this.#keys = keys;
    this.#reports.useKeys(keys);
    this.#others?.useKeys(keys);
  }

  status(): Status {
    const { files } = this.#options;
    const config = this.#config;
    const generations = this.#others?.generations() ?? [{ node: config.number, generation: config.rosterGeneration, behindSince: undefined }];
    const [unknown, barred, foreign] = [this.#dhcp.unknown(), this.#dhcp.barred(), this.#dhcp.foreign()];
    const members = this.#others?.members() ?? [];
    const seen = { unknown, barred, foreign, generations, members, alive: this.#alive, live: this.#live, suspects: this.#suspects, stages: this.#blades.list() };
    return statusOf(now(), { config, files, startedAt: this.#startedAt, serving: this.#bound && config.standDown === undefined, ...seen });
  }

  /** What this node saw of boots since it began to serve, from fact number `after` on. */
  facts(after: unknown): FactsAnswer {
    return this.#reports.facts(after);
  }

  #onLive({ alive, serving, suspects }: Live): void {
    this.#alive = alive;
    this.#answering = serving;
    this.#suspects = suspects;
    const nodes = serving.map(({ node }) => node);
    this.#dhcpShell?.input({ kind: 'live', nodes, suspects });
    this.#reports.live(nodes);
    this.#tellDuty();
  }

  /**
   * Who serves whom, whenever a node or the roster has changed. Drained nodes are left out by the roster and not by what they say of themselves:
   * so it holds for one that has not read the newer roster yet, and ends by itself when the last other one dies.
   */
  #tellDuty(): void {
    const { roster, number, standDown } = this.#config;
    this.#live = withoutDrained(roster, this.#answeringNumbers());
    const drained = nodeOfNumber(roster, number)?.drained === true;
    this.#advertiser.step({ kind: 'duty', onDuty: standDown === undefined && (!drained || this.#live.includes(number)) });
    // Two too many for a moment cost nothing; one too few, and a blade waits.
    this.#advertiser.step({ kind: 'live', nodes: this.#live.filter((node) => !this.#suspects.includes(node)) });
    this.#writeServing();
  }

  #answeringNumbers(): readonly number[] {
    return this.#answering?.map(({ node }) => node) ?? [this.#config.number];
  }

  /** Whether this machine is the node that it was booted as, whenever the configuration has changed. The membership sees to that by itself. */
  #tellMembership(): void {
    const member = this.#config.standDown === undefined;
    if (member === this.#member) return;
    this.#member = member;
    this.#dhcpShell?.input({ kind: 'member', member });
  }

  #writeServing(): void {
    const serving = (this.#answering ?? []).filter(({ node }) => this.#live.includes(node));
    this.#servingFile?.write({ node: this.#config.number, serving, newestGeneration: this.#newestGeneration });
  }

  #replacementFacts(): WatchedFacts | undefined {
    const { roster, rosterGeneration: generation, standDown } = this.#config;
    if (standDown !== undefined) return undefined;
    const [booting, strangers] = [this.#dhcp.nodesHeard(), this.#dhcp.unknown()];
    return { roster, generation, newestGeneration: this.#newestGeneration, alive: this.#alive, serving: this.#live, booting, strangers };
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

  /** Without a key nobody could be told from a stranger. */
  #sealedHardware(): ((nonce: string) => Uint8Array | undefined) | undefined {
    const { hardware: path, keys, log } = this.#options;
    return path === undefined || keys === undefined ? undefined : (nonce) => sealHardware({ path, key: this.#keys![0]!, config: this.#config, log }, nonce);
  }

  /** Whose DHCP was answered, by this node or another, may ask for the SAN's login for a while. */
  #answered(mac: Mac, step: string): void {
    if (step === 'dhcp') this.#handout.dhcpAnswered(now(), mac);
  }

  /** Notes how far a blade has come, and tells DHCP when it got further than that. */
  #note(mac: Mac, step: 'dhcp' | 'tftp' | 'http', detail: string): void {
    this.#answered(mac, step);
    if (step !== 'dhcp') this.#dhcpShell?.input({ kind: 'progress', mac });
    this.#blades.note(mac, step, detail);
    this.#reports.served(mac, step, detail);
  }
}
