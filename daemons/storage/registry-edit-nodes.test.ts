import { describe, expect, test } from 'vitest';
import { sampleRequest } from '../../scripts/install/install.test-kit.ts';
import { planLayout } from '../../scripts/install/layout.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { valueOf } from '../core/problem.ts';
import { nodeOfNumber } from '../core/roster.ts';
import { MIB } from './block.ts';
import type { Registry } from './registry.ts';
import { stateVolumeOf, storeOf, swapVolumeOf } from './registry.ts';
import { openReplacement, replaceHardware } from './registry-edit-hardware.ts';
import { addNode, removeNode, setDrained } from './registry-edit-nodes.ts';
import { quarantineVolumes, releaseQuarantined } from './registry-edit-volumes.ts';
import { addRequest, frozen, macOf, NOW, refusalOf, roomyRegistry } from './registry-edit.test-kit.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

const REGISTRY = roomyRegistry();
const three = frozen(valueOf(addNode(REGISTRY, addRequest(3))));
const volumesOf = (registry: Registry, node: number) => registry.volumes.filter((volume) => volume.node === node);
const gone = (registry: Registry, node: number) => ({ node, volumes: 'released' as const, ownersGone: volumesOf(registry, node).map(({ uuid }) => uuid) });

/** Another store for node 3. */
const storeFor = (registry: Registry, uuid: number) => ({ node: 3, replacements: [{ former: storeOf(registry, 3)!.uuid, uuid: sampleUuid(uuid) }] });

