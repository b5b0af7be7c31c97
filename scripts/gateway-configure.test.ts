// `metamaster gateway configure`: what becomes of the answers, and the command on an image file, under the real sanlock's lease.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../daemons/agent/status.ts';
import { clusterPrefix, nodeIpv6 } from '../daemons/core/inside-ipv6.ts';
import { InputError, valueOf } from '../daemons/core/problem.ts';
import { NO_SANLOCK } from '../daemons/host/sanlock.test-kit.ts';
import { gatewayCandidates } from '../daemons/storage/gateway-answers.ts';
import { addNode, removeNode } from '../daemons/storage/registry-edit-nodes.ts';
import { addRequest, roomyRegistry } from '../daemons/storage/registry-edit.test-kit.ts';
import type { InstallAnswer, Registry } from '../daemons/storage/registry.ts';
import { ClusterImage, type CommandRun, NODE_1, type RunOptions } from './cluster-image.test-kit.ts';
import { answerChanges, changeGateway, gatewayEffects, type GatewayWish } from './gateway-change.ts';
import { gatewayCommand } from './gateway-command.ts';

const LONG = 60_000;
const OUTSIDE = { 'public-IP': '203.0.113.9', 'public-netmask': '255.255.255.0', 'public-router': '203.0.113.1', 'public-interface': 'eth1' };
const IPV6 = { 'public-IP6': '2001:db8::9/64', 'public-router6': 'fe80::1' };
const NONE = roomyRegistry(60);
/** Nodes 1, 2 and 4, and nobody is a gateway: node 3 has left. */
const THREE = [3, 4].reduce((registry, n) => valueOf(addNode(registry, addRequest(n))), NONE);
const GAP = valueOf(removeNode(THREE, { node: 3, volumes: 'released', ownersGone: THREE.volumes.filter(({ node }) => node === 3).map(({ uuid }) => uuid) }));
const changed = (registry: Registry, wish: GatewayWish, card?: string): Registry => valueOf(changeGateway(registry, wish, card));
const WHOLE = changed(GAP, { answers: OUTSIDE, succession: [2, 1] });
const refusals = (registry: Registry, wish: GatewayWish, card?: string): readonly string[] => {
  const result = changeGateway(registry, wish, card);
  return result.ok ? [] : result.problems.map(({ code, where }) => `${code} ${where}`);
};

