// What holds for every edit, whatever came before it. Each edit by itself: the tests beside its file.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Result } from '../core/problem.ts';
import { canonicalJson } from './canonical-json.ts';
import { freeExtents } from './extents.ts';
import { decodeRegistry, encodeRegistry, type Registry } from './registry.ts';
import { addCheckpoint, dropCheckpoint } from './registry-edit-checkpoints.ts';
import { closeReplacement, liftBar, openReplacement, replaceHardware } from './registry-edit-hardware.ts';
import { addNode, removeNode, setDrained } from './registry-edit-nodes.ts';
import { quarantineVolumes, releaseQuarantined } from './registry-edit-volumes.ts';
import { addRequest, frozen, macOf, NOW, roomyRegistry } from './registry-edit.test-kit.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

/** One edit with what it needs of chance; `at` counts the edits. */
type Step = readonly [name: string, edit: (registry: Registry, at: number) => Result<Registry>];

/** What a step names is looked up when its turn comes: mostly somebody who is there. */
const node = fc.nat(99).map((pick) => ({ roster: { nodes } }: Registry) => (pick < 5 ? 6 : nodes[pick % nodes.length]!.number));
/** A barred machine's, a node's, or nobody's. */
const mac = fc.nat(99).map((pick) => ({ roster: { barred = [] } }: Registry) => (pick < 40 ? barred[pick % barred.length]?.macs[0] : undefined) ?? macOf(1 + (pick % 30)));
const macs = fc.array(mac, { maxLength: 2 });
const uuid = (at: number, which: number) => sampleUuid(10_000 + 10 * at + which);

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ macs, named: fc.boolean() }).map(({ macs, named }): Step => ['addNode', (registry, at) => addNode(registry, addRequest(0, { macs: macs.map((of) => of(registry)), ...(named ? { name: `blade-${at}` } : {}), uuids: { store: uuid(at, 0), state: uuid(at, 1), swap: uuid(at, 2) } }))]),
  fc.record({ node, honest: fc.boolean() }).map(({ node, honest }): Step => ['released', (registry) => removeNode(registry, { node: node(registry), volumes: 'released', ownersGone: honest ? registry.volumes.filter((volume) => volume.node === node(registry)).map((volume) => volume.uuid) : [] })]),
  node.map((node): Step => ['quarantined', (registry) => removeNode(registry, { node: node(registry), volumes: 'quarantined' })]),
  fc.record({ node, macs, known: fc.boolean() }).map(({ node, macs, known }): Step => ['replaceHardware', (registry, at) => replaceHardware(registry, { node: node(registry), macs: macs.map((of) => of(registry)), atUnixMs: NOW + at, ...(known ? { formerHardwareId: 'board/x' } : {}) })]),
  mac.map((mac): Step => ['liftBar', (registry) => liftBar(registry, { mac: mac(registry) })]),
  fc.record({ node, lastsMs: fc.integer({ min: 0, max: 20 }), policy: fc.constantFrom('ask' as const, 'auto' as const) }).map(({ node, lastsMs, policy }): Step => ['openReplacement', (registry, at) => openReplacement(registry, { node: node(registry), atUnixMs: NOW + at, untilUnixMs: NOW + at + lastsMs, policy })]),
  node.map((node): Step => ['closeReplacement', (registry) => closeReplacement(registry, { node: node(registry) })]),
  fc.record({ node, drained: fc.boolean() }).map(({ node, drained }): Step => ['setDrained', (registry) => setDrained(registry, { node: node(registry), drained })]),
  fc.record({ node, picks: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }), occupied: fc.nat(89) }).map(({ node, picks, occupied }): Step => ['quarantineVolumes', (registry, at) => {
    const own = registry.volumes.filter((volume) => volume.node === node(registry));
    const formers = picks.flatMap((pick) => own[pick]?.uuid ?? []);
    const edited = quarantineVolumes(registry, { node: node(registry), occupied: [{ start: occupied, count: 1 }], replacements: formers.map((former, i) => ({ former, uuid: uuid(at, 3 + i) })) });
    // What is occupied is given to nobody.
    if (edited.ok) expect(heldExtents(edited.value).includes(occupied)).toBe(heldExtents(registry).includes(occupied));
    return edited;
  }]),
  fc.record({ node, name: fc.constantFrom('a', 'b', 'c'), sizeMib: fc.integer({ min: 1, max: 3 }) }).map(({ node, name, sizeMib }): Step => ['addCheckpoint', (registry, at) => addCheckpoint(registry, { node: node(registry), name, sizeBytes: sizeMib * 2 ** 20, uuid: uuid(at, 4), atUnixMs: NOW + at })]),
  fc.record({ node, name: fc.constantFrom('a', 'b') }).map(({ node, name }): Step => ['dropCheckpoint', (registry) => dropCheckpoint(registry, { node: node(registry), name })]),
  fc.nat().map((pick): Step => ['releaseQuarantined', (registry) => {
    const retired = registry.volumes.filter((volume) => volume.retired !== undefined);
    return releaseQuarantined(registry, { uuid: (retired[pick % Math.max(retired.length, 1)] ?? registry.volumes[0]!).uuid });
  }]),
);

