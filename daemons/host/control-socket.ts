// The local door for the command line: node-ipc's Guarded profile on a Unix socket in a directory of the daemon's own.

import { dirname } from 'node:path';

/** The command line and a console or two. */
const CONNECTIONS_MAX = 16;
/** Questions are a word; answers are bounded by the rack. */
const MESSAGE_MAX_BYTES = 64 * 1024;

export interface ControlSocket {
  close(): void;
}

/** Answers each event of `answers` with an event of the same name. `onError` hears of broken peers, which harm nobody. */
export async function openControlSocket(path: string, answers: Readonly<Record<string, () => unknown>>, onError: (error: Error) => void): Promise<ControlSocket> {
  // Loaded here: the boot services are up before anybody asks for their status.
  const { IPCModule } = await import('node-ipc');
  const ipc = new IPCModule();
  Object.assign(ipc.config, {
    id: 'metamasterd',
    silent: true,
    parser: 'guarded',
    // The directory becomes the daemon's alone (mode 0700), which is what keeps others out.
    socketRoot: `${dirname(path)}/`,
    maxConnections: CONNECTIONS_MAX,
    maxMessageSize: MESSAGE_MAX_BYTES,
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
      server.on(event, (_data, socket) => {
        server.emit(socket, event, answer());
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
