// `metamaster node` on an image file; what writes does so under the real sanlock's lease, and the power controller is a Redfish service.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '../../daemons/agent/status.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { InputError } from '../../daemons/core/problem.ts';
import { NO_SANLOCK } from '../../daemons/host/sanlock.test-kit.ts';
import { PASSWORD, RedfishEmulator, serveRedfish, USER } from '../../daemons/power/redfish-emulator.test-kit.ts';
import { encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { decodeLabel } from '../../daemons/storage/volume-label.ts';
import { ClusterImage, codeOf, type CommandRun, NODE_1, type RunOptions } from '../cluster-image.test-kit.ts';
import { nodeCommand } from './node-command.ts';

const LONG = 60_000;
const [OLD, NEW, OTHER] = ['board-2/52:54:00:00:00:02', '52:54:00:00:00:0a' as Mac, '52:54:00:00:00:0b' as Mac];

let image: ClusterImage;
beforeEach(() => { image = new ClusterImage(); });
afterEach(() => image.remove());

const stranger = (mac: Mac, agoMs = 1000) => ({ mac, count: 3, detail: 'bios-rom', agoMs });
const statusWith = (unknown: Status['unknown']): Status => ({ alive: [1, 2], live: [1], unknown }) as unknown as Status;

interface NodeRun extends RunOptions {
  /** What the daemon says, look by look; the last goes on. None: no daemon. */
  readonly heard?: readonly Status['unknown'][];
}

function node(line: string, { heard, ...options }: NodeRun = {}): Promise<CommandRun> {
  const looks = [...(heard ?? [])];
  return image.run((host) => nodeCommand([...line.split(' '), '--device', image.path], {
    ...host,
    async status() {
      if (heard === undefined) throw new InputError([{ code: 'MM-STATUS-NO-DAEMON', where: 'socket', rule: 'a daemon', seen: 'none', remedy: 'Start it.' }]);
      return statusWith(looks.length > 1 ? looks.shift()! : (looks[0] ?? []));
    },
  }), options);
}
const states = () => image.found().registry.volumes.filter((volume) => volume.node === 2).map((volume) => {
  const label = decodeLabel(image.readAt(volume.name, 0, 4096));
  return label.ok ? label.value.state : 'none';
});

describe('replace, before anything is written', () => {
  const runs: Record<string, () => void> = {
    used: () => image.own(2, 'live', { hardwareId: OLD }),
    'given back': () => image.own(2, 'down', { hardwareId: OLD }),
  };
  test.each<[string, string, string, NodeRun, string]>([
    ['no fence at all', 'used', `replace 2 --mac ${NEW} --yes --no-fence-power`, {}, 'MM-HANDOVER-OWNER'],
    ['the node that this runs on', 'used', `replace 1 --mac ${NEW} --yes --fenced`, { machine: NODE_1 }, 'MM-NODE-OWN'],
    ['a node that is not there', 'used', `replace 3 --mac ${NEW} --yes --fenced`, {}, 'MM-EDIT-NODE'],
    ['another node\'s card', 'used', 'replace 2 --mac 52:54:00:00:00:01 --yes --fenced', {}, 'MM-EDIT-MAC-TAKEN'],
    ['a file of controllers that is not there', 'used', `replace 2 --mac ${NEW} --yes --power-config /nowhere.json`, {}, 'MM-POWER-CONFIG'],
    ['nobody who asks', 'given back', 'replace 2 --yes --wait 30', { heard: [[]] }, 'MM-NODE-NOBODY'],
    ['several who ask', 'given back', 'replace 2 --yes', { heard: [[stranger(NEW), stranger(OTHER)]] }, 'MM-NODE-SEVERAL'],
    ['no daemon to ask who asks', 'given back', 'replace 2 --yes', {}, 'MM-STATUS-NO-DAEMON'],
    ['nobody to confirm', 'given back', `replace 2 --mac ${NEW}`, {}, 'MM-NODE-CONFIRM'],
  ])('%s', async (_, how, line, options, wanted) => {
    runs[how]!();
    const run = await image.untouched(() => node(line, options));
    expect([run.code, codeOf(run)], run.error).toEqual([1, wanted]);
  });

  test('the operator\'s word is typed out, and a record that moves gives it the lie', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    const wrong = await image.untouched(() => node(`replace 2 --mac ${NEW} --fenced`, { answers: ['yes'] }));
    expect([wrong.code, wrong.asked.length, wrong.asked[0]], wrong.error).toEqual([1, 1, expect.stringContaining('Type node2 to go on')]);
    const volume = image.found().registry.volumes.find(({ name }) => name === 'node2')!;
    const moved = await node(`replace 2 --mac ${NEW} --fenced`, {
      answers: ['node2'],
      meanwhile: (now) => image.poke('node2', OWNER_OFFSET, encodeOwner({ hardwareId: OLD, bootNonce: '01'.repeat(16), epoch: 3, counter: 70 + Math.floor(now / 5000), node: 2, volumeUuid: volume.uuid, renewedAtUnixMs: 1 })),
    });
    expect([moved.code, codeOf(moved), moved.error.includes('that machine runs'), new Set(states())], moved.error).toEqual([1, 'MM-HANDOVER-OWNER', true, new Set(['live'])]);
  });

  test('--dry-run says whom it would fence, and what would change; it waits for nothing', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    const run = await image.untouched(() => node('replace 2 --fenced --dry-run --json', { heard: [[stranger(NEW), stranger(OTHER, 61_000), stranger('52:54:00:00:00:01' as Mac)]] }));
    expect([run.code, run.waitedMs, JSON.parse(run.out)], run.error).toEqual([0, 0, {
      node: 2, name: 'node2', macs: [NEW], candidates: [NEW], formerMacs: ['52:54:00:00:00:02'], formerHardwareId: OLD, toFence: ['node2', 'state2'], result: 'planned',
    }]);
  });
});