describe('what becomes of the answers', () => {
  test('a gateway where there was none; its succession in another order, with another node, and with one less', () => {
    expect(WHOLE.install).toMatchObject({ ...OUTSIDE, 'primary-gateway-local-IP': '10.0.0.2', 'backup-gateway-local-IP': '10.0.0.1', 'further-gateway-nodes': [] });
    for (const order of [[1, 2], [4, 2, 1], [1]]) {
      const now = changed(WHOLE, { answers: {}, succession: order });
      expect(gatewayCandidates(now.install, now.roster)).toEqual(order);
    }
  });

  test('removed, nothing of it is left, and what is not its own stays', () => {
    const full = changed(WHOLE, { answers: { 'port-forwards': ['tcp/443=10.0.0.4:443'], 'public-services': [], 'gateway-preemption': true, ...IPV6, 'public-DNS': '203.0.113.53' } });
    expect(changed(full, { answers: {}, remove: true }).install).toEqual(GAP.install);
  });

  test('a value of null leaves one answer out', () => {
    const open = changed(WHOLE, { answers: { 'public-services': ['tcp/80'] } });
    expect(changed(open, { answers: { 'public-services': null } }).install).toEqual(WHOLE.install);
  });

  test.each<[string, Registry, GatewayWish, readonly string[]]>([
    ['half an outside network', GAP, { answers: { 'public-IP': '203.0.113.9' }, succession: [1] }, ['MM-ANSWERS-MISSING public-netmask', 'MM-ANSWERS-MISSING public-router', 'MM-ANSWERS-MISSING public-interface']],
    ['an outside to which nobody leads', GAP, { answers: OUTSIDE }, ['MM-ANSWERS-MISSING primary-gateway-local-IP']],
    ['a primary taken away from its heirs', WHOLE, { answers: { 'primary-gateway-local-IP': null } }, ['MM-ANSWERS-MISSING primary-gateway-local-IP']],
    ['a node that has left', WHOLE, { answers: { 'further-gateway-nodes': [3] } }, ['MM-ANSWERS-GATEWAY further-gateway-nodes[0]']],
    ['the node behind the gap', WHOLE, { answers: { 'further-gateway-nodes': [4] } }, []],
    ['a succession with one that has left', WHOLE, { answers: {}, succession: [1, 3] }, ['MM-ANSWERS-GATEWAY --succession']],
    ['a succession with one twice', WHOLE, { answers: {}, succession: [1, 2, 1] }, ['MM-ANSWERS-GATEWAY --succession']],
    ['a port forward out of the cluster', WHOLE, { answers: { 'port-forwards': ['tcp/443=10.0.9.1:443'] } }, ['MM-ANSWERS-FORWARD port-forwards[0]']],
    ['an open port that is forwarded', changed(WHOLE, { answers: { 'port-forwards': ['tcp/443=10.0.0.4:443'] } }), { answers: { 'public-services': ['tcp/443'] } }, ['MM-ANSWERS-SERVICE public-services[0]']],
    ['a value of another form, and a router elsewhere', WHOLE, { answers: { 'gateway-beat-ms': 'fast', 'public-router': '7' } }, ['MM-ANSWERS-VALUE public-router', 'MM-ANSWERS-VALUE gateway-beat-ms']],
    ['a way out by IPv6', WHOLE, { answers: IPV6 }, []],
    ['half of it', WHOLE, { answers: { 'public-IP6': IPV6['public-IP6'] } }, ['MM-ANSWERS-MISSING public-router6']],
    ['an outside that is the cluster\'s own network', WHOLE, { answers: { ...IPV6, 'public-IP6': `${nodeIpv6(clusterPrefix(WHOLE.roster.clusterName), 9)}/64` } }, ['MM-ANSWERS-PUBLIC public-IP6']],
    ['answers that are not the gateway\'s', WHOLE, { answers: { 'volume-size': 9, domain: null } }, ['MM-ANSWERS-UNKNOWN volume-size', 'MM-ANSWERS-UNKNOWN domain']],
  ])('%s', (_what, registry, wish, expected) => expect(refusals(registry, wish)).toEqual(expected));

  test('the card that the nodes are booted by is no card on the outside', () => {
    expect(refusals(GAP, { answers: OUTSIDE, succession: [1] }, 'eth1')).toEqual(['MM-GATEWAY-ANSWER public-interface']);
  });

  test.each<[string, Registry, GatewayWish, object]>([
    ['set up', GAP, { answers: OUTSIDE, succession: [2, 1] }, { candidates: [2, 1], joining: [2, 1], leaving: [], interrupts: false, wayOut: 'opened' }],
    ['removed', WHOLE, { answers: {}, remove: true }, { candidates: [], joining: [], leaving: [2, 1], interrupts: false, wayOut: 'closed' }],
    ['another node instead of one', WHOLE, { answers: {}, succession: [4, 1] }, { candidates: [4, 1], joining: [4], leaving: [2], interrupts: false, wayOut: 'stays' }],
    ['ports', WHOLE, { answers: { 'public-services': [], 'port-forwards': ['tcp/22=10.0.0.4:22'] } }, { interrupts: false, wayOut: 'stays' }],
    ['another address', WHOLE, { answers: { 'public-IP': '203.0.113.8' } }, { interrupts: true, wayOut: 'stays' }],
    ['another pace', WHOLE, { answers: { 'gateway-beat-ms': 50 } }, { interrupts: true }],
    ['the pace that it has', WHOLE, { answers: { 'gateway-beat-ms': 12 } }, { interrupts: false }],
  ])('the effects: %s', (_what, registry, wish, expected) => expect(gatewayEffects(registry, changed(registry, wish))).toMatchObject(expected));

  test('only what is another counts as changed', () => {
    const install: Registry['install'] = WHOLE.install;
    expect(answerChanges(install, changed(WHOLE, { answers: { ...OUTSIDE, 'public-router': '203.0.113.2' } }).install)).toEqual([{ answer: 'public-router', from: '203.0.113.1', to: '203.0.113.2' }]);
  });
});

let image: ClusterImage;
/** The generation that each living node follows. */
let follow: Map<number, number>;
beforeEach(() => {
  image = new ClusterImage();
  follow = new Map([1, 2].map((node) => [node, image.found().header.generation]));
});
afterEach(() => image.remove());

const install = (): Readonly<Record<string, InstallAnswer>> => image.found().registry.install;
const generation = (): number => image.found().header.generation;

function configure(words: readonly string[], { daemon = true, ...options }: RunOptions & { readonly daemon?: boolean } = {}): Promise<CommandRun> {
  return image.run((host) => gatewayCommand(['configure', ...words, '--device', image.path], {
    ...host,
    async status() {
      if (!daemon) throw new InputError([{ code: 'MM-STATUS-NO-DAEMON', where: 'socket', rule: 'a daemon', seen: 'none', remedy: 'Start it.' }]);
      return { alive: [...follow.keys()], generations: [...follow].map(([node, at]) => ({ node, generation: at, behindMs: null })) } as unknown as Status;
    },
  }), { machine: NODE_1, ...options });
}
const SET_UP = ['--succession', '2,1', ...Object.entries(OUTSIDE).map(([key, value]) => `${key}=${value}`)];

