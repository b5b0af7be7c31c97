// A running daemon follows the configuration that the storage agent puts into memory when the registry has changed: every table, and no socket.

import { judgeReload } from './agent/config-reload.ts';
import type { NodeConfig } from './agent/node-config.ts';
import type { Logger } from './host/log.ts';
import { watchFile } from './host/watched-file.ts';

/** What follows. */
export interface ConfigFollower {
  /** The configuration that is followed now. */
  readonly config: NodeConfig;
  follow(config: NodeConfig): void;
}

/** Follows the file for as long as the process runs. A file that cannot be followed is told once for each that is put there, and changes nothing. */
export function followConfig(path: string, follower: ConfigFollower, log: Logger): void {
  const onText = (text: string): void => {
    const reload = judgeReload(follower.config, text, path);
    if (reload.kind === 'refuse') log.error(reload.problem, 'config.refused');
    if (reload.kind !== 'follow') return;
    const before = follower.config.rosterGeneration;
    follower.follow(reload.config);
    log.info({ before, generation: reload.config.rosterGeneration, nodes: reload.config.roster.nodes.length }, 'config.followed');
  };
  watchFile(path, onText, (reason) => log.warn({ path, reason }, 'config.not-read'));
}
