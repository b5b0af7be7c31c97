// The main thread of gatewayd: from the settings to a beating thread, and from its news to the log, to conntrackd and to the command line.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { KeyRing } from './agent/key-ring.ts';
import type { NodeConfig } from './agent/node-config.ts';
import { toHex } from './core/bytes.ts';
import { clusterPrefix, nodeIpv6 } from './core/inside-ipv6.ts';
import type { Ipv4 } from './core/ipv4.ts';
import { InputError, type Problem, type Result, valueOf } from './core/problem.ts';
import { usage } from './daemon-arguments.ts';
import type { Given } from './daemon-process.ts';
import { followConfig, followKeys } from './follow-config.ts';
import { type FilterAnswer, GatewayControl } from './gateway-control.ts';
import { GatewayHost, operationText } from './gateway-host.ts';
import { RulesetKeeper } from './gateway-ruleset.ts';
import { StatesKeeper } from './gateway-states.ts';
import type { BeatThreadData, FromBeatThread, ToBeatThread } from './gateway-thread.ts';
import { gateRuleset, NO_RULESET } from './gateway/gate-ruleset.ts';
import { gatewayConfig, gatewayFoundation, noGateway, type GatewayAnswers, type GatewayConfig } from './gateway/gateway-config.ts';
import { publicServiceText } from './gateway/public-service.ts';
import { writeLog } from './host/log.ts';
import { lockMemory } from './host/memory-lock.ts';
import { followPatiently } from './host/patient-file.ts';
import { clusterId } from './wire/cluster-id.ts';
import { gatewayBeatKey } from './wire/gateway-beat.ts';

/** An interface that is not there yet comes with the next look. */
const RULESET_AGAIN_MS = 1000;
/** A beating thread that is told to stop does it within a few beats; systemd would wait longer. */
const STOP_MAX_MS = 2000;
/** The threads of interrupts have 50 (sched(7), request_threaded_irq): who stands above them waits for packets that they bring. */
const PRIORITY_MAX = 49;
const INCARNATION_BYTES = 8;
const DEFAULT_FOLDER = '/run/gatewayd';

export interface GatewayDaemonOptions extends Given {
  /** The file that the beating thread starts with: the program's own. */
  readonly threadFile: URL;
}

/** The settings that this node has; undefined: the cluster has no gateway. Problems: MM-GATEWAY-…. */
function readSettings(text: string, where: string, node: NodeConfig): Result<GatewayConfig | undefined> {
  try {
    const answers: unknown = JSON.parse(text);
    if (typeof answers !== 'object' || answers === null || Array.isArray(answers)) throw new SyntaxError('it holds no object');
    return gatewayConfig(answers as GatewayAnswers, node.roster);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ok: false, problems: [{ code: 'MM-GATEWAY-FILE', where, rule: 'must be a JSON object of answers', seen: error.message, remedy: 'Boot the node again, which writes the file afresh from the registry.' }] };
  }
}

function priorityOf(text: string): number {
  const priority = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (priority <= PRIORITY_MAX) return priority;
  throw new InputError([usage('--priority', `a whole number from 0 to ${PRIORITY_MAX}, below the interrupts' threads`, text)]);
}

export class GatewayDaemon {
  readonly #options: GatewayDaemonOptions;
  readonly #folder: string;
  readonly #ruleset: RulesetKeeper;
  readonly #control: GatewayControl;
  #node: NodeConfig;
  #keys: KeyRing | undefined;
  #answers: string;
  #settings: GatewayConfig | undefined;
  #worker: Worker | undefined;
  #states: StatesKeeper | undefined;
  #stopped: (() => void) | undefined;

  constructor(options: GatewayDaemonOptions) {
    this.#options = options;
    this.#node = options.config;
    this.#keys = options.keys;
    this.#folder = options.values.control === undefined ? DEFAULT_FOLDER : dirname(options.values.control);
    this.#ruleset = new RulesetKeeper(options.log);
    this.#answers = readFileSync(options.values.gateway!, 'utf8');
    this.#settings = valueOf(readSettings(this.#answers, options.values.gateway!, this.#node));
    this.#control = new GatewayControl(this.#node.number, (message) => this.#tell(message), () => this.#filter());
  }

