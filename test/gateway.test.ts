// gatewayd in network namespaces: three candidates, a client inside, a server outside. Nothing here is judged by the clock: what shall
// happen is waited for, generously; how fast it is, the bench measures.

import { type ChildProcess, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FilterAnswer } from '../daemons/gateway-control.ts';
import { GatewayProcess } from '../scripts/bench/gateway-process.ts';
import { GATEWAY_ADDRESSES, GatewaySpaces, NETWORKS } from '../scripts/bench/gateway-spaces.ts';
import { HAS_TOOLS, pause, until, WAIT_MS } from './gateway.test-kit.ts';

const { moving, public: publicAddress, router } = GATEWAY_ADDRESSES;

/** A slow server outside and a client inside that is sent so many bytes; both end by themselves. The client prints their SHA-256. */
const PIECES = 600;
const SERVER = `import socket,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(("${router}",8080)); s.listen(1); print("ready",flush=True)
c,a=s.accept(); print(a[0],flush=True)
for i in range(${PIECES}): c.sendall(bytes([i%251])*4096); time.sleep(0.02)
c.close()`;
const CLIENT = `import socket,hashlib
s=socket.create_connection(("${router}",8080),60); s.settimeout(90); h=hashlib.sha256()
print("connected",flush=True)
while True:
  d=s.recv(65536)
  if not d: break
  h.update(d)
print(h.hexdigest(),flush=True)`;
/** On the holder: says back what is said to it. From outside: one word to a port, and a conversation of some seconds with the one that is open. */
const LISTENER = `import socket,threading
def one(c):
  while d:=c.recv(99): c.sendall(d)
def serve(s):
  while True: threading.Thread(target=one,args=(s.accept()[0],),daemon=True).start()
for p in (22,2222):
  s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(("0.0.0.0",p)); s.listen(9)
  threading.Thread(target=serve,args=(s,),daemon=True).start()
print("ready",flush=True); threading.Event().wait()`;
const KNOCK = `import socket,sys
s=socket.socket(); s.settimeout(2)
try: s.connect(("${publicAddress}",int(sys.argv[1]))); s.send(b"x"); print("answer" if s.recv(9)==b"x" else "silence")
except TimeoutError: print("silence")`;
const HELD = `import socket,time
s=socket.create_connection(("${publicAddress}",22),10); s.settimeout(20); print("connected",flush=True)
for i in range(150):
  s.sendall(b"x"); assert s.recv(9)==b"x"; time.sleep(0.1)
print("whole",flush=True)`;
const EXPECTED = createHash('sha256');
for (let piece = 0; piece < PIECES; piece++) EXPECTED.update(Buffer.alloc(4096, piece % 251));
const DIGEST = EXPECTED.digest('hex');

