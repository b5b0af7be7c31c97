// The input filter against the kernel: real packets from outside to a candidate.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ip, inSpace, MAY_MAKE_SPACES, NetworkSpaces } from '../../test/network-spaces.test-kit.ts';
import { GATE_TABLE, gateRuleset, NO_RULESET } from './gate-ruleset.ts';
import { GATEWAY_CONFIG } from './gateway.test-kit.ts';
import { gatewaySpaces } from './gateway-spaces.test-kit.ts';
import { outsideInputRules } from './outside-input.ts';
import { readOutsideDropped } from './present-state.ts';

test('every open port is a rule, and the last rule drops', () => {
  const rules = outsideInputRules([{ protocol: 'tcp', port: 22 }, { protocol: 'udp', port: 53 }, { protocol: 'tcp', port: 80 }]);
  expect(rules.filter((rule) => rule.includes('dport'))).toEqual(['fib daddr . iif type local tcp dport { 22, 80 } accept', 'fib daddr . iif type local udp dport { 53 } accept']);
  expect(rules.at(-1)).toBe('counter name outside_input drop');
  expect(outsideInputRules([]).some((rule) => rule.includes('dport'))).toBe(false);
});

const CONFIG = { ...GATEWAY_CONFIG, forwards: [] };
const works = (program: string, ...argv: string[]): boolean => spawnSync(program, argv, { stdio: 'ignore' }).status === 0;
const HAS_TOOLS = MAY_MAKE_SPACES && works('nft', '--version') && works('python3', '-c', 'pass');
if (!HAS_TOOLS) console.warn('outside-input.test.ts: the kernel\'s part is left out; it needs root, iproute2, nft and python3');

/** Listens on every address, by TCP and UDP, and says each line back. */
const ECHO = `import socket,threading
def tcp(port):
  s=socket.socket(socket.AF_INET6); s.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,0); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(("::",port)); s.listen(9)
  def one(c):
    while d:=c.recv(99): c.sendall(d)
  while True: threading.Thread(target=one,args=(s.accept()[0],),daemon=True).start()
def udp(port):
  s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("0.0.0.0",port))
  while True:
    d,a=s.recvfrom(99); print("got",d.decode(),flush=True)
    try: s.sendto(d,a)
    except OSError: pass
for p in (22,2222): threading.Thread(target=tcp,args=(p,),daemon=True).start()
for p in (53,5353): threading.Thread(target=udp,args=(p,),daemon=True).start()
print("ready",flush=True); threading.Event().wait()`;

/** Says of each target whether it answers: `tcp address port`, `udp address port`, `ping address`. */
const PROBE = `import socket,subprocess,sys
def probe(line):
  kind,address,*port=line.split()
  if kind=="ping": return subprocess.run(["ping","-n","-c","1","-W","1",address],stdout=subprocess.DEVNULL).returncode==0
  family,_,_,_,where=socket.getaddrinfo(address,int(port[0]))[0]
  s=socket.socket(family,socket.SOCK_STREAM if kind=="tcp" else socket.SOCK_DGRAM); s.settimeout(1)
  try: s.connect(where); s.send(b"x"); return s.recv(9)==b"x"
  except (TimeoutError,OSError): return False
for line in sys.argv[1:]: print("answer" if probe(line) else "silence")`;

/** Holds one connection, and says each line that it is given through it. */
const HELD = `import socket,sys
s=socket.create_connection(("203.0.113.10",22),5); s.settimeout(10); print("connected",flush=True)
for line in sys.stdin: s.sendall(line.encode()); print(s.recv(99).decode().strip(),flush=True)`;

