// The ruleset against the kernel: it loads, it is known again, the gate opens, lapses and keeps ARP and packets back meanwhile.

import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ip, inSpace, MAY_MAKE_SPACES, NetworkSpaces } from '../../test/network-spaces.test-kit.ts';
import { GATEWAY_BEAT_PORT } from '../wire/gateway-beat.ts';
import { gateRuleset, GATE_MARK, GATE_TABLE, NO_RULESET } from './gate-ruleset.ts';
import { GATEWAY_CONFIG, GATEWAY_CONFIG6 } from './gateway.test-kit.ts';
import { gatewaySpaces } from './gateway-spaces.test-kit.ts';
import { readRulesetShape } from './present-state.ts';

const RULESET = gateRuleset(GATEWAY_CONFIG);
const HAS_NFT = MAY_MAKE_SPACES && spawnSync('nft', ['--version'], { stdio: 'ignore' }).status === 0;


/** All of it; tabs as two spaces. */
const TEXT = `table netdev metamaster_gateway {}
delete table netdev metamaster_gateway
table inet metamaster_gateway {}
delete table inet metamaster_gateway
table netdev metamaster_gateway {
  set gate { type ether_type; flags dynamic,timeout; size 4; }
  set moving { type ipv4_addr; elements = { 192.168.0.253, 203.0.113.10 }; }
  chain renew {
    type filter hook ingress device "lo" priority 0; policy accept;
    meta mark 0x4d4d4757 udp dport 7374 update @gate { meta protocol timeout 45ms } drop
  }
  chain arp_0 {
    type filter hook egress device "eth0" priority 0; policy accept;
    arp saddr ip @moving arp ptype != @gate counter drop
  }
  chain arp_1 {
    type filter hook egress device "eth1" priority 0; policy accept;
    arp saddr ip @moving arp ptype != @gate counter drop
  }
}
table inet metamaster_gateway {
  set gate { type ether_type; flags dynamic,timeout; size 4; }
  counter outside_input { }
  counter outside_forward { }
  chain renew {
    type filter hook output priority filter; policy accept;
    oifname "lo" meta mark 0x4d4d4757 udp dport 7374 update @gate { meta protocol timeout 45ms }
  }
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname { "eth0", "eth1" } oifname { "eth0", "eth1" } meta protocol != @gate counter drop
  }
  chain own_sent {
    type filter hook output priority raw; policy accept;
    oifname "eth0" ip daddr != 192.168.0.0/24 meta protocol != @gate ct zone set 28013
  }
  chain own_received {
    type filter hook prerouting priority raw; policy accept;
    iifname "eth0" fib daddr type local ip saddr != 192.168.0.0/24 meta protocol != @gate ct zone set 28013
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "eth1" ip daddr 203.0.113.10 tcp dport 443 dnat ip to 192.168.0.7:8443
    iifname "eth1" ip daddr 203.0.113.10 udp dport 53 dnat ip to 192.168.0.7:53
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "eth1" ip saddr 192.168.0.0/24 snat ip to 203.0.113.10
  }
  chain from_outside {
    ct state established,related accept
    icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept
    fib daddr . iif type local icmp type echo-request limit rate 50/second burst 50 packets accept
    fib daddr . iif type local icmpv6 type echo-request limit rate 50/second burst 50 packets accept
    fib daddr . iif type local tcp dport { 22 } accept
    counter name outside_input drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "eth1" ip daddr 203.0.113.10 ct state invalid,new tcp flags & (fin|syn|rst|ack) != syn counter drop
    iifname "eth1" jump from_outside
  }
  chain forward_outside {
    type filter hook forward priority filter; policy accept;
    iifname "eth1" oifname "eth0" ct state established,related counter accept
    iifname "eth1" oifname "eth0" ct status dnat counter accept
    iifname "eth1" counter name outside_forward drop
  }
  chain version_… {
  }
}
`;