describe('addNode', () => {
  test('the next number, name and address as the installer forms them, and volumes like the others\', in free extents', () => {
    expect(three.roster.nodes.slice(0, 2)).toEqual(REGISTRY.roster.nodes);
    expect(nodeOfNumber(three.roster, 3)).toEqual({ number: 3, name: 'node3', macs: [macOf(3)], address: '10.0.0.3', loader: 'rom' });
    expect(three.secret.sshHostKeys['3']).toEqual({ privateKey: 'PRIVATE-3\n', publicKey: 'PUBLIC-3' });
    expect(three.volumes.slice(0, REGISTRY.volumes.length)).toEqual(REGISTRY.volumes);
    const store = storeOf(REGISTRY, 1)!;
    expect(volumesOf(three, 3)).toMatchObject([
      { name: 'node3.store', kind: 'store', uuid: sampleUuid(1030), sizeBytes: store.sizeBytes, node: 3, origin: 'default@1', chunkSectors: 16 },
      { name: 'node3.state', kind: 'state', uuid: sampleUuid(1031), sizeBytes: 2 * MIB, node: 3 },
      { name: 'node3.swap', kind: 'swap', uuid: sampleUuid(1032), sizeBytes: 2 * MIB, node: 3 },
    ]);
  });
  test('it comes out as if the installer had planned for one node more', () => {
    const layout = (nodes: number) => valueOf(planLayout(sampleRequest(nodes, 4 * 1024 * MIB, ['swap-size: 64', 'shared-size: 256'])));
    const [of3, of4] = [layout(3), layout(4)];
    const request = addRequest(0, { macs: of4.registry.roster.nodes[3]!.macs, hostKey: of4.registry.secret.sshHostKeys['4']!, writers: of3.superblock.writers });
    const added = valueOf(addNode(of3.registry, request));
    expect([added.roster, added.secret]).toEqual([of4.registry.roster, of4.registry.secret]);
    const shape = ({ volumes }: Registry) => volumes.filter(({ node }) => node === 4).map(({ name, kind, sizeBytes, origin, chunkSectors, extents }) => ({ name, kind, sizeBytes, origin, chunkSectors, extents: extents.map(({ count }) => count) }));
    expect(shape(added)).toEqual(shape(of4.registry));
    expect(shape(added)).toHaveLength(3);
  });
  test('what is given is taken', () => {
    const added = valueOf(addNode(REGISTRY, addRequest(3, { name: 'blade-a', address: '10.0.0.77' as Ipv4, loader: 'ours', macs: [macOf(3), macOf(4)] })));
    expect(nodeOfNumber(added.roster, 3)).toEqual({ number: 3, name: 'blade-a', macs: [macOf(3), macOf(4)], address: '10.0.0.77', loader: 'ours' });
  });
  test('a gap is filled, and the list stays in the order of numbers', () => {
    const gap = valueOf(removeNode(three, gone(three, 1)));
    expect(gap.roster.nodes.map(({ number }) => number)).toEqual([2, 3]);
    const filled = valueOf(addNode(gap, addRequest(7)));
    expect(filled.roster.nodes.map(({ number, name, address }) => [number, name, address])).toEqual([[1, 'node1', '10.0.0.1'], [2, 'node2', '10.0.0.2'], [3, 'node3', '10.0.0.3']]);
  });
  test('sizes are those that most nodes have, of equally many the larger; no swap where fewer than half have one', () => {
    const larger = { ...three, volumes: three.volumes.map((volume) => (volume.name === 'state1' ? { ...volume, sizeBytes: 3 * MIB, extents: [{ start: 90, count: 3 }] } : volume)) };
    expect(stateVolumeOf(valueOf(addNode(larger, addRequest(4))), 4)!.sizeBytes).toBe(2 * MIB);
    const equallyMany = { ...larger, roster: REGISTRY.roster, volumes: larger.volumes.filter(({ node }) => node !== 3) };
    expect(stateVolumeOf(valueOf(addNode(equallyMany, addRequest(3))), 3)!.sizeBytes).toBe(3 * MIB);
    const without = valueOf(addNode({ ...three, volumes: three.volumes.filter(({ name }) => name !== 'node3.swap') }, addRequest(4)));
    expect(swapVolumeOf(without, 4)).toBeUndefined();
    expect(stateVolumeOf(without, 4)).toBeDefined();
  });
  test('an address that somebody has is passed over; at the network\'s end it goes on from its begin', () => {
    const at = (address: string) => valueOf(addNode({ ...REGISTRY, install: { 'first-node-IP-netboot-netstorage': address } }, addRequest(3))).roster.nodes[2]!.address;
    expect(at('10.0.0.0')).toBe('10.0.0.3');
    expect(at('10.0.0.251')).toBe('10.0.0.254');
    expect(at('10.0.0.253')).toBe('10.0.0.3');
  });
  test('a registry without the installer\'s answer counts from the network\'s first address', () => {
    expect(valueOf(addNode({ ...REGISTRY, install: {} }, addRequest(3))).roster.nodes[2]!.address).toBe('10.0.0.3');
  });
  test('a network without a free address', () => {
    const roster = { ...REGISTRY.roster, netmask: '255.255.255.252' as Ipv4, metaMasterAddress: '10.0.0.1' as Ipv4, nodes: [{ ...REGISTRY.roster.nodes[0]!, address: '10.0.0.2' as Ipv4 }] };
    expect(refusalOf(addNode({ ...REGISTRY, roster, volumes: REGISTRY.volumes.filter(({ node }) => node !== 2) }, addRequest(3)))).toBe('MM-EDIT-ADDRESS at address');
  });

  test('the number of a machine that may still run is given to nobody', () => {
    const lost = valueOf(removeNode(three, { node: 3, volumes: 'quarantined' }));
    expect(valueOf(addNode(lost, addRequest(7))).roster.nodes.map(({ number }) => number)).toEqual([1, 2, 4]);
    const full = addNode(lost, addRequest(7, { writers: 4 }));
    expect(refusalOf(full)).toBe('MM-EDIT-NUMBER at node');
    expect(!full.ok && full.problems[0]!.seen).toBe('2 nodes, and quarantined volumes of the former nodes 3');
    const released = volumesOf(lost, 3).reduce((registry, { uuid }) => valueOf(releaseQuarantined(registry, { uuid })), lost);
    expect(valueOf(addNode(released, addRequest(7, { writers: 4 }))).roster.nodes.map(({ number }) => number)).toEqual([1, 2, 3]);
  });
  test('beside the quarantined store of a node that stays, names stay their own', () => {
    const once = valueOf(quarantineVolumes(three, storeFor(three, 500)));
    expect(volumesOf(once, 3).filter(({ kind }) => kind === 'store').map(({ name, retired }) => [name, retired])).toEqual([['node3.store', 'quarantined'], ['node3.store-2', undefined]]);
    const twice = valueOf(quarantineVolumes(once, storeFor(once, 501)));
    expect(storeOf(twice, 3)!.name).toBe('node3.store-3');
  });

  test.each([
    ['no number left', { writers: 3 }, 'MM-EDIT-NUMBER at node'],
    ['no number left and no address', { writers: 3, macs: [] }, 'MM-EDIT-NUMBER at node, MM-EDIT-MAC at macs'],
    ['no MAC address', { macs: [] }, 'MM-EDIT-MAC at macs'],
    ['another node\'s MAC address', { macs: [macOf(2)] }, 'MM-EDIT-MAC-TAKEN at macs[0]'],
    ['no host name', { name: 'node_3' }, 'MM-EDIT-NAME at name'],
    ['another node\'s name', { name: 'node2' }, 'MM-EDIT-NAME at name'],
    ['another node\'s address', { address: '10.0.0.2' as Ipv4 }, 'MM-EDIT-ADDRESS at address'],
    ['the meta-master\'s address', { address: '10.0.0.253' as Ipv4 }, 'MM-EDIT-ADDRESS at address'],
    ['an address of another network', { address: '10.0.1.3' as Ipv4 }, 'MM-EDIT-ADDRESS at address'],
    ['the broadcast address', { address: '10.0.0.255' as Ipv4 }, 'MM-EDIT-ADDRESS at address'],
    ['no address at all', { address: '10.0.0' as Ipv4 }, 'MM-EDIT-ADDRESS at address'],
    ['a volume\'s UUID', { uuids: { ...addRequest(3).uuids, state: sampleUuid(100) } }, 'MM-EDIT-UUID at UUID of the state volume'],
    ['one UUID twice', { uuids: { ...addRequest(3).uuids, swap: sampleUuid(1030) } }, 'MM-EDIT-UUID at UUID of the swap volume'],
    ['an empty host key', { hostKey: { privateKey: '', publicKey: 'PUBLIC' } }, 'MM-EDIT-RESULT at secret.sshHostKeys.3.privateKey'],
    ['all at once', { macs: [macOf(1)], name: 'node1', address: '10.0.0.1' as Ipv4, uuids: { ...addRequest(3).uuids, store: sampleUuid(1) } }, 'MM-EDIT-MAC-TAKEN at macs[0], MM-EDIT-NAME at name, MM-EDIT-ADDRESS at address, MM-EDIT-UUID at UUID of the store volume'],
  ])('refused: %s', (_, more, wanted) => expect(refusalOf(addNode(REGISTRY, addRequest(3, more)))).toBe(wanted));
  test('refused: a cluster\'s name that makes no host name', () => {
    expect(refusalOf(addNode({ ...REGISTRY, roster: { ...REGISTRY.roster, clusterName: 'My rack ' } }, addRequest(3)))).toBe('MM-EDIT-NAME at name');
  });
  test('refused: a barred machine', () => {
    const barred = valueOf(replaceHardware(REGISTRY, { node: 2, macs: [macOf(9)], atUnixMs: NOW }));
    expect(refusalOf(addNode(barred, addRequest(2)))).toBe('MM-EDIT-MAC-BARRED at macs[0]');
  });
  test('no room: what is wanted, free and missing of all three volumes together', () => {
    const held = REGISTRY.volumes.flatMap(({ extents }) => extents).reduce((sum, { count }) => sum + count, 0);
    const wanted = Math.ceil(storeOf(REGISTRY, 1)!.sizeBytes / MIB) + 4;
    expect(refusalOf(addNode(roomyRegistry(held + wanted), addRequest(3)))).toBe('fine');
    const tight = addNode(roomyRegistry(held + wanted - 1), addRequest(3));
    expect(!tight.ok && tight.problems).toMatchObject([{ code: 'MM-EDIT-ROOM', rule: `${wanted} free extents of ${MIB} bytes, for node3.store, node3.state, node3.swap`, seen: `${wanted - 1} of ${held + wanted - 1} extents free (${(wanted - 1) * MIB} bytes): 1 are missing (${MIB} bytes)`, remedy: 'Remove a node with its volumes, or install on a larger LUN.' }]);
    const lost = valueOf(removeNode(valueOf(addNode(roomyRegistry(held + wanted), addRequest(3))), { node: 3, volumes: 'quarantined' }));
    const full = addNode(lost, addRequest(4));
    expect(!full.ok && full.problems[0]!.remedy).toContain(`Retired volumes hold ${wanted} extents`);
  });
});

