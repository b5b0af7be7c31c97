// Four nodes, each a process of its own in a network namespace of its own, on one switch: a death, a pause, a change of the cluster's key, strangers. What each
// node thinks of the others is what its daemon logs. Needs root and iproute2.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { DEAD_FOR_ALL_MS, PAUSE_FORGIVEN_MS } from '../daemons/membership/membership-limits.ts';
import { MEMBERSHIP_PORT } from '../daemons/wire/membership-packet.ts';
import { TestDaemon, writeNodeConfig } from './daemon.test-kit.ts';
import { inSpace, MAY_MAKE_SPACES, NetworkSpaces } from './network-spaces.test-kit.ts';

const spaces = new NetworkSpaces('mmmember');
const NUMBERS = [1, 2, 3, 4];
const [OLD, NEW, FOREIGN] = ['0f', 'a1', '77'].map((byte) => byte.repeat(32)) as [string, string, string];
const PAUSE_MS = 2000;
/** What a pause may be longer than this test believes. */
const MARGIN_MS = 500;
const TRIALS_MAX = 5;
const LOOPS_PER_CORE = 4;
/** Three times what a burial takes. */
const BUSY_MS = 3 * DEAD_FOR_ALL_MS;
/** Far beyond every bound of the protocol: what has not come by then does not come. */
const PATIENCE_MS = 60_000;
/** A watched file is looked at once a second. */
const LOOK_MS = 2500;
if (!MAY_MAKE_SPACES) console.warn('membership: skipped, it needs root and the ip command');

interface View {
  readonly alive: string;
  readonly serving: string;
  readonly suspects: string;
}

