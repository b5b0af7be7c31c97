// One DHCP server of the interop test: `node dhcp-interop-server.ts <self> <number of nodes>`. Says what it does in JSON
// lines, and `ready` when its sockets are bound and its beacon table has heard all nodes.

import { randomBytes } from 'node:crypto';
import { encodeLatin1 } from '../daemons/core/bytes.ts';
import { nodeOfNumber } from '../daemons/core/roster.ts';
import { DhcpServer } from '../daemons/dhcp/dhcp-server.ts';
import type { DhcpInput } from '../daemons/dhcp/dhcp-server.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { startBeacons } from '../daemons/host/beacon-socket.ts';
import { startDhcp } from '../daemons/host/dhcp-socket.ts';
import { BeaconTable } from '../daemons/membership/beacon-table.ts';
import type { BeaconInput } from '../daemons/membership/beacon-table.ts';

const say = (line: unknown): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
const self = Number(process.argv[2]);
const expected = Number(process.argv[3]);
const { address } = nodeOfNumber(ROSTER, self)!;

const dhcp = startDhcp<DhcpInput>({ address, machine: new DhcpServer({ roster: ROSTER, self }), log: say, onStage: say });
await dhcp.ready;
const table = new BeaconTable({ roster: ROSTER, generation: 1, self, key: encodeLatin1('interop'), incarnation: randomBytes(8).toString('hex') });
const beacons = startBeacons<BeaconInput>({
  address,
  machine: table,
  log: say,
  onNews(news) {
    if (news.kind !== 'live') return;
    dhcp.input({ kind: 'live', nodes: news.serving });
    if (news.serving.length === expected) say({ kind: 'ready' });
  },
});
beacons.input({ kind: 'serving', serving: true });