  /** Resolves when the node beats, or when it is sure that it is not to. */
  async start(): Promise<void> {
    const { values, log, keys, onStop } = this.#options;
    if (keys === undefined) throw new InputError([{ code: 'MM-GATEWAY-KEY', where: '--cluster-key', rule: 'is required: beats without a key could be anybody\'s', seen: 'nothing', remedy: 'Give the file with the cluster\'s key.' }]);
    onStop(() => this.#stop());
    if (this.#isCandidate(this.#settings)) await this.#startBeating(this.#settings, keys);
    else await this.#standAside();
    followPatiently(values.gateway!, (text) => this.#follow(text, this.#node), (reason) => log.warn({ path: values.gateway, reason }, 'gateway.settings-not-read'));
    const fresh = values['follow-key'] === undefined ? undefined : followKeys(values['follow-key'], this, log);
    if (values.follow !== undefined) followConfig(values.follow, this, log, () => fresh?.look());
  }

  /** What is known of this node, for `followConfig`. */
  get config(): NodeConfig {
    return this.#node;
  }

  /** For `followKeys`. */
  get keys(): KeyRing | undefined {
    return this.#keys;
  }

  useKeys(keys: KeyRing): void {
    this.#keys = keys;
    this.#tell({ kind: 'keys', keys: keys.map(gatewayBeatKey) });
  }

  follow(node: NodeConfig): void {
    this.#follow(this.#answers, node);
  }

  async afterStart(): Promise<void> {
    const { values, log } = this.#options;
    lockMemory([], log);
    if (values.control === undefined) return;
    const { openControlSocket } = await import('./host/control-socket.ts');
    await openControlSocket(values.control, this.#control.answers, (error) => log.warn({ reason: error.message }, 'control.peer-failed'));
  }

  #isCandidate(settings: GatewayConfig | undefined): settings is GatewayConfig {
    return settings?.candidates.includes(this.#node.number) === true;
  }

  /** This node's part in it is none: whatever an earlier one left is tidied up. */
  async #standAside(): Promise<void> {
    const { log } = this.#options;
    const settings = this.#settings ?? noGateway(this.#node.roster, this.#node.interface);
    const steps = new GatewayHost(() => settings, { rulesetShape: () => '', conntrack: () => undefined }).apply('absent');
    if (steps.length > 0) log.info({ role: 'absent', steps: steps.map(operationText).join('; ') }, 'gateway.host');
    await this.#ruleset.keep(NO_RULESET);
    log.info({ candidates: settings.candidates }, 'gateway.no-candidate-here');
  }

  async #startBeating(settings: GatewayConfig, keys: KeyRing): Promise<void> {
    const { log, die, threadFile, values } = this.#options;
    const rulesetShape = await this.#loadRuleset(settings);
    const own = this.#addressOf(this.#node.number)!;
    const own6 = settings.ipv6 && nodeIpv6(clusterPrefix(this.#node.roster.clusterName), this.#node.number);
    this.#states = new StatesKeeper({ own, own6, interface: settings.insideInterface, folder: this.#folder, log, onProcess: (pid) => this.#tell({ kind: 'conntrackd', pid }) });
    const data: BeatThreadData = {
      self: this.#node.number, config: settings, rulesetShape, cluster: clusterId(this.#node.roster.clusterName), incarnation: toHex(randomBytes(INCARNATION_BYTES)),
      keys: keys.map(gatewayBeatKey), epoch: this.#lastEpoch(), priority: priorityOf(values.priority!),
    };
    const worker = new Worker(threadFile, { workerData: data });
    this.#worker = worker;
    this.#tellDrained();
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.on('message', (message: FromBeatThread) => {
      if (message.kind === 'beating') resolve();
      this.#hear(message);
    });
    worker.on('error', die);
    worker.on('exit', () => this.#stopped === undefined && die(new Error('the beating thread has ended')));
    await promise;
  }

  /** Until it is loaded nothing is forwarded and no address is brought up. */
  async #loadRuleset(settings: GatewayConfig): Promise<string> {
    const ruleset = gateRuleset(settings);
    for (let fault = ''; ; ) {
      // Newer settings have a loop of their own.
      if (this.#settings !== settings) return ruleset.shape;
      try {
        await this.#ruleset.keep(ruleset);
        return ruleset.shape;
      } catch (error) {
        const reason = (error as Error).message;
        if (reason !== fault) this.#options.log.error({ reason, meaning: 'this node does not stand as a gateway until then' }, 'gateway.ruleset-failed');
        fault = reason;
        await new Promise((resolve) => setTimeout(resolve, RULESET_AGAIN_MS));
      }
    }
  }

  async #filter(): Promise<FilterAnswer> {
    const settings = this.#settings;
    if (!this.#isCandidate(settings) || settings.publicSide === undefined) return null;
    const dropped = await this.#ruleset.dropped();
    return dropped === undefined ? null : { open: settings.services.map(publicServiceText), dropped };
  }

  #addressOf(node: number): Ipv4 | undefined {
    return this.#node.roster.nodes.find(({ number }) => number === node)?.address;
  }

  #tell(message: ToBeatThread): boolean {
    this.#worker?.postMessage(message);
    return this.#worker !== undefined;
  }

  #hear(message: FromBeatThread): void {
    const { log } = this.#options;
    switch (message.kind) {
      case 'log': return writeLog(log, message);
      case 'beating': {
        const { policy, priority } = message;
        if (priority > 0) return log.info({ policy, priority }, 'gateway.priority');
        return log.warn({ policy, priority, meaning: 'a loaded machine may lose the gateway to another node; the unit allows a real-time priority' }, 'gateway.priority');
      }
      case 'conntrack': return this.#states!.want(message.mode, message.partner === undefined ? undefined : this.#addressOf(message.partner));
      case 'save-epoch':
        void writeFile(this.#epochFile(), `${message.epoch}\n`).catch((error: unknown) => log.warn({ reason: (error as Error).message }, 'gateway.epoch-not-written'));
        return;
      case 'stopped': return this.#stopped?.();
      case 'role':
        log.info({ role: message.role, partner: message.partner ?? 0 }, 'gateway.role');
        return;
      case 'timeline':
      case 'status':
      case 'answer': return this.#control.hear(message, log);
    }
  }

  #epochFile(): string {
    return join(this.#folder, 'epoch');
  }

  /** Of an earlier process of this boot; the others' beats tell a later one. */
  #lastEpoch(): number {
    try {
      const epoch = Number(readFileSync(this.#epochFile(), 'utf8'));
      return Number.isSafeInteger(epoch) && epoch >= 0 ? epoch : 0;
    } catch {
      return 0;
    }
  }

  #tellDrained(): void {
    this.#control.drainedByRoster(this.#node.roster.nodes.some(({ number, drained }) => number === this.#node.number && drained === true));
  }

  #follow(answers: string, node: NodeConfig): void {
    const read = readSettings(answers, this.#options.values.gateway!, node);
    if (!read.ok) {
      for (const problem of read.problems as readonly Problem[]) this.#options.log.error(problem, 'gateway.settings-refused');
      return;
    }
    const [before, settings] = [this.#settings, read.value];
    [this.#answers, this.#node, this.#settings] = [answers, node, settings];
    const wasCandidate = this.#worker !== undefined;
    if (wasCandidate !== this.#isCandidate(settings) || (wasCandidate && gatewayFoundation(before!) !== gatewayFoundation(settings!))) return this.#startAnew();
    this.#tellDrained();
    if (!wasCandidate || JSON.stringify(before) === JSON.stringify(settings)) return;
    void this.#loadRuleset(settings!).then((rulesetShape) => this.#settings === settings && this.#tell({ kind: 'config', config: settings!, rulesetShape }));
  }

  /** systemd starts it again, with the new settings. */
  #startAnew(): void {
    this.#options.log.info({}, 'gateway.settings-need-new-start');
    void this.#stop().then(() => process.exit(0));
  }

  /** In order: another node has the addresses, or they are down, before the process ends. */
  async #stop(): Promise<void> {
    if (this.#worker === undefined) return;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#stopped = () => resolve(true);
    this.#tell({ kind: 'stop' });
    setTimeout(() => resolve(false), STOP_MAX_MS);
    const addressesDown = await promise;
    this.#states!.stop();
    // Addresses that may still be up keep their filter and the gate, which is shut; the next start tidies up.
    if (addressesDown) await this.#ruleset.keep(NO_RULESET);
  }
}