describe('as text', () => {
  test('the whole of it', () => {
    expect(RULESET.text.replace(/version_[0-9a-f]{12}/, 'version_…').replaceAll('\t', '  ')).toBe(TEXT);
  });

  test('IPv6 adds its own to the same gate, and changes nothing of IPv4\'s', () => {
    const added = gateRuleset(GATEWAY_CONFIG6).text.split('\n').filter((line) => !RULESET.text.includes(line) && !line.includes('version_')).map((line) => line.trim());
    const gated = ['ip6 saddr @moving6 icmpv6 type nd-neighbor-solicit meta protocol != @gate counter drop', 'icmpv6 type nd-neighbor-advert @th,64,128 { 0xfd010203040500000000000000010000, 0x20010db8000000000000000000000010 } meta protocol != @gate counter drop'];
    expect(added).toEqual([
      'set moving6 { type ipv6_addr; elements = { fd01:203:405::1:0, 2001:db8::10 }; }', ...gated, ...gated,
      'oifname "eth0" ip6 daddr != { fd01:203:405::/64, fe80::/10, ff00::/8 } meta protocol != @gate ct zone set 28013',
      'iifname "eth0" fib daddr type local ip6 saddr != { fd01:203:405::/64, fe80::/10, ff00::/8 } meta protocol != @gate ct zone set 28013',
      'oifname "eth1" ip6 saddr fd01:203:405::/64 snat ip6 to 2001:db8::10',
    ]);
    expect(RULESET.text.split('\n').filter((line) => !gateRuleset(GATEWAY_CONFIG6).text.includes(line) && !line.includes('version_'))).toEqual([]);
  });

  test('no flow is translated to whatever address the interface has', () => expect(RULESET.text).not.toContain('masquerade'));

  test('another setting is another shape, even where no rule is more or less', () => {
    const slower = gateRuleset({ ...GATEWAY_CONFIG, beatMs: 50 });
    expect(slower.shape).not.toBe(RULESET.shape);
    expect(gateRuleset({ ...GATEWAY_CONFIG }).shape).toBe(RULESET.shape);
  });

  test('without an outside network nothing is translated', () => {
    const { text } = gateRuleset({ ...GATEWAY_CONFIG, publicSide: undefined, forwards: [] });
    expect([text.includes('nat'), text.includes('192.168.0.253'), text.includes('eth1')]).toEqual([false, true, false]);
  });
});

/** Python, where it is there, sets SO_MARK, sends a raw frame and listens for ARP; Node has no door to these but node:ffi, which is host's. */
const python = (space: string, ...lines: string[]): string => execFileSync('ip', inSpace(space, 'python3', '-c', lines.join('\n')), { encoding: 'utf8' }).trim();
const HAS_PYTHON = spawnSync('python3', ['-c', 'pass'], { stdio: 'ignore' }).status === 0;
if (!HAS_NFT || !HAS_PYTHON) console.warn('gate-ruleset.test.ts: the kernel\'s part is left out; it needs root, iproute2, nft and python3');

