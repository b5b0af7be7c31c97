// The storage agent's eye on its own node's exception store: it warns while there is time to make room, and stops the blade at once when the
// kernel has given the store up, for from then on the root answers with errors what it should do.

import { volumePath } from '../../daemons/storage/dm-table.ts';
import type { Registry } from '../../daemons/storage/registry.ts';
import { canFill, fillPercent, fillWarning, parseStoreFill } from '../../daemons/storage/store-fill.ts';
import type { BootHost } from '../boot-host.ts';
import type { BootRecord } from './handover.ts';

/** How full the store is, in memory, for `metamaster status`. */
export const STORE_FILL_FILE = '/run/metamaster/store-fill.json';

/** What stands there. */
export interface StoreFillFact {
  readonly percent: number;
  /** False: there is room for the whole origin, so that a full store is no harm. */
  readonly canFill: boolean;
}

/** A word from here up is a program that could not be started, or was killed by what it read. */
const NOT_RUN = 126;
/** So often in a row the question may go unanswered before a read-only root is taken for the answer. */
const UNANSWERED_MAX = 3;

/** True when the root's file system went read-only, which it does by itself when its journal cannot be written. */
function rootIsReadOnly(mounts: string): boolean {
  const options = mounts.split('\n').map((line) => line.split(' ')).findLast(([, path]) => path === '/')?.[3] ?? '';
  return options.split(',').some((option) => option === 'ro' || option === 'emergency_ro');
}

export class StoreWatch {
  readonly #host: BootHost;
  readonly #device: string;
  readonly #name: string;
  readonly #canFill: boolean;
  #held = 0;
  #percent: number | undefined;
  #unanswered = 0;

  /** @param record what the boot left: container and number of this node, whose root is the snapshot */
  constructor(host: BootHost, record: BootRecord, { volumes }: Pick<Registry, 'volumes'>) {
    this.#host = host;
    this.#device = `${record.container}-node${record.node}`;
    this.#name = volumePath(record.container ?? '', `node${record.node}`);
    const store = volumes.find(({ kind, node, retired }) => kind === 'store' && node === record.node && retired === undefined);
    const origin = volumes.find(({ name }) => name === store?.origin);
    this.#canFill = store?.chunkSectors !== undefined && origin !== undefined && canFill(store.sizeBytes, origin.sizeBytes, store.chunkSectors);
  }

  /** Looks once. Does not come back on a blade whose store was given up. */
  look(): void {
    const { code, said } = this.#host.run(['dmsetup', 'status', this.#device]);
    const fill = code === 0 ? parseStoreFill(said) : undefined;
    if (fill?.kind === 'given-up') return this.#stop(`the kernel says "${fill.word}"`);
    if (fill === undefined) {
      // A root that nothing can be read from has no dmsetup either.
      this.#unanswered = code >= NOT_RUN ? this.#unanswered + 1 : 0;
      if (this.#unanswered >= UNANSWERED_MAX && rootIsReadOnly(this.#host.readText('/proc/mounts') ?? '')) this.#stop('no program of the root runs any more, and its file system is read-only');
      return;
    }
    this.#unanswered = 0;
    const percent = fillPercent(fill);
    const fact: StoreFillFact = { percent, canFill: this.#canFill };
    if (percent !== this.#percent) this.#host.writeText(STORE_FILL_FILE, `${JSON.stringify(fact)}\n`, 0o644);
    this.#percent = percent;
    if (!this.#canFill) return;
    const former = this.#held;
    this.#held = fillWarning(percent, former);
    if (this.#held > former) this.#warn(percent);
  }

  #warn(percent: number): void {
    const text = `MM-AGENT-STORE-FILL: the exception store of ${this.#name} is ${percent} % full. At 100 % this root is lost. Deleting files does not lower it: save what must be kept, and reset the node with a larger store.`;
    this.#host.print(`storage-agent: ${text}`);
    this.#host.writeText('/dev/console', `\nmetamaster: ${text}\n`, 0o600);
  }

  /**
   * No sync, no shutdown: nothing of this root can be written any more. By sysrq, which needs no program and no page of the root; the
   * blade boots anew, and its initrd says what is to be done.
   */
  #stop(why: string): void {
    try {
      this.#host.writeText('/dev/console', `\nmetamaster: MM-AGENT-STORE-INVALID: the kernel gave the exception store of ${this.#name} up (${why}). This blade stops at once; its next boot says what to do.\nmm-stage stopped MM-AGENT-STORE-INVALID: ${this.#name} cannot be used any more\n`, 0o600);
    } finally {
      this.#host.writeText('/proc/sysrq-trigger', 'b', 0o200);
    }
  }
}
