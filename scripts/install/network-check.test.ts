import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { addressValue, MESSAGE, OPTION, uint8Value } from '../../daemons/wire/dhcp-options.ts';
import { BOOT_REPLY, decodeDhcp, encodeDhcp } from '../../daemons/wire/dhcp-packet.ts';
import type { ProbeOutcome } from './address-probe.ts';
import { sampleAnswers, SilentProgress } from './install.test-kit.ts';
import type { LiveNetwork } from './live-interface.ts';
import { checkNetwork, LIVE_HOST, probeByArping, type NetworkHost, type NetworkWishes } from './network-check.ts';

const ETH0 = { name: 'eth0', mac: '52:54:00:aa:00:01' as Mac, addresses: ['10.1.0.254' as Ipv4] };
const WISHES: NetworkWishes = { probeAddresses: true, acceptForeignDhcp: false };

/** A network where these cards have these addresses and these servers offer that file (or nothing to boot). */
class ModelNetwork implements NetworkHost {
  readonly holders: Readonly<Record<string, string>>;
  readonly servers: Readonly<Record<string, string>>;
  readonly live: LiveNetwork;
  readonly probed: string[] = [];
  asked = 0;
  atOnce = 0;
  mostAtOnce = 0;

  constructor({ holders = {}, servers = {}, live = { booted: 'eth0', interfaces: [ETH0] } }: { holders?: Record<string, string>; servers?: Record<string, string>; live?: LiveNetwork } = {}) {
    this.holders = holders;
    this.servers = servers;
    this.live = live;
  }

  network(): LiveNetwork {
    return this.live;
  }