describe.skipIf(!HAS_TOOLS)('in the kernel', { timeout: 120_000 }, () => {
  const spaces = new NetworkSpaces('mmg-in');
  const children: ChildProcess[] = [];
  let [gateway, inside, outside] = ['', '', ''];
  let heard = '';
  const run = (space: string, ...argv: string[]): string => execFileSync('ip', inSpace(space, ...argv), { encoding: 'utf8' });
  const load = (text: string): void => void execFileSync('ip', inSpace(gateway, 'nft', '-f', '-'), { input: text });
  const probes = (space: string, ...targets: string[]): string[] => run(space, 'python3', '-c', PROBE, ...targets).trim().split('\n');
  const macOf = (space: string, card: string): string => run(space, 'cat', `/sys/class/net/${card}/address`).trim();
  const setting = (path: string, value: string): void => void run(gateway, 'sh', '-c', `echo ${value} > /proc/sys/net/${path}`);
  const start = (space: string, program: string): { child: ChildProcess; line: () => Promise<string> } => {
    const child = spawn('ip', inSpace(space, 'python3', '-c', program), { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const lines: string[] = [];
    let wake: (() => void) | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
      lines.push(...text.split('\n').filter((one) => one !== ''));
      wake?.();
    });
    const line = async (): Promise<string> => {
      while (lines.length === 0) await new Promise<void>((resolve) => { wake = resolve; });
      return lines.shift()!;
    };
    return { child, line };
  };
  const holder = (): void => ip('-n', gateway, 'address', 'replace', '203.0.113.10/24', 'dev', 'eth1');

  beforeAll(async () => {
    ({ inside, gateway, outside } = gatewaySpaces(spaces));
    ip('-n', outside, 'address', 'add', '2001:db8::1/64', 'dev', 'eth0', 'nodad');
    ip('-n', gateway, 'address', 'add', '2001:db8::10/64', 'dev', 'eth1', 'nodad');
    // Whoever is outside may send to the inside's addresses; and ARP, which is the gate's business, is known.
    ip('-n', outside, 'route', 'add', '192.168.0.0/24', 'via', '203.0.113.10');
    ip('-n', outside, 'neighbour', 'replace', '203.0.113.10', 'lladdr', macOf(gateway, 'eth1'), 'dev', 'eth0');
    ip('-n', gateway, 'neighbour', 'replace', '203.0.113.1', 'lladdr', macOf(outside, 'eth0'), 'dev', 'eth1');
    holder();
    await start(gateway, ECHO).line();
  }, 120_000);
  afterEach(() => holder());
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    spaces.stop();
  });

  test('without it everything answers; with it what is open alone, and each dropped packet is counted', () => {
    load(NO_RULESET.text);
    const all = ['tcp 203.0.113.10 22', 'tcp 203.0.113.10 2222', 'udp 203.0.113.10 53', 'udp 203.0.113.10 5353', 'tcp 192.168.0.1 22', 'ping 203.0.113.10'];
    expect(probes(outside, ...all)).toEqual(all.map(() => 'answer'));
    load(gateRuleset({ ...CONFIG, services: [{ protocol: 'tcp', port: 22 }, { protocol: 'udp', port: 53 }] }).text);
    expect(probes(outside, ...all)).toEqual(['answer', 'silence', 'answer', 'silence', 'silence', 'answer']);
    expect(readOutsideDropped(run(gateway, 'nft', '-j', 'list', 'counters', 'table', 'inet', GATE_TABLE))!.input).toBeGreaterThanOrEqual(3);
  });

  test('IPv6 likewise, whose neighbour discovery goes on', () => {
    load(gateRuleset(CONFIG).text);
    ip('-n', outside, '-6', 'neighbour', 'flush', 'dev', 'eth0');
    expect(probes(outside, 'tcp 2001:db8::10 22', 'tcp 2001:db8::10 2222', 'ping 2001:db8::10')).toEqual(['answer', 'silence', 'answer']);
  });

  test('from inside all is as before', () => {
    load(gateRuleset({ ...CONFIG, services: [] }).text);
    expect(probes(inside, 'tcp 192.168.0.1 22', 'tcp 192.168.0.1 2222', 'ping 192.168.0.1')).toEqual(['answer', 'answer', 'answer']);
  });

  test('what is established outlives a reload, also one that shuts its port', async () => {
    load(gateRuleset(CONFIG).text);
    const held = start(outside, HELD);
    const says = async (word: string): Promise<string> => {
      held.child.stdin!.write(`${word}\n`);
      return held.line();
    };
    expect([await held.line(), await says('before')]).toEqual(['connected', 'before']);
    load(gateRuleset({ ...CONFIG, services: [] }).text);
    expect(await says('after')).toBe('after');
    expect(probes(outside, 'tcp 203.0.113.10 22')).toEqual(['silence']);
  });

  test('what this node asks outside is answered', () => {
    load(gateRuleset({ ...CONFIG, services: [] }).text);
    expect(probes(gateway, 'ping 203.0.113.1')).toEqual(['answer']);
  });

  test('a candidate that does not hold: nothing gets to it by that card, with the filter, and before it is loaded', async () => {
    // Its own address on the inside is what Linux would take the packets for; what came is told by the listener.
    const arrives = async (word: string): Promise<boolean> => {
      run(outside, 'python3', '-c', `import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nfor i in range(3): s.sendto(b"${word}",("192.168.0.1",53))`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return heard.includes(`got ${word}`);
    };
    ip('-n', gateway, 'address', 'del', '203.0.113.10/24', 'dev', 'eth1');
    load(NO_RULESET.text);
    for (const card of ['all', 'eth1']) setting(`ipv4/conf/${card}/rp_filter`, '0');
    const unfiltered = await arrives('unfiltered');
    load(gateRuleset({ ...CONFIG, services: [{ protocol: 'udp', port: 53 }] }).text);
    const filtered = await arrives('filtered');
    load(NO_RULESET.text);
    setting('ipv4/conf/eth1/rp_filter', '1');
    expect([unfiltered, filtered, await arrives('started')]).toEqual([true, false, false]);
  });
});