describe('removeNode', () => {
  test('released: gone from roster, volumes and secrets', () => {
    const opened = valueOf(openReplacement(three, { node: 3, atUnixMs: NOW, untilUnixMs: NOW + 1000, policy: 'auto' }));
    expect(valueOf(removeNode(opened, gone(three, 3)))).toEqual(REGISTRY);
  });
  test('quarantined: store, state and swap stay, of no node of the roster', () => {
    const lost = valueOf(removeNode(three, { node: 3, volumes: 'quarantined' }));
    for (const volume of volumesOf(three, 3)) expect(lost.volumes).toContainEqual({ ...volume, retired: 'quarantined' });
    expect(lost.volumes).toHaveLength(three.volumes.length);
    expect([lost.roster, lost.secret]).toEqual([REGISTRY.roster, REGISTRY.secret]);
    expect([storeOf(lost, 3), stateVolumeOf(lost, 3), swapVolumeOf(lost, 3)]).toEqual([undefined, undefined, undefined]);
  });
  test('what was quarantined before is not released with the rest, and a former origin\'s store is like any other', () => {
    const split = valueOf(quarantineVolumes(three, storeFor(three, 500)));
    const store = storeOf(three, 1)!;
    const rollback = { ...split, volumes: [...split.volumes, { ...store, name: 'old', uuid: sampleUuid(501), node: 3, retired: 'rollback' as const, extents: [{ start: 90, count: 7 }] }] };
    expect(volumesOf(valueOf(removeNode(rollback, gone(rollback, 3))), 3).map(({ name }) => name)).toEqual(['node3.store']);
    expect(volumesOf(valueOf(removeNode(rollback, { node: 3, volumes: 'quarantined' })), 3).map(({ retired }) => retired)).toEqual(Array.from({ length: 5 }, () => 'quarantined'));
  });
  test('refused: an owner that may run, each volume by its name', () => {
    const some = removeNode(three, { node: 3, volumes: 'released', ownersGone: [sampleUuid(1031)] });
    expect(!some.ok && some.problems.map(({ code, seen }) => `${code} ${seen}`)).toEqual([`MM-EDIT-OWNER node3.store (${sampleUuid(1030)}) is not among them`, `MM-EDIT-OWNER node3.swap (${sampleUuid(1032)}) is not among them`]);
  });
  test('refused: a node that is not there, the last one, the last one that serves', () => {
    expect(refusalOf(removeNode(three, { node: 9, volumes: 'quarantined' }))).toBe('MM-EDIT-NODE at node');
    const one = valueOf(removeNode(REGISTRY, { node: 2, volumes: 'quarantined' }));
    expect(refusalOf(removeNode(one, gone(one, 1)))).toBe('MM-EDIT-LAST at node');
    const drained = valueOf(setDrained(REGISTRY, { node: 1, drained: true }));
    expect(refusalOf(removeNode(drained, { node: 2, volumes: 'quarantined' }))).toBe('MM-EDIT-LAST at node');
    expect(refusalOf(removeNode(drained, { node: 1, volumes: 'quarantined' }))).toBe('fine');
  });
});

describe('setDrained', () => {
  const drained = frozen(valueOf(setDrained(REGISTRY, { node: 2, drained: true })));
  test('there and back again', () => {
    expect(nodeOfNumber(drained.roster, 2)).toEqual({ ...REGISTRY.roster.nodes[1], drained: true });
    expect(valueOf(setDrained(drained, { node: 2, drained: false }))).toEqual(REGISTRY);
    expect(Object.hasOwn(nodeOfNumber(valueOf(setDrained(drained, { node: 2, drained: false })).roster, 2)!, 'drained')).toBe(false);
  });
  test('what is so already is given back as it is', () => {
    expect(valueOf(setDrained(drained, { node: 2, drained: true }))).toBe(drained);
    expect(valueOf(setDrained(REGISTRY, { node: 2, drained: false }))).toBe(REGISTRY);
  });
  test('refused: a node that is not there, and the last one that serves', () => {
    expect(refusalOf(setDrained(REGISTRY, { node: 3, drained: true }))).toBe('MM-EDIT-NODE at node');
    expect(refusalOf(setDrained(drained, { node: 1, drained: true }))).toBe('MM-EDIT-LAST at node');
  });
});