  async probe(name: string, address: Ipv4): Promise<ProbeOutcome> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    this.probed.push(`${name} ${address}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.atOnce--;
    const by = this.holders[address];
    return by === undefined ? { kind: 'free' } : { kind: 'used', by: by as Mac };
  }

  async askForOffers({ address, messages }: Parameters<NetworkHost['askForOffers']>[0]): ReturnType<NetworkHost['askForOffers']> {
    this.asked++;
    expect(address).toBe(ETH0.addresses[0]);
    return messages.flatMap((bytes) => Object.entries(this.servers).map(([server, file]) => {
      const options = new Map([[OPTION.messageType, uint8Value(MESSAGE.offer)], [OPTION.serverIdentifier, addressValue(server as Ipv4)]]);
      return { bytes: encodeDhcp({ ...decodeDhcp(bytes)!, op: BOOT_REPLY, yiaddr: '10.1.7.7' as Ipv4, file, options }), from: server as Ipv4, mac: undefined };
    }));
  }
}

async function check(network: ModelNetwork, wishes: Partial<NetworkWishes> = {}, nodes = 2, more: readonly string[] = []) {
  const { problems, warnings } = await checkNetwork(sampleAnswers(nodes, more), { ...WISHES, ...wishes }, new SilentProgress(), network);
  return { problems: problems.map(({ code, where }) => `${code} ${where}`), warnings: warnings.map(({ code, where }) => `${code} ${where}`) };
}

describe('the network before an installation', () => {
  test('free addresses and silence: nothing is said', async () => {
    const network = new ModelNetwork();
    expect(await check(network)).toEqual({ problems: [], warnings: [] });
    expect(network.probed).toEqual(['eth0 10.1.0.253', 'eth0 10.1.1.0', 'eth0 10.1.1.1']);
    expect(network.asked).toBe(1);
  });

  test('everything that is wrong is told together', async () => {
    const network = new ModelNetwork({
      holders: { '10.1.1.0': '52:54:00:99:00:01', '10.1.1.1': '52:54:00:00:00:01' }, servers: { '10.1.0.66': 'pxelinux.0', '10.1.0.67': '' },
      live: { booted: 'eth0', interfaces: [{ ...ETH0, addresses: [...ETH0.addresses, '10.1.0.253' as Ipv4] }] },
    });
    expect(await check(network)).toEqual({
      problems: ['MM-INSTALL-OWN-ADDRESS meta-master-ip', 'MM-INSTALL-ADDRESS-USED nodes[0].address', 'MM-INSTALL-RUNNING nodes[1].address', 'MM-INSTALL-FOREIGN-DHCP DHCP server 10.1.0.66'],
      warnings: ['MM-INSTALL-FOREIGN-DHCP DHCP server 10.1.0.67'],
    });
  });

  test('a foreign server with a boot file is a warning for who accepts it', async () => {
    const network = new ModelNetwork({ servers: { '10.1.0.66': 'pxelinux.0' } });
    expect(await check(network, { acceptForeignDhcp: true })).toEqual({ problems: [], warnings: ['MM-INSTALL-FOREIGN-DHCP DHCP server 10.1.0.66'] });
  });

  test('a running node\'s own offer is no foreign server\'s; one from an address that a stranger took is', async () => {
    const servers = { '10.1.1.1': 'boot.ipxe' };
    expect((await check(new ModelNetwork({ holders: { '10.1.1.1': '52:54:00:00:00:01' }, servers }))).problems).toEqual(['MM-INSTALL-RUNNING nodes[1].address']);
    expect((await check(new ModelNetwork({ holders: { '10.1.1.1': '52:54:00:99:00:01' }, servers }))).problems).toEqual(['MM-INSTALL-ADDRESS-USED nodes[1].address', 'MM-INSTALL-FOREIGN-DHCP DHCP server 10.1.1.1']);
  });

  test('two hundred nodes are asked for 64 at a time, each once', async () => {
    const network = new ModelNetwork({ holders: { '10.1.1.199': '52:54:00:99:00:01' } });
    expect((await check(network, {}, 200, ['volume-size: 256'])).problems).toEqual(['MM-INSTALL-ADDRESS-USED nodes[199].address']);
    expect(network.mostAtOnce).toBe(64);
    expect(new Set(network.probed).size).toBe(201);
    expect(network.probed).toHaveLength(201);
  });

  test('without the probe only DHCP is asked, and the live system\'s own address is still looked at', async () => {
    const network = new ModelNetwork({ holders: { '10.1.1.0': '52:54:00:99:00:01' }, live: { booted: 'eth0', interfaces: [{ ...ETH0, addresses: ['10.1.0.254', '10.1.1.1'] as Ipv4[] }] } });
    expect(await check(network, { probeAddresses: false })).toEqual({ problems: ['MM-INSTALL-OWN-ADDRESS nodes[1].address'], warnings: [] });
    expect([network.probed, network.asked]).toEqual([[], 1]);
  });

  test('InfiniBand is not asked, and that is said', async () => {
    const network = new ModelNetwork();
    expect(await check(network, {}, 2, ['connection-kind: infiniband'])).toEqual({ problems: [], warnings: ['MM-INSTALL-UNASKED connection-kind'] });
    expect([network.probed, network.asked]).toEqual([[], 0]);
  });

  test('no interface there: the addresses are a problem, unless they are not to be probed; DHCP a warning', async () => {
    const live: LiveNetwork = { booted: undefined, interfaces: [{ ...ETH0, addresses: ['192.168.0.254' as Ipv4] }] };
    const where = 'the network of 10.1.0.252';
    expect(await check(new ModelNetwork({ live }))).toEqual({ problems: [`MM-INSTALL-ADDRESS-PROBE ${where}`], warnings: [`MM-INSTALL-UNASKED ${where}`] });
    expect((await check(new ModelNetwork({ live }), { probeAddresses: false })).problems).toEqual([]);
  });

  test('a DHCP question that fails, or has no address to start from, is a warning', async () => {
    const broken = new ModelNetwork();
    broken.askForOffers = () => Promise.reject(new Error('bind EADDRINUSE 0.0.0.0:68'));
    expect(await check(broken)).toEqual({ problems: [], warnings: ['MM-INSTALL-UNASKED eth0'] });
    const homeless = new ModelNetwork({ live: { booted: 'eth0', interfaces: [{ ...ETH0, addresses: [] }] } });
    expect(await check(homeless)).toEqual({ problems: [], warnings: ['MM-INSTALL-UNASKED eth0'] });
    expect(homeless.probed).toHaveLength(3);
  });
});

describe('the live system', () => {
  test('a program that prints as arping does is read; one that is not there, hangs or fails is an outcome', async () => {
    const prints = (text: string, code: number) => probeByArping(['sh', '-c', `printf '${text}'; exit ${code}`]);
    expect(await prints('Unicast reply from 10.1.1.0 [52:54:00:99:00:01]  0.7ms\nSent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n', 1)).toEqual({ kind: 'used', by: '52:54:00:99:00:01' });
    expect(await prints('Sent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n', 1)).toEqual({ kind: 'free' });
    expect(await prints('Interface "lo" is not ARPable\n', 0)).toEqual({ kind: 'failed', reason: 'Interface "lo" is not ARPable' });
    expect(await probeByArping(['/nowhere/arping'])).toMatchObject({ kind: 'failed', reason: expect.stringContaining('ENOENT') as string });
    // In the C locale, whatever the administrator's is.
    expect(await probeByArping(['sh', '-c', 'echo "$LC_ALL"'])).toEqual({ kind: 'failed', reason: 'C' });
  });

  test('tells its own interfaces', () => {
    const { interfaces } = LIVE_HOST.network();
    expect(interfaces.find(({ name }) => name === 'lo')).toMatchObject({ mac: undefined, addresses: expect.arrayContaining(['127.0.0.1']) as string[] });
  });
});
