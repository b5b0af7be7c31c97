// The recorder between parts that are not ours: tgt as the target, and QEMU's initiator (libiscsi), in a network namespace of the test's
// own. What is recorded, replayed over an empty image, must be the target's own file.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIB } from '../../daemons/storage/block.ts';
import { sanEnvironment, showTargetsArgv, targetCommands, tgtdArgv } from '../../scripts/virtual-rack/san-plan.ts';
import { inSpace, ip, MAY_MAKE_SPACES, NetworkSpaces } from '../network-spaces.test-kit.ts';
import { CRASH_DEFAULTS } from './crash-choices.ts';
import { crashCases, replayed } from './crash-states.ts';
import { JournalFile } from './write-journal.ts';

const TARGET = 'iqn.2026-11.metamaster:recorded';
const DISK_BYTES = 64 * MIB;
const PORTAL = '127.0.0.1:3260';
const PROXY_PORT = 3261;

/** Which of the foreign programs are missing; QEMU's initiator is a module of its own, without which it does not know the protocol. */
function missing(): string[] {
  const lacks = ['tgtd', 'tgtadm', 'qemu-io'].filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  return lacks.length === 0 && spawnSync('qemu-io', ['-c', 'quit', 'iscsi:'], { encoding: 'utf8' }).stderr.includes('Unknown protocol') ? ['qemu-block-extra'] : lacks;
}

const why = MAY_MAKE_SPACES ? missing().join(', ') : 'root, to make a network namespace';