describe('before anything is written', () => {
  test.each<[string, readonly string[], number, string]>([
    ['nothing to change', [], 2, 'nothing to change'], ['a word without a value', ['public-IP'], 2, 'ANSWER=VALUE'], ['an option that is none', ['public-IP=1', '--now'], 2, '--now'],
    ['a time that is none', ['public-IP=1', '--wait', 'soon'], 2, '--wait takes'], ['a succession of names', ['--succession', 'node1'], 2, '--succession takes'],
    ['all and something', ['--remove', 'public-IP='], 2, '--remove leaves'], ['a program that cannot be asked', [...SET_UP, '--json'], 2, '--json wants'],
    ['a value that is no YAML', ['port-forwards=[', '--dry-run'], 1, 'MM-ANSWERS-SYNTAX: port-forwards'], ['an answer that is wrong', ['public-IP=x', '--yes'], 1, 'MM-ANSWERS-VALUE: public-IP'],
    ['a file that is not there', ['--answers', '/nowhere/answers.yaml', '--yes'], 3, '/nowhere/answers.yaml'],
  ])('%s', async (_name, words, code, said) => {
    const run = await image.untouched(() => configure(words));
    expect([run.code, run.error]).toEqual([code, expect.stringContaining(said)]);
  });

  test('no daemon to ask who follows', async () => {
    const run = await image.untouched(() => configure([...SET_UP, '--yes'], { daemon: false }));
    expect([run.code, run.error]).toEqual([1, expect.stringContaining('MM-STATUS-NO-DAEMON')]);
  });

  test('--dry-run says what would change, and what of it', async () => {
    follow.delete(2);
    const text = await image.untouched(() => configure([...SET_UP, '--dry-run']));
    expect(text.out).toMatch(/^To be changed:\n +primary-gateway-local-IP +left out +-> +10\.0\.0\.2\n[^]*- the succession is node 2, node 1\n- node 2, node 1 begins to stand[^]*- the nodes have a way out\n$/);
    const json = await image.untouched(() => configure([...SET_UP, '--dry-run', '--json']));
    expect(JSON.parse(json.out)).toMatchObject({ changes: expect.arrayContaining([{ answer: 'public-IP', from: null, to: '203.0.113.9' }]), joining: [2, 1], interrupts: false, absent: [2], result: 'planned' });
  });

  test('who does not say yes', async () => expect((await image.untouched(() => configure(SET_UP, { answers: ['no'] }))).code).toBe(1));

  test('what is so already', async () => {
    const run = await image.untouched(() => configure(['public-DNS=', '--yes', '--json']));
    expect([run.code, JSON.parse(run.out)]).toEqual([0, expect.objectContaining({ changes: [], result: 'already' })]);
  });
});

describe.skipIf(NO_SANLOCK !== undefined)(`the change${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  beforeEach(async () => void await image.withLeases());
  /** After some seconds each of these follows. */
  const followers = (...nodes: number[]) => (nowMs: number): void => void follow.set(nodes[Math.floor(nowMs / 1000) % nodes.length]!, generation());

  test('set up from a file and words, followed by all, changed with an interruption that is told, removed', async () => {
    const [file, before] = [join(image.folder, 'gateway.yaml'), install()];
    writeFileSync(file, 'public-IP: 203.0.113.77\npublic-netmask: 255.255.255.0\npublic-router: 203.0.113.1\npublic-interface: eth1\npublic-DNS:\npublic-services: [tcp/22, tcp/443]\n');
    const at = generation();
    const setUp = await configure(['--answers', file, 'public-IP=203.0.113.9', '--succession', '2,1', '--yes', '--json'], { meanwhile: followers(1, 2) });
    expect([setUp.code, JSON.parse(setUp.out)], setUp.error).toEqual([0, expect.objectContaining({ candidates: [2, 1], follows: [1, 2], behind: [], absent: [], generation: at + 1, result: 'done' })]);
    expect(install()).toMatchObject({ ...OUTSIDE, 'public-services': ['tcp/22', 'tcp/443'] });
    const moved = await configure(['public-IP=203.0.113.8', '--yes'], { meanwhile: followers(1, 2) });
    expect([moved.code, moved.out], moved.error).toEqual([0, expect.stringMatching(/public-IP +203\.0\.113\.9 +-> +203\.0\.113\.8\n- gatewayd of every candidate starts anew[^]*Follows: node 1, node 2\./)]);
    const removed = await configure(['--remove', '--yes'], { meanwhile: followers(1, 2) });
    expect([removed.code, install()], removed.error).toEqual([0, before]);
  }, LONG);

  test('a node that does not follow is named; the answers are written', async () => {
    const run = await configure([...SET_UP, '--yes', '--json', '--wait', '20'], { meanwhile: followers(1) });
    expect([run.code, JSON.parse(run.out), run.error]).toEqual([1, expect.objectContaining({ follows: [1], behind: [2], result: 'behind' }), expect.stringContaining('MM-GATEWAY-FOLLOW')]);
    expect(install()).toMatchObject(OUTSIDE);
  }, LONG);

  test('--wait 0 asks nobody', async () => {
    const run = await configure([...SET_UP, '--yes', '--json', '--wait', '0'], { daemon: false });
    expect([run.code, JSON.parse(run.out).result], run.error).toEqual([0, 'done']);
  }, LONG);
});
