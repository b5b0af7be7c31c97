// Watches the SAN's target: was it restarted, and did it lose what it had acknowledged? What was seen last stands in a file in memory, so
// that an agent that is started again goes on where the former one ended. The decisions are in daemons/storage/target-restart.ts.

import { type Acknowledged, decideOnTarget, type TargetDecision, targetNews, type TargetSeen, type WriteCache, writeCacheOf } from '../../daemons/storage/target-restart.ts';
import type { BootHost } from '../boot-host.ts';
import { controlConnection } from './control-session.ts';
import { readKeys, registeredKeys, registrationKey } from './target-keys.ts';

/** What was seen last, of this boot. */
export const GUARD_FILE = '/run/metamaster/target.json';
/** So many looks in a row a table of registrations, which was read before, may be silent; then it counts as none. */
const SILENT_LOOKS_MAX = 6;

const NO_KEYS = 'MM-AGENT-NO-KEYS: the write cache of the SAN is volatile, and its target keeps no registrations: this node restarts whenever its connection to the SAN was interrupted';

interface Memory {
  readonly seen?: TargetSeen;
  readonly records: Readonly<Record<string, Acknowledged>>;
  /** A read or write failed since the last look. */
  readonly failed: boolean;
  readonly silentLooks: number;
}

const NOTHING: Memory = { records: {}, failed: false, silentLooks: 0 };

export interface GuardOptions {
  readonly target: string;
  /** The control session's disk: `sdb`. */
  readonly disk: string;
  readonly hardwareId: string;
  /** The answer `write-cache` of the installation. */
  readonly answer: unknown;
}

export class TargetGuard {
  readonly #host: BootHost;
  readonly #options: GuardOptions;
  readonly #key: string;
  #memory: Memory;

  constructor(host: BootHost, options: GuardOptions) {
    this.#host = host;
    this.#options = options;
    this.#key = registrationKey(options.hardwareId);
    this.#memory = this.#remembered();
  }

  /** What the SAN acknowledged last of a volume's owner record; undefined when nothing did in this boot. */
  acknowledged(volume: string): Acknowledged | undefined {
    return this.#memory.records[volume];
  }

  /** A renewal was acknowledged. */
  renewed(volume: string, acknowledged: Acknowledged): void {
    this.#keep({ ...this.#memory, records: { ...this.#memory.records, [volume]: acknowledged } });
  }

  /** A read or write on the control disk failed: the SAN is away, and nothing can be said of it. */
  failed(): void {
    if (!this.#memory.failed) this.#keep({ ...this.#memory, failed: true });
  }

  /** Looks at the target, which answers again or still. @param lost volumes whose owner records are older than what was acknowledged */
  look(lost: readonly string[]): TargetDecision {
    const before = this.#memory.seen;
    const cache = this.#cache();
    const proved = decideOnTarget({ cache, lost, news: 'same' });
    if (proved.kind === 'restart') return proved;
    if (before === undefined) return this.#begin(cache);
    const now = this.#see();
    let news = targetNews(before, now, this.#memory.failed);
    const silentLooks = news === 'unknown' ? this.#memory.silentLooks + 1 : 0;
    if (silentLooks > SILENT_LOOKS_MAX) news = targetNews({ ...before, keys: undefined }, now, this.#memory.failed);
    if (news === 'unknown') {
      this.#keep({ ...this.#memory, silentLooks });
      return { kind: 'go-on' };
    }
    const decision = decideOnTarget({ cache, lost: [], news });
    if (decision.kind === 'restart') return decision;
    const keys = now.keys?.own === false ? registeredKeys(this.#host, this.#device, this.#key) : now.keys;
    this.#keep({ ...this.#memory, seen: { ...now, keys }, failed: false, silentLooks: 0 });
    if (news === 'key-removed') return { kind: 'go-on', remark: 'MM-AGENT-KEY-REMOVED: somebody removed the key of this node from the registrations of the target; it is registered again' };
    return before.keys !== undefined && keys === undefined && cache === 'volatile' ? { kind: 'go-on', remark: NO_KEYS } : decision;
  }

  get #device(): string {
    return `/dev/${this.#options.disk}`;
  }

  #cache(): WriteCache {
    return writeCacheOf(this.#host.readText(`/sys/block/${this.#options.disk}/queue/write_cache`), this.#options.answer);
  }

  #see(): TargetSeen {
    return { connection: controlConnection(this.#host, this.#options.target), keys: readKeys(this.#host, this.#device, this.#key) };
  }

  /** The first look of a boot, which registers; and what it has to say of the target. */
  #begin(cache: WriteCache): TargetDecision {
    const keys = registeredKeys(this.#host, this.#device, this.#key);
    this.#keep({ ...this.#memory, seen: { connection: controlConnection(this.#host, this.#options.target), keys }, failed: false });
    if (cache !== 'volatile') return { kind: 'go-on', remark: `write cache of the SAN: ${cache}; this node goes on when the target was restarted` };
    if (keys === undefined) return { kind: 'go-on', remark: NO_KEYS };
    return { kind: 'go-on', remark: `write cache of the SAN: volatile; this node restarts when the target was restarted, by which its key 0x${this.#key} is lost` };
  }

  #remembered(): Memory {
    try {
      return { ...NOTHING, ...(JSON.parse(this.#host.readText(GUARD_FILE) ?? '{}') as Partial<Memory>) };
    } catch {
      // Written by half: the agent was killed in the middle of it.
      return NOTHING;
    }
  }

  #keep(memory: Memory): void {
    this.#memory = memory;
    this.#host.writeText(GUARD_FILE, JSON.stringify(memory), 0o600);
  }
}
