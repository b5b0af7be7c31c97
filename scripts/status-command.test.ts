import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FOREIGN_DHCP_REMEDY, ROSTER_LAG_REMEDY, type Status } from '../daemons/agent/status.ts';
import type { Mac } from '../daemons/core/mac.ts';
import { openControlSocket } from '../daemons/host/control-socket.ts';
import { readStoreFill, statusText } from './status-command.ts';

const MAC3 = '52:54:00:00:00:03' as Mac;
const STATUS: Status = {
  cluster: 'rack', node: 1, name: 'node1', rosterGeneration: 7, serving: true, standDown: null, upMs: 125_000, alive: [1, 2, 4], live: [1, 2], suspects: [2], drained: [],
  members: [{ node: 1, state: 'alive', forMs: 125_000, facts: { roles: 'boot', load: '0.1', memory: '71' } }, { node: 2, state: 'suspect', forMs: 400, facts: {} }],
  generations: [{ node: 1, generation: 7, behindMs: null }, { node: 2, generation: 7, behindMs: null }, { node: 4, generation: 6, behindMs: 180_000 }],
  lagging: [{ code: 'MM-ROSTER-LAG', node: 4, generation: 6, behindMs: 180_000, remedy: ROSTER_LAG_REMEDY }],
  blades: [
    { mac: '52:54:00:00:00:02' as Mac, node: 2, step: 'handover', detail: '', agoMs: 7_300_000 },
    { mac: MAC3, node: 3, step: 'http', detail: 'initrd.img\u001b[2J', agoMs: 1400 },
  ],
  unknown: [{ mac: '52:54:00:00:00:99' as Mac, count: 4, detail: 'PXEClient', agoMs: 200_000_000 }],
  barred: [],
  foreign: [
    { code: 'MM-DHCP-FOREIGN', address: '10.0.0.66', mac: '52:54:00:66:66:66' as Mac, count: 3, detail: 'OFFER from 10.0.0.66\u0007', agoMs: 60_000, remedy: FOREIGN_DHCP_REMEDY },
    { code: 'MM-DHCP-FOREIGN', address: '10.0.0.67', mac: null, count: 1, detail: 'ACK', agoMs: 1000, remedy: FOREIGN_DHCP_REMEDY },
  ],
  files: [{ name: 'vmlinuz', bytes: 2 ** 20, sha256: '' }, { name: 'initrd.img', bytes: 2 ** 19, sha256: '' }],
};

test('for a person: the latest first, and nothing that a terminal would obey', () => {
  expect(statusText(STATUS)).toBe(`cluster  rack, seen from node1 (node 1), roster generation 7
here     serving, up 2 min, 2 boot files of 1.5 MiB in memory
serving  nodes 1, 2
alive    but not serving: 4
suspect  2: silent just now; within seconds they are heard again, or count as dead
roster   generation 7 at 1, 2; 6 at 4

MM-ROSTER-LAG: these nodes do not follow the registry; what they know of the roster is old:
  node 4  generation 6  for 3 min
  what to do: ${ROSTER_LAG_REMEDY}

MM-DHCP-FOREIGN: a foreign DHCP server answers on the boot network, and blades may follow it:
  10.0.0.67  MAC address not known  1 s ago    1 times  ACK
  10.0.0.66  52:54:00:66:66:66      1 min ago  3 times  OFFER from 10.0.0.66?
  what to do: Switch it off on this network, or tell it to leave the cluster's MAC addresses alone; the switch's address table tells the port of a MAC address.

blades, by what this node has seen of them:
  node 3  52:54:00:00:00:03  1 s ago  http      initrd.img?[2J
  node 2  52:54:00:00:00:02  2 h ago  handover

asked for a boot and not in the roster:
  52:54:00:00:00:99  2 d ago  4 times  PXEClient
`);
});

test('a node that is alone and has seen nobody', () => {
  expect(statusText({ ...STATUS, serving: false, alive: [1], live: [], suspects: [], generations: [{ node: 1, generation: 7, behindMs: null }], lagging: [], blades: [], unknown: [], foreign: [] })).toMatch(/not serving yet.*\nserving {2}nobody\nalive {4}but not serving: 1\nroster {3}generation 7 at 1\n\nno blade was seen yet\n$/);
});

test('drained nodes are told apart from those that do not serve yet', () => {
  expect(statusText({ ...STATUS, alive: [1, 2, 4, 5], suspects: [], drained: [5, 6] })).toContain('\nserving  nodes 1, 2\nalive    but not serving: 4\ndrained  5, 6 (not alive); they serve only while no other node does\nroster');
  expect(statusText({ ...STATUS, node: 4, drained: [4] })).toContain('\nhere     drained, up 2 min');
  expect(statusText({ ...STATUS, node: 4, live: [4], drained: [4] })).toContain('\nhere     serving, up 2 min');
});