describe.skipIf(NO_SANLOCK !== undefined)(`what is written${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  beforeEach(() => image.withLeases());

  test('replace by the operator\'s word: 30 s of standing still, the stranger that comes, labels and registry; given again, nothing', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    const run = await node('replace 2 --fenced', { machine: NODE_1, answers: ['node2', 'yes'], heard: [...Array.from({ length: 7 }, () => []), [stranger(NEW)]] });
    expect([run.code, run.waitedMs, run.wrote], run.error).toEqual([0, 44_000, 2]);
    expect(run.error).toContain('Waiting for a machine that asks for a boot: 10 s of 600 s');
    expect(run.asked[1]).toContain(`becomes ${NEW}`);
    expect(states()).toEqual(['down', 'down']);
    const { registry, header } = image.found();
    expect(header.writer).toBe(1);
    expect(registry.roster.nodes[1]).toMatchObject({ number: 2, name: 'node2', macs: [NEW], address: '10.0.0.2' });
    expect(registry.roster.barred).toMatchObject([{ node: 2, macs: ['52:54:00:00:00:02'], hardwareId: OLD }]);
    const again = await image.untouched(() => node(`replace 2 --mac ${NEW} --yes --json`));
    expect([again.code, JSON.parse(again.out)]).toMatchObject([0, { result: 'already' }]);
    // Nor when the new machine runs by now: its volumes are not taken from it.
    image.own(2, 'live', { hardwareId: `board-9/${NEW}` });
    expect((await image.untouched(() => node(`replace 2 --mac ${NEW} --fenced --yes`))).code).toBe(0);
  }, LONG);

  test('cut off behind the registry, for the former machine came up in between: the same command ends it', async () => {
    image.own(2, 'down', { hardwareId: OLD });
    expect((await node(`replace 2 --mac ${NEW} --yes`)).code).toBe(0);
    image.own(2, 'live', { hardwareId: OLD });
    expect(codeOf(await node(`replace 2 --mac ${NEW} --yes`))).toBe('MM-HANDOVER-OWNER');
    const run = await node(`replace 2 --mac ${NEW} --yes --fenced --json`);
    expect([run.code, JSON.parse(run.out)], run.error).toMatchObject([0, { result: 'done', fence: 'word', freed: ['node2', 'state2'], generation: 2 }]);
    expect([states(), image.found().registry.roster.barred?.length]).toEqual([['down', 'down'], 1]);
  }, LONG);

  test('replace by the power controller: it takes the power, and its proof is the fence; one that does not go off is none', async () => {
    image.own(2, 'live', { hardwareId: OLD });
    const blade = new RedfishEmulator();
    const { port, close } = await serveRedfish(blade);
    writeFileSync(join(image.folder, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
    writeFileSync(join(image.folder, 'power.json'), JSON.stringify({ nodes: { 2: { kind: 'redfish', url: `http://127.0.0.1:${port}`, cleartext: true, user: USER, passwordFile: join(image.folder, 'password') }, 3: { kind: 'wake-on-lan', mac: OTHER, broadcast: '127.0.0.1' } } }));
    try {
      const declined = await image.untouched(() => node(`replace 2 --mac ${NEW} --power-config ${image.folder}/power.json`, { answers: ['no'] }));
      expect([declined.code, blade.power]).toEqual([1, 'On']);
      const run = await node(`replace 2 --mac ${NEW} --power-config ${image.folder}/power.json --yes --json`);
      expect([run.code, blade.power, JSON.parse(run.out)], run.error).toMatchObject([0, 'Off', { fence: 'power', result: 'done' }]);
      expect(states()).toEqual(['down', 'down']);
    } finally {
      close();
    }
    // Wake-on-LAN proves nothing.
    writeFileSync(join(image.folder, 'wol.json'), JSON.stringify({ nodes: { 1: { kind: 'wake-on-lan', mac: OTHER, broadcast: '127.0.0.1' } } }));
    image.own(1, 'live', { hardwareId: 'board-1/52:54:00:00:00:01' });
    const unproved = await image.untouched(() => node(`replace 1 --mac ${OTHER} --power-config ${image.folder}/wol.json --yes`));
    expect([unproved.code, codeOf(unproved)], unproved.error).toEqual([1, 'MM-NODE-FENCE']);
  }, LONG);

  test('open, replace --auto, close: a blade takes the place only by an opening that is in force, and only when it is nobody\'s', async () => {
    image.own(2, 'down', { hardwareId: OLD });
    const auto = (mac: Mac | string) => node(`replace 2 --mac ${mac} --auto --yes`);
    expect(codeOf(await image.untouched(() => auto(NEW)))).toBe('MM-NODE-AUTO');
    expect(JSON.parse((await node('open 2 --hours 1 --yes --json')).out)).toMatchObject({ node: 2, policy: 'ask', untilUnixMs: 1_795_000_000_000 + 3_600_000, result: 'done' });
    expect(codeOf(await image.untouched(() => auto(NEW)))).toBe('MM-NODE-AUTO');
    expect(codeOf(await node('open 2 --auto --yes'))).toBe('MM-EDIT-REPLACEMENT-OPEN');
    await node('close 2 --yes');
    expect(codeOf(await node('close 2 --yes'))).toBe('MM-EDIT-REPLACEMENT-NONE');
    await node('open 2 --auto --yes');
    expect(codeOf(await image.untouched(() => auto('52:54:00:00:00:01')))).toBe('MM-NODE-AUTO');
    const taken = await auto(NEW);
    expect([taken.code, image.found().registry.roster.nodes[1]!.macs, image.found().registry.roster.replacement], taken.error).toEqual([0, [NEW], undefined]);
  }, LONG * 2);

  test('drain, undrain and unbar; each says when it was so already', async () => {
    expect(JSON.parse((await node('drain 2 --yes --json')).out)).toEqual({ node: 2, name: 'node2', drained: true, generation: 2, result: 'done' });
    expect(codeOf(await node('drain 1 --yes'))).toBe('MM-EDIT-LAST');
    expect((await node('drain 2 --yes')).out).toBe('It was so already.\n');
    const declined = await image.untouched(() => node('undrain 2', { answers: ['no'] }));
    expect([declined.code, declined.asked.length]).toEqual([1, 1]);
    expect((await node('undrain 2', { answers: ['yes'] })).out).toBe('Done: node 2 (node2) serves boots again (registry generation 3).\n');
    image.own(2, 'down', { hardwareId: OLD });
    await node(`replace 2 --mac ${NEW} --yes`);
    expect(codeOf(await node('unbar 52:54:00:00:00:77 --yes'))).toBe('MM-EDIT-BAR-NONE');
    expect(JSON.parse((await node('unbar 52-54-00-00-00-02 --yes --json')).out)).toMatchObject({ macs: ['52:54:00:00:00:02'], result: 'done' });
    expect(image.found().registry.roster.barred).toBeUndefined();
  }, LONG * 2);
});

