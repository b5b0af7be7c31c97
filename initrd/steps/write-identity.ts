// Writes what makes a root a node's own into it, as far as it differs: at the boot into the mounted root, and later into the running one when
// the registry has changed. The running root may hang with the SAN at any moment, so there a process of its own writes, which hangs alone.

import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import { changedFiles, type IdentityFile, SECRET_FOLDERS, shadowWithRootHash, TIME_SOURCES } from '../identity.ts';

const SHADOW = '/etc/shadow';
/** The first argument that makes the storage agent's program the one that writes. */
export const WRITE_IDENTITY = 'write-identity';

/** What is to stand in a root. */
export interface IdentityWrite {
  readonly files: readonly IdentityFile[];
  readonly rootPasswordHash: string;
}

/** What came of it: the paths that were written, or why not all were. */
export interface IdentityOutcome {
  readonly changed: readonly string[];
  readonly failed?: string;
}

/** Writes one file, whose folder is there. @throws Error */
type Put = (path: string, text: string, mode: number) => void;

/**
 * Writes what differs, and tells each path, from the top of the root, before it is written.
 * @param root in front of every path: `/sysroot`, or nothing
 * @throws StepError or Error
 */
export function writeIdentity(host: BootHost, root: string, { files, rootPasswordHash }: IdentityWrite, put: Put, onWrite: (path: string) => void = () => undefined): void {
  for (const folder of SECRET_FOLDERS.filter((one) => !host.exists(`${root}${one}`))) {
    mustRun(host, 'MM-BOOT-ROOT', ['mkdir', '-p', '-m', '700', `${root}${folder}`], 'The root is not whole: restore the node.');
  }
  for (const { path, text, mode } of changedFiles(files, (path) => host.readText(`${root}${path}`))) {
    onWrite(path);
    host.makeFolder(`${root}${path.slice(0, path.lastIndexOf('/'))}`);
    put(`${root}${path}`, text, mode);
  }
  const shadow = host.readText(`${root}${SHADOW}`) ?? '';
  const wanted = shadowWithRootHash(shadow, rootPasswordHash);
  if (wanted === shadow) return;
  onWrite(SHADOW);
  put(`${root}${SHADOW}`, wanted, 0o640);
}

/** Puts a new file in the place of one that programs may be reading: they see the one or the other. It belongs to whom the old one belonged to. */
function replaceFile(host: BootHost, path: string, text: string, mode: number): void {
  const fresh = `${path}.metamaster-new`;
  host.writeText(fresh, text, mode);
  if (host.exists(path)) mustRun(host, 'MM-AGENT-FILES', ['chown', `--reference=${path}`, fresh], 'See `journalctl -k`; it is tried again.');
  host.rename(fresh, path);
}

/**
 * The work of the process that writes: takes what is to stand there from a file in memory, which it removes, for there are secrets in it, and
 * leaves what came of it in another.
 */
export function performWrite(host: BootHost, requestFile: string, outcomeFile: string, root: string): void {
  const changed: string[] = [];
  let outcome: IdentityOutcome = { changed };
  try {
    const request = host.readText(requestFile);
    if (request === undefined) throw new StepError('MM-AGENT-FILES', `${requestFile} cannot be read`, 'It is tried again.');
    writeIdentity(host, root, JSON.parse(request) as IdentityWrite, (path, text, mode) => replaceFile(host, path, text, mode), (path) => changed.push(path));
    // Nothing of it is started anew. Where no chronyd runs there is nobody to tell; it reads the folder when it starts.
    if (changed.includes(TIME_SOURCES)) host.run(['chronyc', 'reload', 'sources']);
  } catch (error) {
    outcome = { changed, failed: error instanceof Error ? error.message : String(error) };
  }
  host.run(['rm', '-f', requestFile]);
  host.writeText(`${outcomeFile}.new`, `${JSON.stringify(outcome)}\n`, 0o600);
  host.rename(`${outcomeFile}.new`, outcomeFile);
}
