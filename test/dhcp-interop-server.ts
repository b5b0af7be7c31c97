// One DHCP server of the interop test: `node dhcp-interop-server.ts <self> <live,live,…>`. Says what it does in JSON lines.

import type { Ipv4 } from '../daemons/core/ipv4.ts';
import { nodeOfNumber } from '../daemons/core/roster.ts';
import { DhcpServer } from '../daemons/dhcp/dhcp-server.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { startDhcp } from '../daemons/host/dhcp-socket.ts';

const say = (line: unknown): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
const self = Number(process.argv[2]);
const nodes = process.argv[3]!.split(',').map(Number);
const address: Ipv4 = nodeOfNumber(ROSTER, self)!.address;

const shell = startDhcp({ address, machine: new DhcpServer({ roster: ROSTER, self }), log: say, onStage: say });
shell.input({ kind: 'live', nodes });
await shell.ready;
say({ kind: 'ready' });
