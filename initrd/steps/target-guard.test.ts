import { describe, expect, test } from 'vitest';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { ModelTarget } from './model-target.test-kit.ts';
import { GUARD_FILE, TargetGuard } from './target-guard.ts';
import { registrationKey } from './target-keys.ts';

const TARGET = 'iqn.2026-01.example:san';
const HARDWARE = 'hw-a/02';
const KEY = registrationKey(HARDWARE);
const PORT = '/sys/class/iscsi_connection/connection2:0/local_port';
const CACHE = '/sys/block/sdb/queue/write_cache';

/** A node behind a SAN; `answer` is what the installation was told of its cache. */
class Node {
  readonly blade = new ModelBlade(new ModelSan());
  readonly target = new ModelTarget();
  readonly #answer: string | undefined;
  guard: TargetGuard;
  #port = 40_000;

  constructor({ answer, cache = 'write back' }: { answer?: string; cache?: string } = {}) {
    this.#answer = answer;
    this.blade.files.set('/sys/class/iscsi_session/session2/targetname', `${TARGET}\n`);
    this.blade.files.set('/sys/class/iscsi_session/session2/initiatorname', 'iqn.2026-11.metamaster:a.control\n');
    this.blade.files.set('/sys/class/iscsi_session/session2/state', 'LOGGED_IN\n');
    this.blade.files.set(CACHE, `${cache}\n`);
    this.blade.override = (argv) => this.target.answer(argv);
    this.reconnect();
    this.guard = this.agent();
  }

  /** The agent as it is after a start of its process. */
  agent(): TargetGuard {
    this.guard = new TargetGuard(this.blade, { target: TARGET, disk: 'sdb', hardwareId: HARDWARE, answer: this.#answer });
    return this.guard;
  }

  reconnect(): void {
    this.blade.files.set(PORT, `${++this.#port}\n`);
  }

  /** A look: `go-on`, the remark, or the code of a restart. */
  look(...lost: string[]): string {
    const decision = this.guard.look(lost);
    return decision.kind === 'restart' ? decision.code : (decision.remark ?? 'go-on');
  }

  /** An outage that the kernel reported as errors. */
  outage(): void {
    this.guard.failed();
    this.reconnect();
  }
}

describe('a target with a volatile cache that nobody vouches for', () => {
  test('the first look registers the key; nothing happens as long as nothing happens', () => {
    const node = new Node();
    expect(node.look()).toBe(`write cache of the SAN: volatile; this node restarts when the target was restarted, by which its key 0x${KEY} is lost`);
    expect(node.target.keys).toEqual([KEY]);
    expect([node.look(), node.look()]).toEqual(['go-on', 'go-on']);
  });

  test('the cable is pulled: the key is there, and the node goes on', () => {
    const node = new Node();
    node.look();
    node.outage();
    expect(node.look()).toBe('go-on');
  });

  test('the target was restarted, for long or so shortly that nothing failed', () => {
    for (const outage of [true, false]) {
      const node = new Node();
      node.look();
      node.target.restart();
      if (outage) node.outage();
      else node.reconnect();
      expect(node.look()).toBe('MM-AGENT-TARGET-RESTARTED');
      // It does not register again: a restart that fails must be decided again.
      expect(node.target.keys).toEqual([]);
      expect(node.look()).toBe('MM-AGENT-TARGET-RESTARTED');
    }
  });

  test('others that have registered meanwhile do not hide it', () => {
    const node = new Node();
    node.look();
    node.target.restart();
    for (let i = 1; i < 9; i++) node.target.register(`000000000000000${i}`);
    node.outage();
    expect(node.look()).toBe('MM-AGENT-TARGET-RESTARTED');
  });

  test('an agent that was started again in the middle of the outage knows what the former one saw', () => {
    const node = new Node();
    node.look();
    node.guard.renewed('node2', { epoch: 1, counter: 9 });
    node.outage();
    node.target.restart();
    expect(node.agent().acknowledged('node2')).toEqual({ epoch: 1, counter: 9 });
    expect(node.look()).toBe('MM-AGENT-TARGET-RESTARTED');
  });

  test('a boot finds the key of the one before it, and the table does not grow', () => {
    const node = new Node();
    node.look();
    for (let boot = 0; boot < 3; boot++) {
      node.blade.files.delete(GUARD_FILE);
      node.reconnect();
      node.agent();
      node.look();
    }
    expect(node.target.keys).toEqual([KEY]);
  });

  test('another initiator clears the table: told, and registered again', () => {
    const node = new Node();
    node.look();
    node.target.clear();
    expect(node.look()).toMatch(/^MM-AGENT-KEY-REMOVED: /);
    expect(node.target.keys).toEqual([KEY]);
    expect(node.look()).toBe('go-on');
  });

  test('a table that is silent after an outage is asked again; silent for long, it counts as none', () => {
    const node = new Node();
    node.look();
    node.outage();
    node.target.unitAttentions = 3;
    expect([node.look(), node.look()]).toEqual(['go-on', 'go-on']);
    node.outage();
    node.target.knowsKeys = false;
    const said = Array.from({ length: 7 }, () => node.look());
    expect(said).toEqual(['go-on', 'go-on', 'go-on', 'go-on', 'go-on', 'go-on', 'MM-AGENT-TARGET-RESTARTED']);
  });

  test('a table that falls silent without an interruption is told, and what then counts is the connection', () => {
    const node = new Node();
    node.look();
    node.target.knowsKeys = false;
    expect(Array.from({ length: 8 }, () => node.look().split(':')[0])).toEqual(['go-on', 'go-on', 'go-on', 'go-on', 'go-on', 'go-on', 'MM-AGENT-NO-KEYS', 'go-on']);
    node.reconnect();
    expect(node.look()).toBe('MM-AGENT-TARGET-RESTARTED');
  });
});

test('a target without a table: told at the first look, then each new connection counts as a restart', () => {
  const node = new Node();
  node.target.knowsKeys = false;
  expect(node.look()).toMatch(/^MM-AGENT-NO-KEYS: /);
  expect(node.look()).toBe('go-on');
  node.reconnect();
  expect(node.look()).toBe('MM-AGENT-TARGET-RESTARTED');
});

test.each([['write through', undefined], ['write back', 'off'], ['write back', 'nonvolatile']])('cache %s, answer %s: a restart of the target is a remark, and the key is registered anew', (cache, answer) => {
  const node = new Node({ cache, ...(answer === undefined ? {} : { answer }) });
  node.look();
  node.target.restart();
  node.outage();
  expect(node.look()).toMatch(/^the SAN's target was restarted; .*, so this node goes on$/);
  expect(node.target.keys).toEqual([KEY]);
  expect(node.look()).toBe('go-on');
  // Proved loss counts with every cache.
  expect(node.look('node2')).toBe('MM-AGENT-LOST-WRITES');
});

test('what is remembered is not believed when it is damaged', () => {
  const node = new Node();
  node.look();
  for (const text of ['', '{"seen":', 'null']) {
    node.blade.files.set(GUARD_FILE, text);
    expect(node.agent().acknowledged('node2')).toBeUndefined();
    expect(node.look()).toMatch(/^write cache of the SAN: volatile/);
  }
});