const heldExtents = ({ volumes }: Registry): number[] => volumes.flatMap(({ extents }) => extents.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i)));

/** What must be so after an edit that was accepted. */
function expectSound(before: Registry, after: Registry): void {
  // Every relation holds, and a blade reads exactly this.
  expect(decodeRegistry(encodeRegistry(after))).toEqual({ ok: true, value: after });
  const held = heldExtents(after);
  expect(new Set(held).size).toBe(held.length);
  expect(held.length + freeExtents(after.extentCount, after.volumes).reduce((sum, { count }) => sum + count, 0)).toBe(after.extentCount);
  // Who stays keeps number, name, address and volumes' places.
  for (const one of after.roster.nodes) {
    const former = before.roster.nodes.find(({ number }) => number === one.number);
    if (former !== undefined) expect([one.name, one.address, one.loader]).toEqual([former.name, former.address, former.loader]);
  }
  for (const volume of after.volumes) {
    const former = before.volumes.find((other) => other.uuid === volume.uuid);
    if (former !== undefined) expect({ ...volume, retired: former.retired }).toEqual({ retired: undefined, ...former });
    // What nobody could fence is never used again by itself.
    if (former?.retired === 'quarantined') expect(volume.retired).toBe('quarantined');
  }
  // No newcomer has the number of a machine that may still run.
  const newcomers = after.roster.nodes.filter(({ number }) => !before.roster.nodes.some((former) => former.number === number));
  for (const { number } of newcomers) expect(before.volumes.some((volume) => volume.node === number)).toBe(false);
  expect(after.roster.nodes.some(({ drained }) => drained !== true)).toBe(true);
  // Everybody has a key, nobody else has.
  expect(Object.keys(after.secret.sshHostKeys).map(Number).toSorted((a, b) => a - b)).toEqual(after.roster.nodes.map(({ number }) => number).toSorted((a, b) => a - b));
}

test('any sequence of edits: every relation holds, numbers and extents stay, what is refused changes nothing', () => {
  const accepted = new Map<string, number>();
  const codes = new Set<string>();
  fc.assert(
    fc.property(fc.array(steps, { minLength: 20, maxLength: 40 }), fc.integer({ min: 40, max: 90 }), (sequence, extentCount) => {
      let registry = roomyRegistry(extentCount);
      sequence.forEach(([name, edit], at) => {
        const text = canonicalJson(registry);
        const result = edit(registry, at);
        expect(canonicalJson(registry)).toBe(text);
        if (!result.ok) {
          expect(result.problems.length).toBeGreaterThan(0);
          for (const problem of result.problems) {
            expect(problem.code).toMatch(/^MM-EDIT-/);
            expect(problem.code, JSON.stringify(problem)).not.toBe('MM-EDIT-RESULT');
            codes.add(problem.code);
          }
          return;
        }
        expectSound(registry, result.value);
        accepted.set(name, (accepted.get(name) ?? 0) + 1);
        registry = frozen(result.value);
      });
    }),
    { numRuns: 150 },
  );
  // The property would be worth nothing if an edit never came through, or never was refused.
  expect([...accepted.keys()].toSorted()).toEqual(['addCheckpoint', 'addNode', 'closeReplacement', 'dropCheckpoint', 'liftBar', 'openReplacement', 'quarantineVolumes', 'quarantined', 'releaseQuarantined', 'released', 'replaceHardware', 'setDrained']);
  expect([...codes].toSorted()).toEqual(expect.arrayContaining(['MM-EDIT-BAR-NONE', 'MM-EDIT-CHECKPOINT', 'MM-EDIT-LAST', 'MM-EDIT-MAC', 'MM-EDIT-MAC-BARRED', 'MM-EDIT-MAC-TAKEN', 'MM-EDIT-NODE', 'MM-EDIT-OWNER', 'MM-EDIT-REPLACEMENT-NONE', 'MM-EDIT-REPLACEMENT-OPEN', 'MM-EDIT-REPLACEMENT-TIME', 'MM-EDIT-ROOM', 'MM-EDIT-SIZE', 'MM-EDIT-VOLUME']));
});
