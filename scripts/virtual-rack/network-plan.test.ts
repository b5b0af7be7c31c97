import { describe, expect, test } from 'vitest';
import { identityOf } from './identity.ts';
import { asIfPlugged, halfCables, parseLinks, parseNamespaces, planNetwork, planRemoval, wantedLinks, type PresentLink, type PresentNetwork } from './network-plan.ts';

const identity = { ...identityOf('/x'), id: 'abc123' };
const words = (commands: readonly string[][]): string[] => commands.map((argv) => argv.join(' '));

/** The network as it is when every wanted link is made. */
function complete(taps: Parameters<typeof wantedLinks>[0]): Required<PresentNetwork> {
  const present: Record<'boot' | 'san' | 'out', PresentLink[]> = { boot: [], san: [], out: [] };
  for (const room of ['boot', 'san', 'out'] as const) {
    present[room].push({ name: 'lo', up: true, addresses: ['127.0.0.1/8'] });
    for (const link of wantedLinks(taps)) {
      if (link.room !== room) continue;
      present[room].push({ name: link.name, up: true, addresses: link.addresses ?? [], ...(link.master === undefined ? {} : { master: link.master }) });
    }
  }
  return present;
}

describe('the plan of the networks', () => {
  test('a cable that was pulled is plugged by `up`, and left alone by who asks for a blade', () => {
    const present = complete([]);
    const down = (name: string) => ({ ...present, boot: [...present.boot.filter((link) => link.name !== name), { ...present.boot.find((link) => link.name === name)!, up: false }] });
    const pulled = down('san0');
    expect(words(planNetwork(identity, [], pulled))).toEqual(['ip -n mm-abc123-boot link set san0 up']);
    expect(planNetwork(identity, [], asIfPlugged(pulled))).toEqual([]);
    expect(words(planNetwork(identity, [], asIfPlugged(down('br0'))))).toEqual(['ip -n mm-abc123-boot link set br0 up']);
  });

  test('from nothing: namespaces, bridges, cables, addresses', () => {
    expect(words(planNetwork(identity, [], {}))).toMatchInlineSnapshot(`
      [
        "ip netns add mm-abc123-boot",
        "ip -n mm-abc123-boot link set lo up",
        "ip netns add mm-abc123-san",
        "ip -n mm-abc123-san link set lo up",
        "ip netns add mm-abc123-out",
        "ip -n mm-abc123-out link set lo up",
        "ip -n mm-abc123-boot link add br0 type bridge forward_delay 0 mcast_snooping 0",
        "ip -n mm-abc123-boot link set br0 addrgenmode none",
        "ip -n mm-abc123-boot link set br0 up",
        "ip -n mm-abc123-boot link add br1 type bridge forward_delay 0 mcast_snooping 0",
        "ip -n mm-abc123-boot link set br1 addrgenmode none",
        "ip -n mm-abc123-boot link set br1 up",
        "ip -n mm-abc123-san link add eth0 type veth peer name san0 netns mm-abc123-boot",
        "ip -n mm-abc123-san address add 192.168.0.252/24 dev eth0",
        "ip -n mm-abc123-san address add 192.168.0.248/24 dev eth0",
        "ip -n mm-abc123-san link set eth0 up",
        "ip -n mm-abc123-boot link set san0 addrgenmode none",
        "ip -n mm-abc123-boot link set san0 master br0",
        "ip -n mm-abc123-boot link set san0 up",
        "ip -n mm-abc123-out link add eth0 type veth peer name out0 netns mm-abc123-boot",
        "ip -n mm-abc123-out address add 198.51.100.1/24 dev eth0",
        "ip -n mm-abc123-out link set eth0 up",
        "ip -n mm-abc123-boot link set out0 addrgenmode none",
        "ip -n mm-abc123-boot link set out0 master br1",
        "ip -n mm-abc123-boot link set out0 up",
      ]
    `);
  });

  test('applied twice it changes nothing', () => {
    const taps = [{ blade: 3, outside: true }];
    expect(planNetwork(identity, taps, complete(taps))).toEqual([]);
  });

  test('a blade adds its taps and nothing else', () => {
    expect(words(planNetwork(identity, [{ blade: 3, outside: true }], complete([])))).toEqual([
      'ip -n mm-abc123-boot tuntap add dev b3 mode tap', 'ip -n mm-abc123-boot link set b3 addrgenmode none',
      'ip -n mm-abc123-boot link set b3 master br0', 'ip -n mm-abc123-boot link set b3 up',
      'ip -n mm-abc123-boot tuntap add dev o3 mode tap', 'ip -n mm-abc123-boot link set o3 addrgenmode none',
      'ip -n mm-abc123-boot link set o3 master br1', 'ip -n mm-abc123-boot link set o3 up',
    ]);
  });

  test('a half-made link is finished, not made again', () => {
    const present = complete([]);
    const san = present.san.map((link) => (link.name === 'eth0' ? { ...link, up: false, addresses: [] } : link));
    expect(words(planNetwork(identity, [], { ...present, san }))).toEqual(['ip -n mm-abc123-san address add 192.168.0.252/24 dev eth0', 'ip -n mm-abc123-san address add 192.168.0.248/24 dev eth0', 'ip -n mm-abc123-san link set eth0 up']);
  });

  test.each(['boot', 'san'] as const)('when the %s namespace was lost, the cut cable is replaced and the rest of its network made', (room) => {
    const { [room]: _, ...present } = complete([]);
    const end = room === 'boot' ? { room: 'san', name: 'eth0' } : { room: 'boot', name: 'san0' };
    expect(halfCables(present)).toContainEqual(end);
    const commands = words(planNetwork(identity, [], present));
    const removal = commands.indexOf(`ip -n mm-abc123-${end.room} link delete ${end.name}`);
    expect(removal).toBeGreaterThanOrEqual(0);
    expect(commands.indexOf('ip -n mm-abc123-san link add eth0 type veth peer name san0 netns mm-abc123-boot')).toBeGreaterThan(removal);
  });

  test('only namespaces of this rack are removed, and only those that are there', () => {
    expect(words(planRemoval(identity, ['mm-abc123-san', 'mm-ffffff-boot', 'other']))).toEqual(['ip netns delete mm-abc123-san']);
  });
});

describe('what ip prints', () => {
  test('links', () => {
    const json = '[{"ifname":"lo","flags":["LOOPBACK","UP"],"addr_info":[{"local":"127.0.0.1","prefixlen":8}]},{},{"ifname":"b1","flags":["BROADCAST"],"master":"br0"}]';
    expect(parseLinks(json)).toEqual([{ name: 'lo', up: true, addresses: ['127.0.0.1/8'] }, { name: 'b1', up: false, addresses: [], master: 'br0' }]);
    expect(parseLinks('')).toEqual([]);
  });

  test('namespaces', () => {
    expect(parseNamespaces('mm-abc123-san (id: 1)\nmm-abc123-boot\n')).toEqual(['mm-abc123-san', 'mm-abc123-boot']);
  });
});