describe.skipIf(!HAS_NFT || !HAS_PYTHON)('in the kernel', { timeout: 60_000 }, () => {
  const spaces = new NetworkSpaces('mmg-gate');
  let gateway = '';
  let inside = '';
  let outside = '';
  const nft = (...argv: string[]): string => execFileSync('ip', inSpace(gateway, 'nft', ...argv), { encoding: 'utf8' });
  const load = (text: string): void => void execFileSync('ip', inSpace(gateway, 'nft', '-f', '-'), { input: text });
  const RENEW = ['import socket,subprocess,threading,time', 's=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)', `s.setsockopt(socket.SOL_SOCKET,36,${GATE_MARK})`, `renew=lambda: s.sendto(b"x",("127.0.0.1",${GATEWAY_BEAT_PORT}))`];
  /** Prints what a program says in another namespace while the gate is kept open, as a holder's beats do. */
  const whileOpen = (space: string, program: string): string => python(gateway, ...RENEW, 'over=threading.Event()', 'def beat():', '  while not over.wait(0.005): renew()', 'threading.Thread(target=beat).start()',
    `print(subprocess.run(["ip","netns","exec","${space}","python3","-c",${JSON.stringify(program)}],capture_output=True,text=True).stdout.strip())`, 'over.set()');
  /** Asks by ARP for an address, as that host, without any cache. */
  const askFor = (own: string, address: string): string => [
    'import socket,time', 's=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x0806))', 's.bind(("eth0",0))', 'm=open("/sys/class/net/eth0/address").read().strip().replace(":","")',
    `s.send(bytes.fromhex("ffffffffffff"+m+"08060001080006040001"+m)+socket.inet_aton("${own}")+bytes(6)+socket.inet_aton("${address}"))`, 'end=time.time()+0.6', 'got=False', 's.settimeout(0.05)',
    'while time.time()<end and not got:', '  try: f=s.recv(100)', '  except TimeoutError: continue', `  got=f[20:22]==b"\\0\\2" and f[28:32]==socket.inet_aton("${address}")`, 'print("answer" if got else "silence")',
  ].join('\n');
  const asked = (space: string, own: string, address: string): string => python(space, askFor(own, address));
  /** A datagram through the gateway: the host outside answers with the source that it saw. */
  const ECHO_SERVER = ['import socket', 's=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)', 's.bind(("203.0.113.1",7))', 's.settimeout(1)', 'print("ready",flush=True)', 'try:', '  d,a=s.recvfrom(99)', '  s.sendto(a[0].encode(),a)', 'except TimeoutError: pass'].join('\n');
  const echo = (): string => ['import socket,subprocess', `p=subprocess.Popen(["ip","netns","exec","${outside}","python3","-c",${JSON.stringify(ECHO_SERVER)}],stdout=subprocess.PIPE)`, 'p.stdout.readline()', 's=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)', 's.settimeout(1)', 's.sendto(b"x",("203.0.113.1",7))', 'try: print(s.recv(99).decode())', 'except TimeoutError: print("silence")', 'p.wait()'].join('\n');

  beforeAll(() => {
    ({ inside, gateway, outside } = gatewaySpaces(spaces));
    ip('-n', gateway, 'address', 'add', '203.0.113.10/24', 'dev', 'eth1');
    ip('-n', gateway, 'address', 'add', '192.168.0.253/32', 'dev', 'eth0');
    ip('-n', inside, 'route', 'add', 'default', 'via', '192.168.0.1');
    python(gateway, 'open("/proc/sys/net/ipv4/ip_forward","w").write("1")');
    load(RULESET.text);
  }, 60_000);
  afterAll(() => spaces.stop(), 60_000);

  test('what was loaded is known again; loaded twice it is the same; removed twice it is gone', () => {
    const shape = (): string | undefined => readRulesetShape(nft('-j', 'list', 'ruleset'));
    expect(shape()).toBe(RULESET.shape);
    load(RULESET.text);
    expect(shape()).toBe(RULESET.shape);
    nft('flush', 'chain', 'inet', GATE_TABLE, 'forward');
    expect(shape()).not.toBe(RULESET.shape);
    load(NO_RULESET.text);
    load(NO_RULESET.text);
    expect(shape()).toBe('');
    load(RULESET.text);
  });

  test('shut: no ARP reply for the moving addresses, inside and outside; the node\'s own address is answered for', () => {
    expect([asked(inside, '192.168.0.7', '192.168.0.253'), asked(outside, '203.0.113.1', '203.0.113.10'), asked(inside, '192.168.0.7', '192.168.0.1')]).toEqual(['silence', 'silence', 'answer']);
  });

  test('open: it answers, and is silent again as soon as nobody renews', () => {
    expect(whileOpen(inside, askFor('192.168.0.7', '192.168.0.253'))).toBe('answer');
    expect(whileOpen(outside, askFor('203.0.113.1', '203.0.113.10'))).toBe('answer');
    expect([asked(inside, '192.168.0.7', '192.168.0.253'), asked(outside, '203.0.113.1', '203.0.113.10')]).toEqual(['silence', 'silence']);
  });

  test('its time-out is three beats, to the tick of the kernel, counted from the last renewal', () => {
    // A machine under load may come too late to see it open; it is tried a few times.
    const list = 'list=lambda: subprocess.run(["nft","list","set","inet","metamaster_gateway","gate"],capture_output=True,text=True).stdout';
    const seen = python(gateway, ...RENEW, list, 'for i in range(50):', '  renew()', '  seen=list()', '  if "expires" in seen: break', 'time.sleep(0.055)', 'print(seen, list())');
    expect(seen.match(/timeout 4[4-8]ms expires/g)).toHaveLength(1);
  });

  test('a datagram without the mark opens nothing', () => {
    const plain = RENEW.filter((line) => !line.includes('setsockopt'));
    expect(python(gateway, ...plain, 'for i in range(20):', '  renew()', '  print(subprocess.run(["nft","list","ruleset"],capture_output=True,text=True).stdout)')).not.toContain('expires');
  });

  test('forwards while it is open, from the public address; nothing while it is shut', () => {
    expect(python(inside, echo())).toBe('silence');
    expect(whileOpen(inside, echo())).toBe('203.0.113.10');
    expect(python(inside, echo())).toBe('silence');
  });

  describe('by IPv6', () => {
    const RULESET6 = gateRuleset(GATEWAY_CONFIG6);
    const renewBoth = (line: string): string => (line.startsWith('renew=') ? `s6=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s6.setsockopt(socket.SOL_SOCKET,36,${GATE_MARK})\nrenew=lambda: (s.sendto(b"x",("127.0.0.1",${GATEWAY_BEAT_PORT})), s6.sendto(b"x",("::1",${GATEWAY_BEAT_PORT})))` : line);
    /** Several of them, for a neighbour that did not answer is asked again after a second only. */
    const pings = (from: string, address: string): string => `import subprocess; subprocess.run(["ip","-6","neighbour","flush","dev","eth0"]); print("answer" if subprocess.run(["ping","-6","-n","-c","6","-i","0.5","-W","1","-I","${from}","${address}"],capture_output=True).returncode==0 else "silence")`;
    const whileOpen6 = (space: string, program: string): string => python(gateway, ...RENEW.map(renewBoth), 'over=threading.Event()', 'def beat():', '  while not over.wait(0.005): renew()', 'threading.Thread(target=beat).start()',
      `print(subprocess.run(["ip","netns","exec","${space}","python3","-c",${JSON.stringify(program)}],capture_output=True,text=True).stdout.strip())`, 'over.set()');

    beforeAll(() => {
      for (const [space, card, address] of [[inside, 'eth0', 'fd01:203:405::7/64'], [gateway, 'eth0', 'fd01:203:405::1/64'], [gateway, 'eth0', 'fd01:203:405::1:0/128'], [gateway, 'eth1', '2001:db8::10/64'], [outside, 'eth0', '2001:db8::1/64']] as const) {
        ip('-n', space, '-6', 'address', 'add', address, 'dev', card, 'nodad');
      }
      ip('-n', inside, '-6', 'route', 'add', 'default', 'via', 'fd01:203:405::1');
      python(gateway, 'open("/proc/sys/net/ipv6/conf/all/forwarding","w").write("1")');
      load(RULESET6.text);
    }, 60_000);

    test('what was loaded is known again', () => expect(readRulesetShape(nft('-j', 'list', 'ruleset'))).toBe(RULESET6.shape));

    test.each([['inside', 'fd01:203:405::1:0'], ['outside', '2001:db8::10']])('the moving address %s is found while the gate is open alone', (side, address) => {
      const [space, own] = side === 'inside' ? [inside, 'fd01:203:405::7'] : [outside, '2001:db8::1'];
      expect([python(space, pings(own, address)), whileOpen6(space, pings(own, address)), python(space, pings(own, address))]).toEqual(['silence', 'answer', 'silence']);
    });

    test('the node\'s own address is found while it is shut', () => expect(python(inside, pings('fd01:203:405::7', 'fd01:203:405::1'))).toBe('answer'));

    test('forwards while it is open alone, from the public address; a renewal by IPv4 opens nothing of it', () => {
      const seen = ['import socket', 's=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM)', 's.bind(("2001:db8::1",7))', 's.settimeout(3)', 'print("ready",flush=True)', 'try: print(s.recvfrom(99)[1][0])', 'except TimeoutError: print("silence")'].join('\n');
      const sent = [
        'import socket,subprocess,time', `p=subprocess.Popen(["ip","netns","exec","${outside}","python3","-c",${JSON.stringify(seen)}],stdout=subprocess.PIPE,text=True)`, 'p.stdout.readline()',
        's=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM)', 'while p.poll() is None: s.sendto(b"x",("2001:db8::1",7)); time.sleep(0.1)', 'print(p.stdout.read().strip())',
      ].join('\n');
      expect([python(inside, sent), whileOpen(inside, sent), whileOpen6(inside, sent), python(inside, sent)]).toEqual(['silence', 'silence', '2001:db8::10', 'silence']);
    });

    test('from outside none of the node\'s own services is reached', () => {
      const knock = (address: string): string => ['import socket', 's=socket.socket(socket.AF_INET6)', 's.settimeout(0.5)', 'try:', `  s.connect(("${address}",9)); print("open")`, 'except TimeoutError: print("silence")', 'except ConnectionRefusedError: print("refused")'].join('\n');
      expect([whileOpen6(outside, knock('2001:db8::10')), whileOpen6(inside, knock('fd01:203:405::1'))]).toEqual(['silence', 'refused']);
    });
  });
});