test('a barred machine that asked is shouted, apart from the strangers, with what to do; and a machine that is one says so', () => {
  const remedy = 'Switch it off. To let it in again: metamaster node unbar 52:54:00:00:00:88.';
  const barred = { code: 'MM-DHCP-BARRED', mac: '52:54:00:00:00:88' as Mac, formerNode: 2, sinceUnixMs: 1_795_219_200_000, count: 7, detail: 'DISCOVER of bios-rom\u001b', agoMs: 4000, remedy } as const;
  const text = statusText({ ...STATUS, barred: [barred, { ...barred, mac: '52:54:00:00:00:89' as Mac, agoMs: 9000 }] });
  expect(text).toContain(`
MM-DHCP-BARRED: a machine that was replaced asks for a boot, and gets nothing:
  52:54:00:00:00:88  was node 2  barred since 2026-11-21T00:00:00.000Z  4 s ago  7 times  DISCOVER of bios-rom?
  52:54:00:00:00:89  was node 2  barred since 2026-11-21T00:00:00.000Z  9 s ago  7 times  DISCOVER of bios-rom?
  what to do: ${remedy}

blades`);
  expect(statusText({ ...STATUS, serving: false, standDown: 'MM-AGENT-BARRED: this machine was node 1' })).toContain('\nhere     not serving: MM-AGENT-BARRED: this machine was node 1, up');
});

test("how full this node's store is, and what that means", () => {
  expect(statusText(STATUS, { percent: 83, canFill: true })).toContain('\nstore    83 % full; at 100 % this root is lost\n');
  expect(statusText(STATUS, { percent: 83, canFill: false })).toContain('\nstore    83 % full, with room for the whole origin\n');
});

test('a fact of the storage agent that is not there, or is half written, is left out', () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-fill-'));
  try {
    const path = join(folder, 'store-fill.json');
    expect(readStoreFill(path)).toBeUndefined();
    for (const text of ['', '{"percent":8', '7', 'null', '{"percent":"8","canFill":true}']) {
      writeFileSync(path, text);
      expect(readStoreFill(path), text).toBeUndefined();
    }
    writeFileSync(path, '{"percent":8,"canFill":true}\n');
    expect(readStoreFill(path)).toEqual({ percent: 8, canFill: true });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('over the socket', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mm-status-'));
    path = join(directory, 'control.sock');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function metamaster(...argv: string[]): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'metamaster.ts'), 'status', '--socket', path, ...argv], { timeout: 20_000 });
    let out = '';
    let err = '';
    child.stdout.on('data', (piece) => (out += String(piece)));
    child.stderr.on('data', (piece) => (err += String(piece)));
    return new Promise((resolve) => {
      child.on('close', (code) => resolve({ code, out, err }));
    });
  }

  test('the daemon\'s own socket answers, in text and as JSON', async () => {
    const socket = await openControlSocket(path, { status: () => STATUS }, () => {});
    try {
      expect(await metamaster()).toEqual({ code: 0, out: statusText(STATUS), err: '' });
      expect(JSON.parse((await metamaster('--json')).out)).toEqual(STATUS);
    } finally {
      socket.close();
    }
  });

  test('a rack whose every blade and a thousand strangers were seen fits into one answer', async () => {
    const detail = '\u0001'.repeat(160);
    const many: Status = { ...STATUS, blades: Array.from({ length: 1024 }, () => ({ mac: MAC3, node: null, step: 'x'.repeat(32), detail, agoMs: 1 })) };
    const socket = await openControlSocket(path, { status: () => many }, () => {});
    try {
      expect((JSON.parse((await metamaster('--json')).out) as Status).blades).toHaveLength(1024);
    } finally {
      socket.close();
    }
  });

  test('no daemon at all', async () => {
    expect(await metamaster()).toMatchObject({ code: 1, out: '', err: `metamaster: MM-STATUS-NO-DAEMON: ${path}: needs a running metamasterd; seen ENOENT. Run this on a node that is up (the live system of the disc has no daemon), or see \`systemctl status metamasterd\`.\n` });
  });

  test('somebody who hangs up', async () => {
    const server: Server = createServer((peer) => peer.destroy());
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
    try {
      expect(await metamaster()).toMatchObject({ code: 1, err: expect.stringContaining('MM-STATUS-NO-DAEMON') as string });
    } finally {
      server.close();
    }
  });
});
