import { describe, expect, test } from 'vitest';
import type { Problem } from '../core/problem.ts';
import { canonicalJson } from './canonical-json.ts';
import { gather } from './json-shape.ts';
import { checkRoster, rosterShape } from './roster-shape.ts';
import { sampleRegistry } from './sample-san.test-kit.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- the tests put wrong things in every place
type Loose = any;

/** The places that are complained of after a change of the sample's roster; relations are looked at once every value is right. */
function places(change: (roster: Loose) => void): string[] {
  const json = JSON.parse(canonicalJson(sampleRegistry().roster));
  change(json);
  const problems: Problem[] = [];
  const report = gather(problems, 'MM-REGISTRY-FORMAT', 'mend it');
  const roster = rosterShape(json, 'roster', report);
  if (roster !== undefined) checkRoster(roster, report);
  return problems.map(({ where }) => where);
}

const machine = (...macs: string[]) => ({ node: 1, macs, sinceUnixMs: 1 });
const opening = (node: number, lastsMs: number) => ({ node, policy: 'ask', sinceUnixMs: 1000, untilUnixMs: 1000 + lastsMs });

// The rest of the roster is tested with the registry that holds it (registry.test.ts).
describe('machines that come and go', () => {
  test.each<[string, (roster: Loose) => void, string]>([
    ['a node that is half drained', (r) => (r.nodes[0].drained = false), 'roster.nodes[0].drained'],
    ['an empty list of bars', (r) => (r.barred = []), 'roster.barred'],
    ['a bar without a MAC address', (r) => (r.barred = [{ node: 1, macs: [], sinceUnixMs: 1 }]), 'roster.barred[0].macs'],
    ['a bar of no time', (r) => (r.barred = [{ node: 1, macs: ['52:54:00:00:00:09'] }]), 'roster.barred[0].sinceUnixMs'],
    ['a hardware id of two lines', (r) => (r.barred = [{ node: 1, macs: ['52:54:00:00:00:09'], hardwareId: 'a\nb', sinceUnixMs: 1 }]), 'roster.barred[0].hardwareId'],
    ['a hardware id that is too long', (r) => (r.barred = [{ node: 1, macs: ['52:54:00:00:00:09'], hardwareId: 'x'.repeat(129), sinceUnixMs: 1 }]), 'roster.barred[0].hardwareId'],
    ['an empty list of replacements', (r) => (r.replacement = []), 'roster.replacement'],
    ['a policy', (r) => (r.replacement = [{ node: 1, policy: 'always', sinceUnixMs: 1, untilUnixMs: 2 }]), 'roster.replacement[0].policy'],
  ])('values: %s', (_, change, path) => expect(places(change)).toEqual([path]));

  test.each<[string, (roster: Loose) => void, string[]]>([
    ['a barred machine with a node\'s MAC address', (r) => (r.barred = [machine('52:54:00:00:00:09', '52:54:00:00:00:02')]), ['roster.barred[0].macs[1]']],
    ['a MAC address that is barred twice', (r) => (r.barred = [machine('52:54:00:00:00:09'), machine('52:54:00:00:00:0a', '52:54:00:00:00:09')]), ['roster.barred[1].macs[1]']],
    ['as many bars as there may be', (r) => (r.barred = Array.from({ length: 256 }, (_, i) => machine(`52:54:01:00:00:${i.toString(16).padStart(2, '0')}`))), []],
    ['one bar more', (r) => (r.barred = Array.from({ length: 257 }, (_, i) => machine(`52:54:01:00:0${i >> 8}:${(i & 255).toString(16).padStart(2, '0')}`))), ['roster.barred']],
    ['a replacement of a node that is not there', (r) => (r.replacement = [opening(3, 1)]), ['roster.replacement[0].node']],
    ['two replacements of one node', (r) => (r.replacement = [opening(1, 1), opening(1, 2)]), ['roster.replacement[1].node']],
    ['a replacement that ends as it begins', (r) => (r.replacement = [opening(1, 0)]), ['roster.replacement[0].untilUnixMs']],
    ['a replacement of a week', (r) => (r.replacement = [opening(1, 604_800_000)]), []],
    ['a replacement of more', (r) => (r.replacement = [opening(1, 604_800_001)]), ['roster.replacement[0].untilUnixMs']],
  ])('relations: %s', (_, change, paths) => expect(places(change)).toEqual(paths));
});
