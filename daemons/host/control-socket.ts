// The local door for the command line: node-ipc's Guarded profile on a Unix socket in a directory of the daemon's own.

import { dirname } from 'node:path';

/** The command line and a console or two. */
const CONNECTIONS_MAX = 16;
/** The largest status: 1024 blades, each with a detail of 160 characters that JSON may spell in six bytes each, comes to 1.2 MB. */
const MESSAGE_MAX_BYTES = 4 * 1024 * 1024;

/** What both sides of the socket must agree upon. */
export const CONTROL_CONFIG = { id: 'metamasterd', silent: true, parser: 'guarded', maxMessageSize: MESSAGE_MAX_BYTES } as const;

export interface ControlSocket {
  close(): void;
}

/** Answers each event of `answers`, with what came along, by an event of the same name; an answer may be a promise. `onError` hears of broken peers, which harm nobody. */
export async function openControlSocket(path: string, answers: Readonly<Record<string, (data: unknown) => unknown>>, onError: (error: Error) => void): Promise<ControlSocket> {
  // Loaded here: the boot services are up before anybody asks for their status.
  const { IPCModule } = await import('node-ipc');
  const ipc = new IPCModule();
  Object.assign(ipc.config, {
    ...CONTROL_CONFIG,
    // The directory becomes the daemon's alone (mode 0700), which is what keeps others out.
    socketRoot: `${dirname(path)}/`,
    maxConnections: CONNECTIONS_MAX,
  });
  await new Promise<void>((resolve, reject) => {
    ipc.serve(path, resolve);
    const server = ipc.server;
    if (server === false) return reject(new Error(`node-ipc did not make a server for ${path}`));
    server.on('error', (error) => {
      reject(error);
      onError(error);
    });
    for (const [event, answer] of Object.entries(answers)) {
      server.on(event, async (data, socket) => {
        try {
          server.emit(socket, event, await answer(data));
        } catch (error) {
          // An answer that cannot be sent is no reason to stop serving the blades.
          onError(error as Error);
        }
      });
    }
    server.start();
  });
  return {
    close: () => {
      if (ipc.server !== false) ipc.server.stop();
    },
  };
}
