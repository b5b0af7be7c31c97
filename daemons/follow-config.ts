// A running daemon follows what the storage agent puts into memory when the registry has changed: the configuration, which is every table and no
// socket, and the cluster's keys.

import { judgeReload } from './agent/config-reload.ts';
import { isSameRing, type KeyRing, parseKeyRing } from './agent/key-ring.ts';
import type { NodeConfig } from './agent/node-config.ts';
import type { Logger } from './host/log.ts';
import { type WatchedFile, watchFile } from './host/watched-file.ts';

/** What follows. */
export interface ConfigFollower {
  /** The configuration that is followed now. */
  readonly config: NodeConfig;
  follow(config: NodeConfig): void;
}

/** What speaks under the cluster's keys. */
export interface KeyFollower {
  /** The keys that are used now. */
  readonly keys: KeyRing | undefined;
  useKeys(keys: KeyRing): void;
}

/** Follows the file of keys for as long as the process runs. One that cannot be used is told once, and changes nothing. */
export function followKeys(path: string, follower: KeyFollower, log: Logger): WatchedFile {
  const onText = (text: string): void => {
    const read = parseKeyRing(text, path);
    if (!read.ok) return log.error(read.problems[0], 'keys.refused');
    if (follower.keys === undefined || isSameRing(follower.keys, read.value)) return;
    follower.useKeys(read.value);
    log.info({ keys: read.value.length }, 'keys.followed');
  };
  return watchFile(path, onText, (reason) => log.warn({ path, reason }, 'keys.not-read'));
}

/**
 * Follows the file for as long as the process runs. A file that cannot be followed is told once for each that is put there, and changes nothing.
 * @param before looks at what has to be known before the configuration: the keys that came with it
 */
export function followConfig(path: string, follower: ConfigFollower, log: Logger, before: () => void = () => {}): void {
  const onText = (text: string): void => {
    before();
    const reload = judgeReload(follower.config, text, path);
    if (reload.kind === 'refuse') log.error(reload.problem, 'config.refused');
    if (reload.kind !== 'follow') return;
    const formerly = follower.config.rosterGeneration;
    follower.follow(reload.config);
    log.info({ before: formerly, generation: reload.config.rosterGeneration, nodes: reload.config.roster.nodes.length }, 'config.followed');
  };
  watchFile(path, onText, (reason) => log.warn({ path, reason }, 'config.not-read'));
}
