// What only QuickJS itself can show: a pipe that never holds the boot up, words that are sent without waiting, the standby that is started
// and not waited for, the recorder, and the process that writes into a running root. On the payload's own QuickJS, as boot.test.ts; skipped without a payload.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const PAYLOAD = join(ROOT, 'build/images/debian-13/payload');
const LIBRARIES = join(PAYLOAD, 'usr/lib/x86_64-linux-gnu');
const LOADER = join(LIBRARIES, 'ld-linux-x86-64.so.2');
const QJS = join(PAYLOAD, 'usr/bin/qjs');
const here = [LOADER, QJS].every((path) => existsSync(path));
const argv = (script: string, ...more: string[]): string[] => ['--library-path', LIBRARIES, QJS, '-m', script, ...more];

const FEED = `
import { quickjsHost as host } from './initrd/quickjs-host.ts';
const [, first, second] = globalThis.scriptArgs;
const feed = host.openFeed();
host.print(String(feed.write('one\\n')));
feed.start(['sh', '-c', 'read -r line; echo "$line" > ' + first]);
while (feed.running()) await host.sleep(10);
let written = 0;
while (written < 10000 && feed.write('x'.repeat(99) + '\\n')) written++;
host.print(String(written));
feed.start(['sh', '-c', 'cat > ' + second]);
`;

const SEND = `
import { quickjsHost as host } from './initrd/quickjs-host.ts';
import { STANDBY_SCRIPT } from './initrd/steps/handover.ts';
const [, folder, busybox] = globalThis.scriptArgs;
const fifo = folder + '/send';
const tried = () => host.print(String(host.send(fifo, 'now\\n')));
tried();
host.run([busybox, 'mknod', '-m', '600', fifo, 'p']);
tried();
host.writeText(folder + '/trigger', '', 0o600);
host.writeText(folder + '/oom', '', 0o600);
host.print(String(host.run([busybox, 'ash', '-c', STANDBY_SCRIPT, 'standby', fifo, folder + '/trigger', folder + '/oom']).code));
tried();
`;

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'feed-'));
  const shared: BuildOptions = { bundle: true, format: 'esm', minify: true, target: 'es2023', platform: 'neutral', external: ['std', 'os'], legalComments: 'none', logLevel: 'error' };
  await build({ ...shared, stdin: { contents: FEED, resolveDir: ROOT }, outfile: join(folder, 'feed.js') });
  await build({ ...shared, stdin: { contents: SEND, resolveDir: ROOT }, outfile: join(folder, 'send.js') });
  await build({ ...shared, entryPoints: [join(ROOT, 'initrd/boot-recorder.ts')], outfile: join(folder, 'recorder.js') });
  await build({ ...shared, entryPoints: [join(ROOT, 'initrd/storage-agent.ts')], outfile: join(folder, 'agent.js') });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Waits until a file holds what is wanted. */
async function holds(path: string, wanted: (text: string) => boolean): Promise<string> {
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (wanted(text)) return text;
    await new Promise((done) => setTimeout(done, 20));
  }
}

describe.skipIf(!here)(`on QuickJS${here ? '' : ` (skipped: there is no ${QJS}; make the images first)`}`, () => {
  test('a reader that ended costs nothing, a full pipe refuses, and the next reader gets what waited', async () => {
    const { status, stdout, stderr } = spawnSync(LOADER, argv(join(folder, 'feed.js'), join(folder, 'first'), join(folder, 'second')), { encoding: 'utf8', timeout: 20_000 });
    expect([status, stderr]).toEqual([0, '']);
    const [put, count] = stdout.trim().split('\n');
    expect(put).toBe('true');
    expect(Number(count)).toBeGreaterThan(100);
    expect(Number(count)).toBeLessThan(10_000);
    expect(await holds(join(folder, 'first'), (text) => text !== '')).toBe('one\n');
    await holds(join(folder, 'second'), (text) => text.length === 100 * Number(count));
  });

  test("a word to nobody is refused at once and makes no file; the standby, by the payload's own shell, is not waited for and obeys", async () => {
    const { status, stdout, stderr } = spawnSync(LOADER, argv(join(folder, 'send.js'), folder, join(PAYLOAD, 'usr/bin/busybox')), { encoding: 'utf8', timeout: 20_000 });
    expect([status, stderr, stdout.trim().split('\n')]).toEqual([0, '', ['false', 'false', '0', 'true']]);
    await holds(join(folder, 'trigger'), (text) => text === 'b\n');
  });

  test('the storage agent, started to write, replaces what differs and leaves the rest, and says what it did', () => {
    const [root, request, outcome] = ['root', 'request.json', 'outcome.json'].map((name) => join(folder, name)) as [string, string, string];
    mkdirSync(join(root, 'etc'), { recursive: true });
    mkdirSync(join(root, 'root/.ssh'), { recursive: true });
    for (const [name, text] of [['hosts', 'old\n'], ['hostname', 'node1\n'], ['shadow', 'root:old:1::::::\n']] as const) writeFileSync(join(root, 'etc', name), text);
    chmodSync(join(root, 'etc/hostname'), 0o600);
    const before = statSync(join(root, 'etc/hostname'));
    const files = [{ path: '/etc/hosts', mode: 0o644, text: 'new\n' }, { path: '/etc/hostname', mode: 0o644, text: 'node1\n' }, { path: '/etc/ssh/key', mode: 0o600, text: 'SECRET\n' }];
    writeFileSync(request, JSON.stringify({ files, rootPasswordHash: '$y$new' }));
    const { status, stdout, stderr } = spawnSync(LOADER, argv(join(folder, 'agent.js'), 'write-identity', request, outcome, root), { encoding: 'utf8', timeout: 20_000 });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
    expect(JSON.parse(readFileSync(outcome, 'utf8'))).toEqual({ changed: ['/etc/hosts', '/etc/ssh/key', '/etc/shadow'] });
    expect(['hosts', 'ssh/key', 'shadow'].map((name) => [readFileSync(join(root, 'etc', name), 'utf8'), statSync(join(root, 'etc', name)).mode & 0o7777])).toEqual([['new\n', 0o644], ['SECRET\n', 0o600], ['root:$y$new:1::::::\n', 0o640]]);
    expect(statSync(join(root, 'etc/hostname'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs, mode: before.mode });
    expect([existsSync(request), readdirSync(join(root, 'etc')).sort()]).toEqual([false, ['hostname', 'hosts', 'shadow', 'ssh']]);
  });

  test('the recorder keeps lines, and goes on when their writer ends', async () => {
    const fifo = join(folder, 'fifo');
    mkdirSync(join(folder, 'boots'));
    execFileSync('mkfifo', [fifo]);
    const recorder = spawn(LOADER, argv(join(folder, 'recorder.js'), fifo, join(folder, 'boots')), { stdio: 'ignore' });
    try {
      for (const line of ['one\n', 'two\n']) {
        appendFileSync(fifo, line);
        await holds(join(folder, 'boots/boots.jsonl'), (text) => text.endsWith(line));
      }
      expect(readFileSync(join(folder, 'boots/boots.jsonl'), 'utf8')).toBe('one\ntwo\n');
    } finally {
      recorder.kill('SIGKILL');
    }
  });
});
