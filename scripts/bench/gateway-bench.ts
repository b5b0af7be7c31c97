// The gateway beside keepalived: how long a client is cut off when the gateway dies, and how often it moves although nobody died. Both on the same
// namespaces, by the same ping, in one run.

import { type ChildProcess, spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { BenchRow } from '../bench.ts';
import { GatewayProcess } from './gateway-process.ts';
import { GATEWAY_ADDRESSES, GatewaySpaces, NETWORKS } from './gateway-spaces.ts';
import { keepalivedVersion, KeepalivedProcess } from './keepalived-process.ts';
import { PingGaps } from './ping-gaps.ts';

const HELP = `npm run bench -- gateway [--json] [--quick] [--trials N] [--minutes M] [--only outage|false]
Three candidates, a client inside and a server outside, in network namespaces; a ping each 10 ms from the one to the other through the gateway.
The holder dies by kill -9, by both its plugs, and by switches that pass nothing of it, N times each [30]; then nobody dies for M minutes [10] while 8 busy loops keep the machine's
cores. keepalived beside it: at an advert_int of 0.1 s, and of 0.01 s for comparison. Needs root, iproute2, nftables, ping and keepalived.

  --trials N    deaths of each kind and of each system [30]
  --minutes M   of the false takeovers [10]
  --quick       3 trials, 12 seconds
  --only WHAT   one half alone
The whole takes some 35 minutes with the defaults. Exit code 1: a figure is above its bar.`;

const CANDIDATES = [1, 2, 3] as const;
/** The bars of the gateway: milliseconds at the 99th percentile, and takeovers without a death. */
const OUTAGE_BAR_MS = 100;
const FALSE_BAR = 0;
const BUSY_LOOPS = 8;
/** keepalived at 0.1 s needs some 0.4 s; ten times that, and something is wrong. */
const SETTLE_MAX_MS = 60_000;
/** So long after a death its gap is over, or the trial waits on. */
const AFTER_DEATH_MS = 1200;
/** A death comes at any phase of the beat. */
const PHASE_MS = 100;
/** So many answers in a row show that the way is whole again. */
const FLOWING_ANSWERS = 30;

/** `link cut`: both plugs are pulled, and the card notices. `silence`: both switches pass nothing any more, as when the machine's power goes. */
const DEATHS = ['kill -9', 'link cut', 'silence'] as const;
type Death = (typeof DEATHS)[number];

/** One of the systems that are compared. */
interface Contender {
  readonly name: string;
  start(spaces: GatewaySpaces, node: number): Member;
}

/** One candidate of a contender. */
interface Member {
  kill(): Promise<void>;
  /** Ends it, and takes away what it leaves. */
  remove(): Promise<void>;
  /** How often it has taken the addresses. */
  takeovers(): Promise<number>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const OURS: Contender = {
  name: 'gatewayd',
  start(spaces, node) {
    const member = new GatewayProcess(spaces, node);
    return {
      kill: () => member.end('SIGKILL'),
      remove: () => member.end('SIGTERM'),
      takeovers: async () => (await member.status())?.takeovers.length ?? 0,
    };
  },
};

const keepalived = (intervalSeconds: number): Contender => ({
  name: `keepalived at ${intervalSeconds} s`,
  start(spaces, node) {
    const member = new KeepalivedProcess(spaces, node, intervalSeconds);
    return { kill: () => member.kill(), remove: () => member.remove(), takeovers: () => Promise.resolve(member.takeovers) };
  },
});

/** The system of three candidates on a rack of its own. */
class Trial {
  readonly #spaces: GatewaySpaces;
  readonly #contender: Contender;
  readonly #members = new Map<number, Member>();

  constructor(spaces: GatewaySpaces, contender: Contender) {
    this.#spaces = spaces;
    this.#contender = contender;
    for (const node of CANDIDATES) this.#members.set(node, contender.start(spaces, node));
  }

  /** Waits for a holder that is none of `except`. */
  async holder(except: readonly number[] = []): Promise<number> {
    for (const end = Date.now() + SETTLE_MAX_MS; Date.now() < end; await pause(100)) {
      const having = this.#spaces.having(GATEWAY_ADDRESSES.moving).filter((node) => !except.includes(node));
      if (having.length === 1) return having[0]!;
    }
    throw new Error(`${this.#contender.name}: no one holder within ${SETTLE_MAX_MS / 1000} s`);
  }

  /** The gap that one death tears into the ping. */
  async outage(death: Death, ping: PingGaps): Promise<number> {
    const holder = await this.holder();
    await flowing(ping);
    await pause(Math.random() * PHASE_MS);
    ping.mark();
    await this.#die(death, holder);
    await pause(AFTER_DEATH_MS);
    await this.holder([holder]);
    await flowing(ping);
    const gap = ping.longestGapMs();
    if (gap === undefined) throw new Error(`${this.#contender.name}: the ping was not answered any more`);
    await this.#revive(death, holder);
    await this.holder();
    return gap;
  }

  async takeovers(): Promise<number> {
    const counts = await Promise.all([...this.#members.values()].map((member) => member.takeovers()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async remove(): Promise<void> {
    for (const member of this.#members.values()) await member.remove();
  }

  async #die(death: Death, holder: number): Promise<void> {
    if (death === 'kill -9') return this.#members.get(holder)!.kill();
    if (death === 'link cut') this.#spaces.plug(holder, NETWORKS, false);
    else this.#spaces.isolate(holder, NETWORKS, true);
  }

  async #revive(death: Death, holder: number): Promise<void> {
    if (death === 'link cut') this.#spaces.plug(holder, NETWORKS, true);
    else if (death === 'silence') this.#spaces.isolate(holder, NETWORKS, false);
    else {
      await this.#members.get(holder)!.remove();
      this.#members.set(holder, this.#contender.start(this.#spaces, holder));
    }
    // Until it stands again: ours listens for a second, and looks at its way out.
    await pause(3000);
  }
}

/** Waits until the ping is answered all the time. */
async function flowing(ping: PingGaps): Promise<void> {
  for (const end = Date.now() + SETTLE_MAX_MS; Date.now() < end; ) {
    const from = Date.now();
    await pause(FLOWING_ANSWERS * 12);
    if (ping.answersSince(from) >= FLOWING_ANSWERS / 2) return;
  }
  throw new Error('the ping is not answered');
}

/** Runs the deaths of one contender; the gaps of each kind. */
async function outages(contender: Contender, trials: number): Promise<Map<Death, number[]>> {
  const spaces = new GatewaySpaces('mmgw-bench', CANDIDATES);
  const gaps = new Map<Death, number[]>(DEATHS.map((death) => [death, []]));
  const trial = new Trial(spaces, contender);
  let ping: PingGaps | undefined;
  try {
    await trial.holder();
    ping = new PingGaps(spaces, spaces.client, GATEWAY_ADDRESSES.router);
    for (const death of DEATHS) {
      for (let count = 1; count <= trials; count++) {
        const gap = await trial.outage(death, ping);
        gaps.get(death)!.push(gap);
        say(`${contender.name}, ${death} ${count} of ${trials}: ${gap.toFixed(1)} ms`);
      }
    }
  } finally {
    await ping?.stop();
    await trial.remove();
    spaces.remove();
  }
  return gaps;
}

/** Takeovers while nobody dies and the machine is busy, of all contenders at once. */
async function falseTakeovers(contenders: readonly Contender[], minutes: number): Promise<number[]> {
  const racks = contenders.map((_, at) => new GatewaySpaces(`mmgw-busy${at}`, CANDIDATES));
  const trials = contenders.map((contender, at) => new Trial(racks[at]!, contender));
  const loops: ChildProcess[] = [];
  try {
    for (const trial of trials) await trial.holder();
    await pause(3000);
    const before = await Promise.all(trials.map((trial) => trial.takeovers()));
    for (let count = 0; count < BUSY_LOOPS; count++) loops.push(spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
    say(`${BUSY_LOOPS} busy loops for ${minutes} minutes`);
    await pause(minutes * 60_000);
    for (const loop of loops) loop.kill('SIGKILL');
    const after = await Promise.all(trials.map((trial) => trial.takeovers()));
    return after.map((count, at) => count - before[at]!);
  } finally {
    for (const loop of loops) loop.kill('SIGKILL');
    for (const trial of trials) await trial.remove();
    for (const rack of racks) rack.remove();
  }
}

/** By nearest rank; with fewer than a hundred values the 99th percentile is the largest. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

function row(work: string, peer: string, peerVersion: string, ours: number, theirs: number, unit: BenchRow['unit'], bar: number | null): BenchRow {
  return { work, peer, peerVersion, ours: rounded(ours), theirs: rounded(theirs), unit, ratio: theirs === 0 ? null : Math.round((100 * ours) / theirs) / 100, bar };
}

async function outageRows(contenders: readonly Contender[], version: string, trials: number): Promise<readonly BenchRow[]> {
  const all: Map<Death, number[]>[] = [];
  for (const contender of contenders) all.push(await outages(contender, trials));
  const together = all.map((gaps) => [...gaps.values()].flat());
  const rows: BenchRow[] = [];
  for (const [at, { name }] of contenders.slice(1).entries()) {
    const isFirst = at === 0;
    rows.push(row(isFirst ? 'outage p99' : 'outage p99, for comparison', name, version, percentile(together[0]!, 99), percentile(together[at + 1]!, 99), 'ms', isFirst ? OUTAGE_BAR_MS : null));
    for (const death of DEATHS) {
      for (const percent of [99, 50]) rows.push(row(`outage p${percent}, ${death}`, name, version, percentile(all[0]!.get(death)!, percent), percentile(all[at + 1]!.get(death)!, percent), 'ms', null));
    }
  }
  return rows;
}

/** Runs the bench; its rows, none when only help was wanted. */
export async function gatewayBench(argv: readonly string[]): Promise<readonly BenchRow[]> {
  const { values } = parseArgs({
    args: [...argv],
    options: { trials: { type: 'string' }, minutes: { type: 'string' }, quick: { type: 'boolean', default: false }, only: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return [];
  }
  const [trials, minutes] = [Number(values.trials ?? (values.quick ? 3 : 30)), Number(values.minutes ?? (values.quick ? 0.2 : 10))];
  if (!Number.isInteger(trials) || trials < 1 || !(minutes > 0)) throw new Error('--trials takes a whole number from 1 on, --minutes a number above 0');
  const version = keepalivedVersion();
  if (version === undefined) throw new Error('keepalived is missing; scripts/prepare installs it');
  const contenders = [OURS, keepalived(0.1), keepalived(0.01)];
  const rows: BenchRow[] = [];
  if (values.only !== 'false') rows.push(...(await outageRows(contenders, version, trials)));
  if (values.only !== 'outage') {
    const [ours, ...theirs] = await falseTakeovers(contenders, minutes);
    rows.push(...theirs.map((count, at) => row(at === 0 ? 'false take-overs' : 'false take-overs, for comparison', contenders[at + 1]!.name, version, ours!, count, 'count', at === 0 ? FALSE_BAR : null)));
  }
  return rows;
}
