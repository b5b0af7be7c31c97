import { beforeEach, describe, expect, test } from 'vitest';
import { encodeServing } from '../../daemons/wire/serving-record.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { STANDBY_FIFO } from './handover.ts';
import { rehearseRestart, restartBlade, SERVING_FILE, whoServes, writableDevices } from './restart-blade.ts';

const serving = (node: number, ...nodes: readonly (readonly [number, string])[]): string => encodeServing({ node, newestGeneration: 1, serving: nodes.map(([number, digit]) => ({ node: number, incarnation: digit.repeat(16) })) });

let blade: ModelBlade;
/** What happens at each second of waiting. */
let onSecond: (second: number) => void;

beforeEach(() => {
  blade = new ModelBlade(new ModelSan());
  onSecond = () => undefined;
  const names = ['debian-default@1', 'debian-boot@1', 'debian-store1', 'debian-node1', 'debian-state1', 'debian-swap1'];
  names.forEach((name, i) => {
    blade.files.set(`/sys/block/dm-${i}/dm/name`, `${name}\n`);
    blade.files.set(`/sys/block/dm-${i}/dm/suspended`, '0\n');
  });
  blade.files.set('/sys/block/sda/size', '1\n');
  // dmsetup suspends what it is told to.
  blade.start = (argv) => {
    blade.argvs.push(argv);
    for (const name of argv.slice(4)) blade.files.set(`/sys/block/dm-${names.indexOf(name)}/dm/suspended`, '1\n');
  };
  const { sleep } = blade;
  let second = 0;
  blade.sleep = async (ms) => {
    onSecond(++second);
    await sleep.call(blade, ms);
  };
});

const restart = () => restartBlade(blade, { code: 'MM-AGENT-TARGET-RESTARTED', why: 'the target was restarted', container: 'debian', node: 1, before: whoServes(blade) });
const consoleText = (): string => blade.sent.filter(([path]) => path === '/dev/console').map(([, text]) => text).join('');
const triggered = (): number => blade.sent.findIndex(([path]) => path === '/proc/sysrq-trigger');

test("a node's own volumes that can be written, the root last; none that is not mapped", () => {
  expect(writableDevices(blade, 'debian', 1)).toEqual(['debian-swap1', 'debian-state1', 'debian-node1']);
  expect(writableDevices(blade, 'debian', 2)).toEqual([]);
});

describe('a restart', () => {
  test('that is this node\'s turn: said, the standby armed, all volumes suspended by one program without a flush, then the trigger', async () => {
    blade.files.set(SERVING_FILE, serving(2, [1, 'a'], [2, 'a']));
    await restart();
    expect(blade.argvs[0]).toEqual(['dmsetup', 'suspend', '--noflush', '--nolockfs', 'debian-swap1', 'debian-state1', 'debian-node1']);
    expect(blade.sent.map(([path]) => path)).toEqual(['/dev/console', STANDBY_FIFO, '/dev/console', '/proc/sysrq-trigger', STANDBY_FIFO]);
    expect(consoleText()).toContain('mm-stage restarting MM-AGENT-TARGET-RESTARTED\n');
    expect(consoleText()).toContain('restarting now: node 1 stays meanwhile.');
    expect(blade.sent[1]![1]).toBe('60\n');
    expect(blade.sent[triggered()]![1]).toBe('b');
  });

  test('on a kernel that does not obey: the standby is told, then a program of the root is tried', async () => {
    await restart();
    expect(blade.sent.at(-1)).toEqual([STANDBY_FIFO, 'now\n']);
    expect(blade.argvs.at(-1)).toEqual(['busybox', 'reboot', '-f', '-n']);
  });

  test('of the one that serves waits until another serves anew, keeps the standby quiet and says so once a minute; no program is started meanwhile', async () => {
    blade.files.set(SERVING_FILE, serving(1, [1, 'a'], [2, 'a'], [3, 'a']));
    let started = 0;
    onSecond = (second) => {
      if (second === 2) started = blade.argvs.length;
      if (second === 10) blade.files.set(SERVING_FILE, serving(1, [1, 'a']));
      if (second === 150) {
        expect([triggered(), blade.argvs.length]).toEqual([-1, started]);
        blade.files.set(SERVING_FILE, serving(1, [1, 'a'], [3, 'b']));
      }
    };
    await restart();
    expect(consoleText().match(/it stays until another serves/g)).toHaveLength(3);
    expect(consoleText()).toContain('restarting now: node 3 serves since.');
    expect(blade.sent.slice(0, triggered()).filter(([path]) => path === STANDBY_FIFO).length).toBeGreaterThan(140);
  });

  test('waits no longer than half an hour', async () => {
    blade.files.set(SERVING_FILE, serving(1, [1, 'a'], [2, 'a']));
    const start = blade.uptimeSeconds();
    await restart();
    expect(consoleText()).toContain('no other node has come to serve within 30 minutes');
    expect(blade.uptimeSeconds() - start).toBeLessThan(31 * 60);
  });

  test('does not wait for volumes that cannot be suspended, nor for a standby or a console that nobody reads', async () => {
    blade.start = (argv) => void blade.argvs.push(argv);
    await restart();
    expect(consoleText()).toContain('debian-swap1, debian-state1, debian-node1 could not be suspended');
    for (const path of [STANDBY_FIFO, '/dev/console']) blade.unread.add(path);
    const { length } = blade.sent;
    await restart();
    expect(blade.sent.slice(length).map(([path]) => path)).toEqual(['/proc/sysrq-trigger']);
  });

  test('of a node whose metamasterd does not run, or left something else behind, is done at once', async () => {
    for (const text of [undefined, 'torn{']) {
      if (text !== undefined) blade.files.set(SERVING_FILE, text);
      await restart();
      expect(consoleText()).toContain('restarting now: this node does not serve.');
    }
  });
});

test('the rehearsal reads dmsetup into memory, and changes nothing', () => {
  blade.override = () => ({ code: 0, said: '' });
  rehearseRestart(blade);
  expect(blade.argvs).toEqual([['dmsetup', 'info', '--columns', '--noheadings']]);
  expect(blade.sent).toEqual([]);
});
