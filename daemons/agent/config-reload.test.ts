import { describe, expect, test } from 'vitest';
import { judgeReload } from './config-reload.ts';
import { type NodeConfig, parseNodeConfigText } from './node-config.ts';

const node = (number: number) => ({ number, name: `node${number}`, macs: [`52:54:00:00:00:0${number}`], address: `10.1.0.${number}`, loader: 'rom' });
const roster = {
  clusterName: 'rack', container: 'rack', domain: 'rack.local', netmask: '255.255.255.0', metaMasterAddress: '10.1.0.253',
  san: { address: '10.1.0.250', port: 3260, target: 'iqn.2007-01.it.example:san' }, kernelParameters: 'quiet', nodes: [node(1), node(2)],
};
const config = { number: 1, interface: 'eth0', rosterGeneration: 7, bootNonce: 'ab'.repeat(16), roster };
const parsed = parseNodeConfigText(JSON.stringify(config), 'f');
const running = (parsed.ok && parsed.value) as NodeConfig;
const judged = (changes: object) => judgeReload(running, JSON.stringify({ ...config, ...changes }), '/run/x.json');

describe('a configuration in the place of the running one', () => {
  test('that is newer is followed, whoever has come into the roster or left it', () => {
    const newer = { rosterGeneration: 8, roster: { ...roster, kernelParameters: '', nodes: [node(1), node(3)] } };
    expect(judged(newer)).toEqual({ kind: 'follow', config: { ...config, ...newer } });
  });

  test('that is the same is none', () => expect(judged({})).toEqual({ kind: 'same' }));

  test.each<[string, object, object]>([
    ['older', { rosterGeneration: 6 }, { code: 'MM-CONFIG-RELOAD-OLDER', seen: '6' }],
    ['of another node', { rosterGeneration: 8, number: 2 }, { code: 'MM-CONFIG-RELOAD-NODE', seen: 'number 2 in place of 1, address of this node 10.1.0.2 in place of 10.1.0.1' }],
    ['of another boot', { rosterGeneration: 8, bootNonce: 'cd'.repeat(16) }, { code: 'MM-CONFIG-RELOAD-NODE' }],
    ['of another interface', { rosterGeneration: 8, interface: 'eth1' }, { code: 'MM-CONFIG-RELOAD-NODE', seen: 'interface eth1 in place of eth0' }],
    ['with another address of this node', { rosterGeneration: 8, roster: { ...roster, nodes: [{ ...node(1), address: '10.1.0.9' }, node(2)] } }, { code: 'MM-CONFIG-RELOAD-NODE', seen: 'address of this node 10.1.0.9 in place of 10.1.0.1' }],
    ['without this node', { rosterGeneration: 8, roster: { ...roster, nodes: [node(2)] } }, { code: 'MM-CONFIG-RELOAD', seen: expect.stringContaining('MM-NODE-CONFIG: number') }],
    ['with mistakes', { rosterGeneration: 8, roster: { ...roster, netmask: '255.0.255.0', nodes: [] } }, { code: 'MM-CONFIG-RELOAD', seen: expect.stringMatching(/roster\.netmask.*roster\.nodes/) }],
  ])('%s is refused, with the reason', (_name, changes, problem) => expect(judged(changes)).toMatchObject({ kind: 'refuse', problem: { where: '/run/x.json', ...problem } }));

  test.each(['', '{', 'null', '7'])('%j is refused', (text) => expect(judgeReload(running, text, 'f')).toMatchObject({ kind: 'refuse', problem: { code: 'MM-CONFIG-RELOAD' } }));
});

describe('a machine that is not the node any more', () => {
  const { roster: _, ...without } = config;
  const standDown = { ...without, rosterGeneration: 8, standDown: 'MM-AGENT-BARRED: replaced' };

  test('stands down, with the roster that it had, and follows again what comes after it', () => {
    const down = { ...config, rosterGeneration: 8, standDown: 'MM-AGENT-BARRED: replaced' };
    const judgedDown = judgeReload(running, JSON.stringify(standDown), 'f');
    expect(judgedDown).toEqual({ kind: 'follow', config: down });
    expect(judgeReload(down as unknown as NodeConfig, JSON.stringify(standDown), 'f')).toEqual({ kind: 'same' });
    expect(judgeReload(down as unknown as NodeConfig, JSON.stringify({ ...config, rosterGeneration: 9 }), 'f')).toEqual({ kind: 'follow', config: { ...config, rosterGeneration: 9 } });
  });

  test.each<[string, object, object]>([
    ['of another node', { number: 2 }, { code: 'MM-CONFIG-RELOAD-NODE' }],
    ['of another boot', { bootNonce: 'cd'.repeat(16) }, { code: 'MM-CONFIG-RELOAD-NODE' }],
    ['older than what is followed', { rosterGeneration: 6 }, { code: 'MM-CONFIG-RELOAD-OLDER' }],
    ['without a reason', { standDown: '' }, { code: 'MM-CONFIG-RELOAD' }],
    ['with a reason of two lines', { standDown: 'a\nb' }, { code: 'MM-CONFIG-RELOAD' }],
    ['with a roster', { roster }, { code: 'MM-CONFIG-RELOAD' }],
  ])('is not followed when the file is %s', (_name, changes, problem) => {
    expect(judgeReload(running, JSON.stringify({ ...standDown, ...changes }), 'f')).toMatchObject({ kind: 'refuse', problem });
  });

  test('is none by the file that the boot laid down', () => expect(parseNodeConfigText(JSON.stringify(standDown), 'f')).toMatchObject({ ok: false }));
});
