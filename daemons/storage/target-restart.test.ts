import { describe, expect, test } from 'vitest';
import type { Uuid } from '../core/uuid.ts';
import type { OwnerRecord } from './owner-record.ts';
import { decideOnTarget, judgeRecord, type KeysSeen, targetNews, type TargetNews, type WriteCache, writeCacheOf } from './target-restart.ts';

const keys = (generation: number, own: boolean): KeysSeen => ({ generation, own });

test.each<[string | undefined, unknown, WriteCache]>([
  ['write through\n', undefined, 'write-through'],
  ['write through\n', 'off', 'write-through'],
  ['write back\n', 'off', 'asserted'],
  ['write back\n', 'nonvolatile', 'asserted'],
  ['write back\n', undefined, 'volatile'],
  ['write back\n', 'on', 'volatile'],
  ['write back\n', ['off'], 'volatile'],
  [undefined, undefined, 'volatile'],
  ['', 'nonvolatile', 'asserted'],
])('the kernel says %j, the answer %j: %s', (kernelSays, answer, cache) => expect(writeCacheOf(kernelSays, answer)).toBe(cache));

describe('two looks at the target', () => {
  const A = 'session2/40001';
  const B = 'session2/40777';
  test.each<[string, Parameters<typeof targetNews>, TargetNews]>([
    ['the first look of a boot tells nothing, with a key of a former boot or without one', [undefined, { connection: A, keys: keys(4, false) }, true], 'same'],
    ['nothing happened', [{ connection: A, keys: keys(4, true) }, { connection: A, keys: keys(4, true) }, false], 'same'],
    ['other nodes registered', [{ connection: A, keys: keys(4, true) }, { connection: A, keys: keys(7, true) }, false], 'same'],
    ['a cable was pulled: the connection is new, the key is kept', [{ connection: A, keys: keys(4, true) }, { connection: B, keys: keys(4, true) }, true], 'same'],
    ['a restart: the table is empty and counts from zero', [{ connection: A, keys: keys(4, true) }, { connection: B, keys: keys(0, false) }, true], 'restarted'],
    ['a restart so short that nothing failed', [{ connection: A, keys: keys(4, true) }, { connection: B, keys: keys(0, false) }, false], 'restarted'],
    ['a restart, and others registered before this node looked', [{ connection: A, keys: keys(2, true) }, { connection: B, keys: keys(6, false) }, true], 'restarted'],
    ['a target that keeps keys without being asked to, but counts from zero', [{ connection: A, keys: keys(4, true) }, { connection: B, keys: keys(1, true) }, true], 'restarted'],
    ['a clear or a preemption by another initiator', [{ connection: A, keys: keys(4, true) }, { connection: A, keys: keys(5, false) }, false], 'key-removed'],
    ['the same, when the kernel does not show the connection', [{ connection: undefined, keys: keys(4, true) }, { connection: undefined, keys: keys(5, false) }, false], 'restarted'],
    ['a key that could not be registered before cannot be missed', [{ connection: A, keys: keys(4, false) }, { connection: B, keys: keys(4, false) }, true], 'same'],
    ['a table that cannot be read now', [{ connection: A, keys: keys(4, true) }, { connection: B, keys: undefined }, true], 'unknown'],
    ['no table: the connection is the same, whatever failed', [{ connection: A, keys: undefined }, { connection: A, keys: undefined }, true], 'same'],
    ['no table: the connection is new', [{ connection: A, keys: undefined }, { connection: B, keys: undefined }, false], 'perhaps-restarted'],
    ['no table, no connection shown: a failure counts as an interruption', [{ connection: undefined, keys: undefined }, { connection: A, keys: undefined }, true], 'perhaps-restarted'],
    ['no table, no connection shown, no failure', [{ connection: undefined, keys: undefined }, { connection: undefined, keys: undefined }, false], 'same'],
  ])('%s', (_name, looks, news) => expect(targetNews(...looks)).toBe(news));
});

describe('an owner record that is read back', () => {
  const me = { hardwareId: 'hw-a/02', bootNonce: 'a'.repeat(32) };
  const record = (fields: Partial<OwnerRecord>): OwnerRecord => ({ ...me, epoch: 5, counter: 40, node: 2, volumeUuid: '00000000-0000-4000-8000-000000000001' as Uuid, renewedAtUnixMs: 0, ...fields });
  const written = { epoch: 5, counter: 40 };
  test.each([
    ['as it was written', record({}), written, 'own'],
    ['written, and its acknowledgement was lost', record({ counter: 41 }), written, 'own'],
    ['read for the first time in this boot', record({ counter: 7 }), undefined, 'own'],
    ['an older renewal', record({ counter: 39 }), written, 'lost'],
    ['the claim itself is lost: the former boot stands there', record({ epoch: 4, counter: 90, bootNonce: 'b'.repeat(32) }), written, 'lost'],
    ['the former boot stands there, and nothing is known of this one', record({ epoch: 4, bootNonce: 'b'.repeat(32) }), undefined, 'foreign'],
    ['another blade claimed it', record({ hardwareId: 'hw-b/03', epoch: 6 }), written, 'foreign'],
    ['another blade, with an older epoch', record({ hardwareId: 'hw-b/03', epoch: 2 }), written, 'foreign'],
    ['the same hardware claimed it again', record({ epoch: 6, counter: 41, bootNonce: 'b'.repeat(32) }), written, 'foreign'],
    ['nobody', undefined, written, 'foreign'],
  ] as const)('%s: %s', (_name, owner, acknowledged, verdict) => expect(judgeRecord(owner, me, acknowledged)).toBe(verdict));
});

describe('what a node does', () => {
  test.each<[WriteCache, TargetNews, 'go-on' | 'remark' | 'restart']>([
    ['write-through', 'same', 'go-on'], ['asserted', 'same', 'go-on'], ['volatile', 'same', 'go-on'],
    ['write-through', 'restarted', 'remark'], ['asserted', 'restarted', 'remark'], ['volatile', 'restarted', 'restart'],
    ['write-through', 'perhaps-restarted', 'remark'], ['asserted', 'perhaps-restarted', 'remark'], ['volatile', 'perhaps-restarted', 'restart'],
    ['volatile', 'key-removed', 'go-on'], ['volatile', 'unknown', 'go-on'],
  ])('cache %s, target %s: %s', (cache, news, wanted) => {
    const decision = decideOnTarget({ cache, lost: [], news });
    expect(decision.kind === 'go-on' && decision.remark !== undefined ? 'remark' : decision.kind).toBe(wanted);
    if (decision.kind === 'restart') expect(decision.code).toBe('MM-AGENT-TARGET-RESTARTED');
  });

  test.each<WriteCache>(['write-through', 'asserted', 'volatile'])('lost writes that are proved count with every cache: %s', (cache) => {
    const decision = decideOnTarget({ cache, lost: ['store2', 'swap2'], news: 'same' });
    expect(decision).toMatchObject({ kind: 'restart', code: 'MM-AGENT-LOST-WRITES' });
    expect(decision.kind === 'restart' && decision.why).toContain('store2 and swap2');
    // A promise that is proved wrong is named.
    expect(decision.kind === 'restart' && decision.why.includes('although')).toBe(cache !== 'volatile');
  });
});