describe('list', () => {
  test('nodes, and what the daemon has heard; without a daemon that is not known', async () => {
    const heard = await image.untouched(() => node('list', { heard: [[stranger(NEW)]] }));
    expect(heard.out.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '))).toEqual([
      'cluster node, registry generation 1', '1 node1 52:54:00:00:00:01 10.0.0.1 serving', '2 node2 52:54:00:00:00:02 10.0.0.2 alive', '', 'asked for a boot just now and are no node\'s:', `${NEW} 1 s ago 3 times bios-rom`, '',
    ]);
    const alone = JSON.parse((await node('list --json')).out) as { nodes: { alive: unknown }[]; strangers: unknown };
    expect([alone.nodes.map(({ alive }) => alive), alone.strangers]).toEqual([[null, null], null]);
  });

  test('no secret is in it', async () => {
    expect((await node('list --json')).out).not.toMatch(/PRIVATE|clusterKey|\$y\$/);
  });
});

test('wrong use: 2, and no device is touched; no device: 2; one that cannot be read: 3', async () => {
  expect((await node('list extra')).code).toBe(2);
  const codes = await Promise.all([['list'], ['list', '--device', '/nowhere/san']].map((argv) => image.run((host) => nodeCommand(argv, { ...host, status: () => Promise.reject(new Error('not asked')) }))));
  expect(codes.map(({ code }) => code)).toEqual([2, 3]);
});
