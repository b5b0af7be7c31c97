// gatewayd with a way out by IPv6, in network namespaces: two candidates, a client inside, a server outside. What shall happen is waited for,
// generously: nothing is judged by the clock.

import { type ChildProcess, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../scripts/bench/gateway-process.ts';
import { ANSWERS6, GATEWAY_ADDRESSES6, GatewaySpaces } from '../scripts/bench/gateway-spaces.ts';
import { HAS_TOOLS, pause, until, WAIT_MS } from './gateway.test-kit.ts';

const { moving, public: publicAddress, router } = GATEWAY_ADDRESSES6;
/** The daemons that carry the states find each other in this time, and say nothing of it. */
const HANDSHAKE_MS = 3000;

/** A server outside that tells whom it sees and sends slowly; a client inside that counts what comes, to the last byte of one connection. */
const PIECES = 500;
const SERVER = `import socket,time
s=socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(("${router}",8080)); s.listen(1); print("ready",flush=True)
c,a=s.accept(); print(a[0],flush=True)
for i in range(${PIECES}): c.sendall(bytes(4096)); time.sleep(0.02)
c.close()`;
const CLIENT = `import socket
s=socket.create_connection(("${router}",8080),60); s.settimeout(90); n=0
while True:
  d=s.recv(65536)
  if not d: break
  n+=len(d)
print("whole" if n==${PIECES * 4096} else n,flush=True)`;
/** Prints the MAC address in each Neighbour Advertisement that nobody asked for, overrides, and speaks of the moving address (RFC 4861 section 4.4). */
const LISTENER = `import socket
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x86dd)); s.bind(("eth0",0)); print("listening",flush=True)
while True:
  f=s.recv(2000)
  if f[20]==58 and f[38:54]==socket.inet_pton(socket.AF_INET6,"ff02::1") and f[54]==136 and f[58]&0x60==0x20 and f[62:78]==socket.inet_pton(socket.AF_INET6,"${moving}"): print(f[80:86].hex(":"),flush=True)`;

describe.skipIf(!HAS_TOOLS)('two candidates with IPv6', { timeout: 300_000 }, () => {
  let spaces!: GatewaySpaces;
  const running = new Map<number, GatewayProcess>();
  const children: ChildProcess[] = [];

  const start = (node: number): void => void running.set(node, new GatewayProcess(spaces, node));
  /** What a program in a namespace has said so far. */
  const output = (space: string, program: string): { text: string } => {
    const child = spaces.spawn(space, ['python3', '-c', program]);
    const all = { text: '' };
    for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => {
      all.text += text;
    });
    children.push(child);
    return all;
  };
  /** The one that has both addresses. */
  const holder = (others: readonly number[] = []): Promise<GatewayProcess> => until('a holder', async () => {
    const node = spaces.having(publicAddress).find((number) => !others.includes(number) && spaces.having(moving).includes(number));
    const process = running.get(node ?? 0);
    return (await process?.status())?.role === 'holder' ? process : undefined;
  });
  const passes = (): Promise<true> => until('a ping through the gateway', () => (spawnSync('ip', ['netns', 'exec', spaces.client, 'ping', '-6', '-n', '-c', '1', '-W', '1', router], { stdio: 'ignore' }).status === 0 ? true : undefined));
  const macOf = (node: number): string => spaces.run(spaces.gateway(node), 'cat', '/sys/class/net/eth0/address').trim();
  const setting = (node: number, path: string): string => spaces.run(spaces.gateway(node), 'cat', `/proc/sys/net/ipv6/conf/${path}`).trim();

  beforeAll(() => {
    spaces = new GatewaySpaces('mmgw6-test', [1, 2], ANSWERS6);
    for (const node of spaces.candidates) start(node);
  }, 2 * WAIT_MS);
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all([...running.values()].map((process) => process.end('SIGKILL')));
    spaces?.remove();
  }, 2 * WAIT_MS);

  test('one is the way out; nothing that begins on it comes from the address that moves inside', async () => {
    const { node } = await holder();
    await passes();
    expect([spaces.having(moving), spaces.having(publicAddress)]).toEqual([[node], [node]]);
    expect(spaces.run(spaces.gateway(node), 'ip', '-6', 'route', 'get', GATEWAY_ADDRESSES6.client)).not.toContain(`src ${moving} `);
    expect(spaces.run(spaces.gateway(3 - node), 'ip', '-6', 'route', 'show', 'default')).toContain(`via ${moving}`);
  });

  test('kill -9: its successor says so to everybody, pings and a download through NAT go on', async () => {
    const former = await holder();
    await passes();
    const listener = output(spaces.client, LISTENER);
    const server = output(spaces.server, SERVER);
    await until('listener and server', () => listener.text !== '' && server.text.includes('ready'));
    await pause(HANDSHAKE_MS);
    const client = output(spaces.client, CLIENT);
    await until('the connection, from the public address', () => server.text.includes(`${publicAddress}\n`));
    // As the backup's kernel has it from its partner, translation and all.
    await until('the flow at the backup', () => spaces.run(spaces.gateway(3 - former.node), 'conntrack', '-L', '-f', 'ipv6', '-p', 'tcp').split('\n').some((line) => /ESTABLISHED.*dport=8080/.test(line) && line.includes(`dst=${publicAddress} `)));
    // Its own last words, which it says for some seconds after it has begun.
    listener.text = '';
    await former.end('SIGKILL');
    const next = await holder([former.node]);
    await until('the advertisement', () => listener.text.includes(macOf(next.node)));
    await passes();
    expect(spaces.run(spaces.client, 'ip', '-6', 'neighbour', 'show', moving)).toContain(macOf(next.node));
    await until('the end of the download', () => /whole|Error|\d+\n/.test(client.text));
    expect(client.text).toBe('whole\n');
  });

  test('what a killed one left is tidied up by its next start', async () => {
    const { node } = await holder([...running].filter(([, { child }]) => child.signalCode !== null).map(([number]) => number));
    start(3 - node);
    await until('the addresses on one alone', () => [moving, publicAddress].every((address) => spaces.having(address).join() === String(node)));
    await passes();
  });

  test('SIGTERM: the addresses go, and the card outside is without IPv6 again', async () => {
    await until('a backup that stands', async () => (await Promise.all([...running.values()].map((process) => process.status()))).every((state) => state?.stands === true));
    const former = await holder();
    expect([setting(former.node, 'eth1/disable_ipv6'), setting(former.node, 'all/forwarding')]).toEqual(['0', '1']);
    await former.end('SIGTERM');
    await holder([former.node]);
    expect([spaces.having(moving), spaces.having(publicAddress)].flat()).not.toContain(former.node);
    expect([setting(former.node, 'eth1/disable_ipv6'), setting(former.node, 'all/forwarding')]).toEqual(['1', '0']);
    await passes();
  });
});