describe.skipIf(!HAS_TOOLS)('three candidates', { timeout: 300_000 }, () => {
  let spaces!: GatewaySpaces;
  const running = new Map<number, GatewayProcess>();
  const children: ChildProcess[] = [];

  const start = (node: number): void => void running.set(node, new GatewayProcess(spaces, node));
  const alive = (): GatewayProcess[] => [...running.values()].filter(({ child }) => child.exitCode === null && child.signalCode === null);
  /** The one that holds, when all that run agree, and has the addresses as the only one of them. One that is cut off (`except`) may believe what it likes. */
  const settled = (except = 0): Promise<GatewayProcess> => until('one holder', async () => {
    const asked = alive().filter(({ node }) => node !== except);
    const states = await Promise.all(asked.map((process) => process.status()));
    const holders = new Set(states.map((state) => state?.holder));
    const holder = asked.find(({ node }) => holders.has(node));
    if (states.length === 0 || holders.size !== 1 || holder === undefined) return undefined;
    const nodes = new Set(asked.map(({ node }) => node));
    const alone = (address: string): boolean => spaces.having(address).filter((node) => nodes.has(node)).join() === String(holder.node);
    return alone(moving) && alone(publicAddress) ? holder : undefined;
  });
  const standing = (count: number): Promise<true> => until(`${count} candidates that stand`, async () => {
    const states = await Promise.all(alive().map((process) => process.status()));
    return states.filter((state) => state?.stands === true).length >= count ? true : undefined;
  });
  /** All three, settled, with a backup that follows the states. */
  const whole = async (): Promise<GatewayProcess> => {
    for (const node of spaces.candidates) {
      spaces.plug(node, NETWORKS, true);
      if (!alive().some((process) => process.node === node)) start(node);
    }
    await standing(3);
    return settled();
  };
  const passes = (): Promise<true> => until('a ping through the gateway', () => (spawnSync('ip', ['netns', 'exec', spaces.client, 'ping', '-n', '-c', '1', '-W', '1', router], { stdio: 'ignore' }).status === 0 ? true : undefined));
  const output = (child: ChildProcess): { text: string } => {
    const all = { text: '' };
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      all.text += text;
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      all.text += text;
    });
    children.push(child);
    return all;
  };
  /** A download through NAT that goes on while `meanwhile` happens; it must arrive whole, on its first connection. */
  const download = async (meanwhile: (holder: GatewayProcess) => Promise<void> | void, where: (backup: number, standby: number) => string = () => spaces.client): Promise<void> => {
    const holder = await whole();
    await passes();
    const backup = await until('a backup', async () => (await holder.status())!.backup);
    const space = where(backup, spaces.candidates.find((node) => node !== holder.node && node !== backup)!);
    // The states reach the backup by a daemon of its own, which says nothing of it.
    await pause(3000);
    const server = output(spaces.spawn(spaces.server, ['python3', '-c', SERVER]));
    await until('the server', () => (server.text.includes('ready') ? true : undefined));
    const client = output(spaces.spawn(space, ['python3', '-c', CLIENT]));
    await until('the connection', () => (server.text.includes(publicAddress) ? true : undefined));
    await pause(2000);
    await meanwhile(holder);
    await until('the end of the download', () => (client.text.includes(DIGEST) || client.text.includes('Error') ? true : undefined));
    expect(client.text).toContain(DIGEST);
    await settled(holder.node);
    await passes();
  };

  beforeAll(() => {
    spaces = new GatewaySpaces('mmgw-test', [1, 2, 3]);
  }, 2 * WAIT_MS);
  afterEach(() => {
    for (const process of running.values()) process.signal('SIGCONT');
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all([...running.values()].map((process) => process.end('SIGKILL')));
    spaces?.remove();
  }, 2 * WAIT_MS);

  test('one has the addresses, it alone answers for them, and packets go through it', async () => {
    const holder = await whole();
    await passes();
    const neighbour = spaces.run(spaces.client, 'ip', 'neighbour', 'show', moving);
    const own = spaces.run(spaces.gateway(holder.node), 'cat', '/sys/class/net/eth0/address').trim();
    expect(neighbour).toContain(own);
    const answers = spaces.run(spaces.client, 'python3', '-c', ASK);
    expect(answers.trim().split(/\s+/)).toEqual([own]);
  });

  test('what is so already is left alone; what somebody changes is put right', async () => {
    const holder = await whole();
    await pause(3000);
    const steps = holder.log.filter((line) => line.includes('"gateway.host"')).length;
    await pause(5000);
    expect(holder.log.filter((line) => line.includes('"gateway.host"'))).toHaveLength(steps);
    spaces.run(spaces.gateway(holder.node), 'ip', 'address', 'del', `${moving}/32`, 'dev', 'eth0');
    await until('the address again', () => (spaces.having(moving).includes(holder.node) ? true : undefined));
  });

  test('kill -9: a download through NAT goes on', () => download((holder) => holder.end('SIGKILL')));

  test('what a killed one left is tidied up by its next start', async () => {
    const killed = spaces.candidates.find((node) => !alive().some((process) => process.node === node) && spaces.having(moving).includes(node));
    const holder = await settled();
    start(killed!);
    await until('the old holder without the address', () => (spaces.having(moving).join() === String(holder.node) ? true : undefined));
    await passes();
  });

  // Candidates are nodes like all others, with connections of their own through the gateway; and the kernel of one that follows has these flows twice.
  test('kill -9: the backup\'s own download goes on when it takes over', () => download((holder) => holder.end('SIGKILL'), (backup) => spaces.gateway(backup)));

  test('kill -9: so does that of a candidate that becomes the backup', () => download((holder) => holder.end('SIGKILL'), (_backup, standby) => spaces.gateway(standby)));

  test('a holder whose plugs are pulled: a download through NAT goes on; back again, it is quiet', async () => {
    let former!: GatewayProcess;
    await download((holder) => {
      former = holder;
      spaces.plug(holder.node, NETWORKS, false);
    });
    spaces.plug(former.node, NETWORKS, true);
    await standing(3);
    expect((await settled()).node).not.toBe(former.node);
    await passes();
  });

  test('the inside plug alone: it lets go, for its way is dead', async () => {
    const holder = await whole();
    spaces.plug(holder.node, ['in'], false);
    await until('another holder', async () => ((await settled()).node === holder.node ? undefined : true));
    await passes();
    spaces.plug(holder.node, ['in'], true);
  });

  test('SIGSTOP: the address goes to another; awake again, the former has nothing', async () => {
    const holder = await whole();
    await passes();
    holder.signal('SIGSTOP');
    const others = alive().filter(({ node }) => node !== holder.node);
    await until('another holder', async () => ((await Promise.all(others.map((process) => process.status()))).some((state) => state?.role === 'holder') ? true : undefined));
    await passes();
    // Its kernel has the address still, and is silent.
    expect(spaces.run(spaces.client, 'python3', '-c', ASK).trim().split(/\s+/)).toHaveLength(1);
    holder.signal('SIGCONT');
    expect((await settled()).node).not.toBe(holder.node);
    await passes();
  });

  test('a split: a holder on either side; healed, one goes on, and every cache knows it', async () => {
    const holder = await whole();
    const others = alive().filter(({ node }) => node !== holder.node);
    spaces.isolate(holder.node, NETWORKS, true);
    await until('a second holder', async () => ((await Promise.all(others.map((process) => process.status()))).some((state) => state?.role === 'holder') ? true : undefined));
    spaces.isolate(holder.node, NETWORKS, false);
    await standing(3);
    const one = await settled();
    await passes();
    const mac = (network: number): string => spaces.run(spaces.gateway(one.node), 'cat', `/sys/class/net/eth${network}/address`).trim();
    await until('the client\'s cache', () => (spaces.run(spaces.client, 'ip', 'neighbour', 'show', moving).includes(mac(0)) ? true : undefined));
    await until('the router\'s cache', () => (spaces.run(spaces.server, 'ip', 'neighbour', 'show', publicAddress).includes(mac(1)) ? true : undefined));
    expect(spaces.run(spaces.client, 'python3', '-c', ASK).trim().split(/\s+/)).toEqual([mac(0)]);
  });

  test('told to switch, and to leave: a download through NAT goes on, and the timeline is there', async () => {
    let next = 0;
    await download(async (holder) => {
      next = (await holder.status())!.backup!;
      expect(await holder.ask('switch', { to: next })).toEqual({ refused: null });
    });
    const holder = await settled();
    expect(holder.node).toBe(next);
    const [last] = (await holder.status())!.takeovers.slice(-1);
    expect(last).toMatchObject({ reason: 'released', node: next });
    for (const stage of ['lastBeatUnixMs', 'addressUnixMs', 'arpUnixMs', 'firstPacketUnixMs'] as const) expect(last![stage]).toBeGreaterThan(0);
    expect(await holder.ask('switch', { to: holder.node })).toEqual({ refused: 'this node is the gateway already' });
    await holder.ask('drain', { drained: true });
    await until('another holder', async () => ((await settled()).node === next ? undefined : true));
    await holder.ask('drain', { drained: false });
  });

  test('SIGTERM: another has the addresses, and nothing is left behind', async () => {
    const holder = await whole();
    await holder.end('SIGTERM');
    await settled();
    expect(spaces.having(moving)).not.toContain(holder.node);
    expect(spaces.run(spaces.gateway(holder.node), 'nft', 'list', 'ruleset')).toBe('');
    await passes();
  });

  test('from outside the holder answers where it is open; a reload cuts nothing off, and shuts what is shut', async () => {
    const holder = await whole();
    await passes();
    const epoch = (await holder.status())!.epoch;
    const listener = output(spaces.spawn(spaces.gateway(holder.node), ['python3', '-c', LISTENER]));
    await until('the listener', () => (listener.text.includes('ready') ? true : undefined));
    const knock = (port: number): string => spaces.run(spaces.server, 'python3', '-c', KNOCK, String(port)).trim();
    expect([knock(22), knock(2222)]).toEqual(['answer', 'silence']);
    const held = output(spaces.spawn(spaces.server, ['python3', '-c', HELD]));
    await until('the connection', () => (held.text.includes('connected') ? true : undefined));
    spaces.files(holder.node, { 'public-services': [] });
    await until('the port shut', () => (knock(22) === 'silence' ? true : undefined));
    expect(held.text.trim()).toBe('connected');
    await until('the end of the connection', () => (/whole|Error/.test(held.text) ? true : undefined));
    // With another holder meanwhile there would be another machine at the other end.
    const after = (await holder.status())!.epoch;
    expect([after, held.text.split('\n')[1]]).toEqual([epoch, 'whole']);
    const filter = (await holder.ask('filter')) as NonNullable<FilterAnswer>;
    expect([filter.open, filter.dropped.input > 0]).toEqual([[], true]);
    spaces.files(holder.node);
  });

  test('other settings are followed; those that are wrong change nothing', async () => {
    const holder = await whole();
    spaces.files(holder.node, { 'port-forwards': ['tcp/443=192.168.77.50:8443'] });
    await until('the forward in the packet filter', () => (spaces.run(spaces.gateway(holder.node), 'nft', 'list', 'ruleset').includes('192.168.77.50:8443') ? true : undefined));
    spaces.files(holder.node, { 'public-IP': 7 });
    await until('the refusal', () => (holder.log.some((line) => line.includes('gateway.settings-refused') && line.includes('MM-GATEWAY')) ? true : undefined));
    expect((await holder.status())?.role).toBe('holder');
    spaces.files(holder.node);
  });
});

/** Asks by ARP for the moving address, as the client, and prints the MAC address of everybody who answers within a second. */
const ASK = `import socket,time
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x0806)); s.bind(("eth0",0)); m=bytes.fromhex(open("/sys/class/net/eth0/address").read().strip().replace(":",""))
seen=set()
for i in range(20):
  s.send(b"\\xff"*6+m+bytes.fromhex("08060001080006040001")+m+socket.inet_aton("${GATEWAY_ADDRESSES.client}")+bytes(6)+socket.inet_aton("${moving}"))
  end=time.time()+0.05; s.settimeout(0.02)
  while time.time()<end:
    try: f=s.recv(100)
    except TimeoutError: continue
    if f[20:22]==b"\\0\\2" and f[28:32]==socket.inet_aton("${moving}"): seen.add(f[22:28].hex(":"))
print(*seen)`;