describe.skipIf(why !== '')(`the recorder in front of tgt${why === '' ? '' : ` (skipped: it wants ${why})`}`, () => {
  const spaces = new NetworkSpaces('mmrec');
  const running: ChildProcess[] = [];
  let space = '';
  let folder = '';
  let disk = '';
  let environment: NodeJS.ProcessEnv = {};

  const start = (argv: readonly string[]): ChildProcess => {
    const child = spawn('ip', inSpace(space, ...argv), { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(child);
    return child;
  };
  const run = (argv: readonly string[]) => spawnSync('ip', inSpace(space, ...argv), { env: environment, encoding: 'utf8', timeout: 60_000 });
  const ended = async (child: ChildProcess): Promise<number | null> => child.exitCode ?? await new Promise((resolve) => void child.once('exit', resolve));
  const proxied = (...commands: string[]): string[] => ['qemu-io', '-f', 'raw', '-t', 'writeback', ...commands.flatMap((command) => ['-c', command]), `iscsi://127.0.0.1:${PROXY_PORT}/${TARGET}/1`];

  /** Records what `use` does; the journal's folder, and how the recorder ended. */
  async function recorded(name: string, use: () => Promise<void> | void): Promise<{ journal: string; code: number | null; said: string }> {
    const journal = join(folder, name);
    const child = start([process.execPath, '--disable-warning=ExperimentalWarning', 'test/crash/record-writes.ts', '--listen', `127.0.0.1:${PROXY_PORT}`, '--target', PORTAL, '--journal', journal]);
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      child.stdout!.once('data', () => resolve());
      child.once('exit', () => reject(new Error(`the recorder ended: ${said}`)));
    });
    try {
      await use();
    } finally {
      // Node is what `ip netns exec` became: the signal reaches it.
      child.kill('SIGTERM');
      await ended(child);
    }
    return { journal, code: child.exitCode, said };
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'recorder-'));
    disk = join(folder, 'disk.img');
    environment = { ...process.env, ...sanEnvironment(folder) };
    spaces.start();
    space = spaces.plugIn('san', {});
    ip('-n', space, 'link', 'set', 'lo', 'up');
    writeFileSync(disk, '');
    truncateSync(disk, DISK_BYTES);
    start([...tgtdArgv().slice(0, -1), `portal=${PORTAL}`]);
    for (let tries = 0; run(showTargetsArgv()).status !== 0; tries++) {
      if (tries === 100) throw new Error('tgtd does not answer');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // Data without being asked for, which tgt does not take unless it is told to.
    const unsolicited = ['tgtadm', '-C', '7', '--lld', 'iscsi', '--mode', 'target', '--op', 'update', '--tid', '1', '--name', 'InitialR2T', '--value', 'No'];
    for (const command of [...targetCommands(TARGET, disk, true), unsolicited]) {
      const { status, stderr } = run(command);
      if (status !== 0) throw new Error(stderr);
    }
  }, 60_000);

  afterAll(async () => {
    for (const child of running) {
      // tgtd with a session heeds SIGKILL alone.
      child.kill('SIGKILL');
      await ended(child);
    }
    spaces.stop();
    rmSync(folder, { recursive: true });
  });

  test('its journal over an empty image is the target\'s own file: several sessions, immediate, unsolicited and solicited data, FUA and zeros', { timeout: 120_000 }, async () => {
    const { journal, code, said } = await recorded('journal', async () => {
      const sessions = [
        proxied('write -P 0x11 0 64k', 'write -P 0x22 1M 4M', 'flush', 'write -P 0x33 2M 512', 'write -f -P 0x44 3M 8k', 'write -z 4M 256k', 'flush'),
        proxied(...[0, 1, 2, 3].map((i) => `aio_write -P ${0x50 + i} ${16 + 2 * i}M 1M`), 'aio_flush', 'write -P 0x66 30M 96k'),
      ].map(start);
      for (const session of sessions) expect(await ended(session)).toBe(0);
    });
    expect([code, said]).toEqual([0, '']);
    const file = new JournalFile(journal);
    const kinds = file.events.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'flush-done').length).toBeGreaterThanOrEqual(3);
    const bytes = readFileSync(disk);
    expect(bytes.subarray(MIB, 2 * MIB).every((byte) => byte === 0x22)).toBe(true);
    const image = Buffer.from(replayed(file.events).over((_, length) => new Uint8Array(length))(0, DISK_BYTES));
    expect(image.equals(bytes)).toBe(true);
    file.close();
    // The same by the command that a developer has for it.
    const copy = join(folder, 'copy.img');
    closeSync(openSync(copy, 'w'));
    truncateSync(copy, DISK_BYTES);
    expect(spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'test/crash/replay-writes.ts', journal, copy], { encoding: 'utf8' }).stdout).toMatch(/everything that was answered well/);
    expect(readFileSync(copy).equals(bytes)).toBe(true);
  });

  test('what was flushed is on every disk that a power cut may leave from then on; what was not, is on some', { timeout: 60_000 }, async () => {
    const { journal } = await recorded('flushed', async () => {
      expect(await ended(start(proxied('write -P 0xa1 8M 16k', 'flush', 'write -P 0xa2 8M 16k', 'write -f -P 0xa3 9M 4k', 'write -P 0xa4 10M 4k')))).toBe(0);
    });
    const file = new JournalFile(journal);
    const seen = new Set<string>();
    for (const crash of crashCases(file.events, { seed: 1, ...CRASH_DEFAULTS, torn: 0, scattered: 0 })) {
      const at = (offset: number): string => crash.over((_, length) => new Uint8Array(length))(offset, 512)[0]!.toString(16);
      seen.add(`${crash.flushes > 0 ? 'after' : 'before'} ${at(8 * MIB)} ${at(9 * MIB)} ${at(10 * MIB)}`);
    }
    file.close();
    // The disk of which all had arrived before the first flush is the one that this flush leaves: it is counted once.
    expect(seen).toEqual(new Set(['before 0 0 0', 'before a1 0 0', 'after a2 0 0', 'after a1 a3 0', 'after a2 a3 0', 'after a1 a3 a4', 'after a2 a3 a4']));
  });

  test('a stream with digests is refused, its journal with it', { timeout: 60_000 }, async () => {
    // tgt answers None unless it is told otherwise.
    expect(run(['tgtadm', '-C', '7', '--lld', 'iscsi', '--mode', 'target', '--op', 'update', '--tid', '1', '--name', 'HeaderDigest', '--value', 'CRC32C']).status).toBe(0);
    const { journal, code, said } = await recorded('digests', () => {
      const options = `driver=iscsi,transport=tcp,portal=127.0.0.1:${PROXY_PORT},target=${TARGET},lun=1,header-digest=crc32c`;
      expect(run(['qemu-io', '--image-opts', '-c', 'quit', options]).status).not.toBe(0);
    });
    expect([code, said]).toEqual([1, expect.stringContaining('login: HeaderDigest=None; seen: HeaderDigest=CRC32C')]);
    expect(() => new JournalFile(journal)).toThrow('is no record of its writes');
    expect(existsSync(join(journal, 'data.bin'))).toBe(true);
  });
});
