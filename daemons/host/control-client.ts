// The command line's side of the control socket: one question, one answer.

import { CONTROL_CONFIG } from './control-socket.ts';

/** A daemon that is well answers within milliseconds; one that does not in this time hangs. */
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Asks the daemon behind the Unix socket at `path`. Rejects with the system's error when nobody is to be reached there (ENOENT:
 * no socket; ECONNREFUSED: its daemon is gone; EACCES: it is not for this user), and with an Error after `timeoutMs`. `data` goes along.
 */
export async function askControl(path: string, question: string, data: unknown = undefined, timeoutMs = ANSWER_TIMEOUT_MS): Promise<unknown> {
  const { IPCModule } = await import('node-ipc');
  const ipc = new IPCModule();
  const id = CONTROL_CONFIG.id;
  Object.assign(ipc.config, CONTROL_CONFIG, { maxRetries: 0, stopRetrying: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${path}: no answer within ${timeoutMs} ms`)), timeoutMs);
      ipc.connectTo(id, path, () => {
        const client = ipc.of[id]!;
        client.on('error', (error) => reject(error as Error));
        client.on('disconnect', () => reject(new Error(`${path}: the connection was closed before an answer came`)));
        client.on(question, resolve);
        client.on('connect', () => client.emit(question, data));
      });
    });
  } finally {
    clearTimeout(timer);
    ipc.disconnect(id);
  }
}
