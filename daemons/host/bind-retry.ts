// A daemon may start before its address is on the interface, or while its predecessor still holds the port: it waits.

/** The first pause; an address that the initrd has just set is usable within it. */
const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 2000;

const TRANSIENT = new Set(['EADDRNOTAVAIL', 'EADDRINUSE', 'ENODEV', 'ENETDOWN']);

/** True for errors of bind(2) that pass by themselves when address, interface or port become free. */
function isTransientBindError(error: unknown): boolean {
  return error instanceof Error && TRANSIENT.has((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * Opens a socket, and again with growing pauses while the reason may pass. `onWait` hears of the first failure and of each
 * change of reason, not of every try. Rejects with any other error, e.g. EACCES: a missing capability does not appear.
 */
export async function bindWithRetry<T>(open: () => Promise<T>, onWait: (reason: string) => void, sleep: (ms: number) => Promise<void> = pause): Promise<T> {
  let told: string | undefined;
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
    try {
      return await open();
    } catch (error) {
      if (!isTransientBindError(error)) throw error;
      const reason = (error as Error).message;
      if (reason !== told) onWait(reason);
      told = reason;
    }
    await sleep(pauseMs);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