describe.skipIf(!MAY_MAKE_SPACES)('the membership of four processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mmmember-'));
  const nodes = new Map<number, TestDaemon>();
  /** Which lines of the log were there before. */
  const marks = new Map<TestDaemon, number>();

  const putKeys = (number: number, ...keys: string[]): void => {
    writeFileSync(join(folder, `memory${number}.new`), keys.map((key) => `${key}\n`).join(''), { mode: 0o600 });
    renameSync(join(folder, `memory${number}.new`), join(folder, `memory${number}`));
  };
  const start = (number: number, key = 'key'): void => {
    const argv = ['--config', writeNodeConfig(folder, ROSTER, number), '--cluster-key', join(folder, key), '--follow-key', join(folder, `memory${number}`)];
    nodes.set(number, new TestDaemon('dhcpd', argv, spaces.space(`n${number}`)));
  };
  const mark = (): void => nodes.forEach((daemon) => marks.set(daemon, daemon.lines.length));
  const since = (number: number) => nodes.get(number)!.lines.slice(marks.get(nodes.get(number)!) ?? 0);
  const views = (number: number): View[] => since(number).filter(({ msg }) => msg === 'membership.live').map(({ alive, serving, suspects }) => ({ alive, serving, suspects }) as unknown as View);
  const latest = (number: number): View | undefined => nodes.get(number)!.lines.findLast(({ msg }) => msg === 'membership.live') as View | undefined;
  const events = (number: number): string[] => since(number).map(({ msg }) => msg).filter((msg) => msg.startsWith('membership.'));
  const allSee = (who: readonly number[], alive: string) => expect.poll(() => who.map((number) => {
    const view = latest(number);
    return [view?.alive, view?.serving, view?.suspects];
  }), { timeout: PATIENCE_MS }).toEqual(who.map(() => [alive, alive, '']));
  const suspected = (number: number): string[] => views(number).map(({ suspects }) => suspects).filter((suspects) => suspects !== '');

  beforeAll(async () => {
    writeFileSync(join(folder, 'key'), `${OLD}\n`);
    writeFileSync(join(folder, 'foreign'), `${FOREIGN}\n`);
    spaces.start();
    for (const number of NUMBERS) {
      spaces.plugIn(`n${number}`, { address: `${ROSTER.nodes[number - 1]!.address}/24` });
      start(number);
    }
  }, PATIENCE_MS);

  afterAll(async () => {
    await Promise.all([...nodes.values()].map((daemon) => daemon.stop()));
    spaces.stop();
    rmSync(folder, { recursive: true });
  });

  test('all find each other', () => allSee(NUMBERS, '1,2,3,4'), 2 * PATIENCE_MS);

  /** Stops a process until all others suspect it, and lets it go on. Returns for how long it stood still, by this test's clock. */
  async function pause(number: number): Promise<number> {
    const { process: daemon } = nodes.get(number)!;
    const began = performance.now();
    daemon.kill('SIGSTOP');
    try {
      const others = NUMBERS.filter((other) => other !== number);
      while (others.some((other) => latest(other)?.suspects !== String(number)) || performance.now() - began < PAUSE_MS) await new Promise((done) => setTimeout(done, 20));
    } finally {
      daemon.kill('SIGCONT');
    }
    return performance.now() - began;
  }

  test('a process that stands still for less than the bound is suspected by all, and buried by nobody; it suspects nobody either', async () => {
    // Where this test itself waits for a processor, the pause may become longer than what is forgiven: then it says nothing.
    for (let trials = 1, pausedMs = Infinity; pausedMs >= PAUSE_FORGIVEN_MS - MARGIN_MS; trials++) {
      expect(trials).toBeLessThanOrEqual(TRIALS_MAX);
      mark();
      pausedMs = await pause(2);
      await allSee(NUMBERS, '1,2,3,4');
    }
    for (const number of NUMBERS) expect(events(number)).not.toContain('membership.dead');
    expect(suspected(2)).toEqual([]);
    expect(events(2)).toContain('membership.stalled');
  }, 4 * PATIENCE_MS);

  test('four busy loops on each core: nobody is buried', async () => {
    mark();
    const loops = Array.from({ length: LOOPS_PER_CORE * availableParallelism() }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    await new Promise((done) => setTimeout(done, BUSY_MS));
    for (const loop of loops) loop.kill('SIGKILL');
    await allSee(NUMBERS, '1,2,3,4');
    for (const number of NUMBERS) {
      expect(events(number)).not.toContain('membership.dead');
      expect(views(number).filter(({ alive }) => alive !== '1,2,3,4')).toEqual([]);
    }
  }, 4 * PATIENCE_MS);

  test('the key is changed in three steps, node by node: nobody is suspected, and nothing refused', async () => {
    mark();
    for (const ring of [[OLD, NEW], [NEW, OLD], [NEW]]) {
      for (const number of NUMBERS) {
        putKeys(number, ...ring);
        // The nodes follow one after the other, in between they have different rings.
        await new Promise((done) => setTimeout(done, LOOK_MS / NUMBERS.length));
      }
      await expect.poll(() => NUMBERS.map((number) => since(number).findLast(({ msg }) => msg === 'keys.followed')?.['keys']), { timeout: PATIENCE_MS }).toEqual(NUMBERS.map(() => ring.length));
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    for (const number of NUMBERS) {
      expect([suspected(number), events(number).filter((event) => ['membership.dead', 'membership.refused'].includes(event))]).toEqual([[], []]);
      expect(since(number).filter(({ msg }) => msg === 'keys.followed')).toHaveLength(3);
    }
  }, 3 * PATIENCE_MS);

  test('a file without a key is told once, and changes nothing', async () => {
    mark();
    putKeys(1, 'no key');
    expect(await nodes.get(1)!.line(({ msg }) => msg === 'keys.refused')).toMatchObject({ code: 'MM-CLUSTER-KEY', seen: '6 characters in line 1' });
    await new Promise((done) => setTimeout(done, LOOK_MS));
    expect([since(1).filter(({ msg }) => msg === 'keys.refused').length, suspected(2)]).toEqual([1, []]);
    putKeys(1, NEW);
  }, PATIENCE_MS);

  test('a stranger\'s datagrams, and a node under another key, are refused and heard by nobody', async () => {
    mark();
    const junk = `const socket = require('node:dgram').createSocket('udp4'); socket.bind(0, () => { socket.setBroadcast(true); let sent = 0; for (const size of [0, 1, 60, 1472]) for (const to of ['10.7.0.1', '10.7.0.255']) socket.send(Buffer.alloc(size, 7), ${MEMBERSHIP_PORT}, to, () => { if (++sent === 8) socket.close(); }); });`;
    spaces.plugIn('stranger', { address: '10.7.0.66/24' });
    expect(spawnSync('ip', inSpace(spaces.space('stranger'), process.execPath, '-e', junk)).status).toBe(0);
    await expect.poll(() => events(1), { timeout: PATIENCE_MS }).toContain('membership.refused');
    // A node that was switched off and comes with another cluster's key: to the others it is off.
    await nodes.get(4)!.stop();
    await allSee([1, 2, 3], '1,2,3');
    rmSync(join(folder, 'memory4'));
    mark();
    start(4, 'foreign');
    await nodes.get(4)!.line(({ msg }) => msg === 'dhcp.serving');
    await expect.poll(() => events(4), { timeout: PATIENCE_MS }).toContain('membership.refused');
    await new Promise((done) => setTimeout(done, LOOK_MS));
    expect([1, 2, 3].map((number) => latest(number)?.alive)).toEqual(['1,2,3', '1,2,3', '1,2,3']);
    expect(latest(4)?.alive).toBe('4');
    // With the right one it is back, however often it was restarted.
    await nodes.get(4)!.stop();
    putKeys(4, NEW);
    start(4);
    await allSee(NUMBERS, '1,2,3,4');
  }, 4 * PATIENCE_MS);

  test('a node that is ended in order is gone at once, and neither suspected nor buried; started again it is back', async () => {
    mark();
    const { process } = nodes.get(2)!;
    const ended = new Promise((done) => process.once('exit', done));
    process.kill('SIGTERM');
    expect(await ended).toBe(0);
    await allSee([1, 3, 4], '1,3,4');
    for (const number of [1, 3, 4]) expect([events(number).filter((event) => event === 'membership.dead'), suspected(number).filter((suspects) => suspects === '2')]).toEqual([[], []]);
    start(2);
    await allSee(NUMBERS, '1,2,3,4');
  }, 3 * PATIENCE_MS);

  test('a node that is killed is suspected by all, ranked by nobody when it is dead, and back when it is started again', async () => {
    mark();
    await nodes.get(3)!.stop();
    await allSee([1, 2, 4], '1,2,4');
    for (const number of [1, 2, 4]) {
      // First suspected and still counted, then gone.
      expect(views(number).map(({ alive, suspects }) => `${alive};${suspects}`)).toEqual(expect.arrayContaining(['1,2,3,4;3', '1,2,4;']));
      expect(since(number).filter(({ msg }) => msg === 'membership.dead').map(({ node }) => node)).toEqual([3]);
    }
    start(3);
    await allSee(NUMBERS, '1,2,3,4');
  }, 3 * PATIENCE_MS);
});
