// A cluster's way out in network namespaces: an inside and an outside switch, candidates on both, a client inside, a server outside that is the
// public router as well. Names carry the process number, so that what a killed run has left can be told and removed.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterPrefix, gatewayIpv6, nodeIpv6 } from '../../daemons/core/inside-ipv6.ts';

const MOVING = '192.168.77.253';
const PUBLIC = '203.0.113.10';
const ROUTER = '203.0.113.1';
const CLIENT = '192.168.77.50';

/** Addresses of the rack, for whoever looks at it. */
export const GATEWAY_ADDRESSES = { moving: MOVING, public: PUBLIC, router: ROUTER, client: CLIENT } as const;

const CLUSTER_NAME = 'bench';
const CLIENT_NUMBER = 50;
const PREFIX6 = clusterPrefix(CLUSTER_NAME);
const PREFIX6_BITS = 64;
/** The same of IPv6, which the rack has where `answers` say so. */
export const GATEWAY_ADDRESSES6 = { moving: gatewayIpv6(PREFIX6), public: '2001:db8::10', router: '2001:db8::1', client: nodeIpv6(PREFIX6, CLIENT_NUMBER) } as const;
export const ANSWERS6: Readonly<Record<string, unknown>> = { 'public-IP6': `${GATEWAY_ADDRESSES6.public}/${PREFIX6_BITS}`, 'public-router6': GATEWAY_ADDRESSES6.router };

/** A key for these namespaces alone. */
const KEY = '4d'.repeat(32);

/** The two switches, both in one namespace. */
export const NETWORKS = ['in', 'out'] as const;
export type Network = (typeof NETWORKS)[number];

const candidateAddress = (node: number): string => `192.168.77.${node}`;
const candidateMac = (node: number, network: Network): string => `52:54:00:77:0${network === 'in' ? 1 : 2}:0${node}`;

/** One rack. `prefix` is a word of its own for each user. */
export class GatewaySpaces {
  readonly folder: string;
  readonly candidates: readonly number[];
  readonly #prefix: string;
  readonly #answers: Readonly<Record<string, unknown>>;

  constructor(prefix: string, candidates: readonly number[], answers: Readonly<Record<string, unknown>> = {}) {
    this.#prefix = prefix;
    this.candidates = candidates;
    this.#answers = answers;
    this.folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
    this.#removeLeft();
    this.#build();
  }

  space(name: string): string {
    return `${this.#prefix}-${process.pid}-${name}`;
  }

  gateway(node: number): string {
    return this.space(`gw${node}`);
  }

  get client(): string {
    return this.space('client');
  }

  get server(): string {
    return this.space('server');
  }

  /** Runs a program in a namespace to its end, and returns what it printed. */
  run(space: string, ...argv: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', space, ...argv], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Starts a program in a namespace: `ip` becomes it, so that the child's number is the program's. */
  spawn(space: string, argv: readonly string[], stdio: 'ignore' | 'pipe' = 'pipe'): ChildProcess {
    return spawn('ip', ['netns', 'exec', space, ...argv], { stdio: ['ignore', stdio, stdio] });
  }

  /** Pulls a candidate's plugs at the switch, as nearly at once as can be, or puts them in: the card loses its carrier, or has it again. */
  plug(node: number, networks: readonly Network[], up: boolean): void {
    this.#atSwitch(networks.map((network) => `link set ${network}-gw${node} ${up ? 'up' : 'down'}`));
  }

  /** A switch that passes nothing of a candidate's although its links are up, or passes it again. */
  isolate(node: number, networks: readonly Network[], isolated: boolean): void {
    this.#atSwitch(networks.map((network) => `link set ${network}-gw${node} ${isolated ? 'nomaster' : `master br-${network}`}`));
  }

  /** The candidates on which an address is. */
  having(address: string): readonly number[] {
    return this.candidates.filter((node) => this.run(this.gateway(node), 'ip', '-o', 'address', 'show').includes(` ${address}/`));
  }

  /** The files that a node of this rack is started with; made anew at each call. */
  files(node: number, answers: Readonly<Record<string, unknown>> = {}): { readonly config: string; readonly gateway: string; readonly key: string; readonly folder: string } {
    const folder = join(this.folder, `gw${node}`);
    mkdirSync(folder, { recursive: true });
    const roster = {
      clusterName: CLUSTER_NAME, container: 'debian', domain: 'bench.example.com', netmask: '255.255.255.0', metaMasterAddress: MOVING, kernelParameters: '',
      san: { address: '192.168.77.252', port: 3260, target: 'iqn.2026-11.metamaster:san' },
      nodes: this.candidates.map((number) => ({ number, name: `node${number}`, macs: [candidateMac(number, 'in')], address: candidateAddress(number), loader: 'rom' })),
    };
    const [primary, backup, ...further] = this.candidates;
    const settings = {
      'primary-gateway-local-IP': candidateAddress(primary!), ...(backup === undefined ? {} : { 'backup-gateway-local-IP': candidateAddress(backup) }), 'further-gateway-nodes': further.map(String),
      'inside-interface': 'eth0', 'public-interface': 'eth1', 'public-IP': PUBLIC, 'public-netmask': '255.255.255.0', 'public-router': ROUTER, ...this.#answers, ...answers,
    };
    const [config, gateway, key] = [join(folder, 'node.json'), join(folder, 'gateway.json'), join(folder, 'cluster-key')];
    writeFileSync(config, JSON.stringify({ number: node, roster, interface: 'eth0', rosterGeneration: 1, bootNonce: 'ab'.repeat(16) }));
    writeFileSync(gateway, JSON.stringify(settings));
    writeFileSync(key, KEY);
    return { config, gateway, key, folder };
  }

  /** Removes everything; what runs in the namespaces must have ended. */
  remove(): void {
    this.#removeSpaces((pid) => pid === process.pid);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #ip(...argv: readonly string[]): void {
    execFileSync('ip', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #atSwitch(lines: readonly string[]): void {
    execFileSync('ip', ['-n', this.space('switch'), '-batch', '-'], { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] });
  }

  #host(name: string, networks: readonly (readonly [Network, string, string | undefined])[]): void {
    const space = this.space(name);
    this.#ip('netns', 'add', space);
    this.#ip('-n', space, 'link', 'set', 'lo', 'up');
    for (const [at, [network, mac, address]] of networks.entries()) {
      const port = `${network}-${name}`;
      this.#atSwitch([`link add ${port} type veth peer name eth${at} address ${mac} netns ${space}`, `link set ${port} master br-${network} up`]);
      this.#ip('-n', space, 'link', 'set', `eth${at}`, 'up');
      if (address !== undefined) this.#ip('-n', space, 'address', 'add', `${address}/24`, 'dev', `eth${at}`);
    }
  }

  #build(): void {
    this.#ip('netns', 'add', this.space('switch'));
    for (const network of NETWORKS) this.#atSwitch([`link add br-${network} type bridge forward_delay 0`, `link set br-${network} up`]);
    for (const node of this.candidates) this.#host(`gw${node}`, [['in', candidateMac(node, 'in'), candidateAddress(node)], ['out', candidateMac(node, 'out'), undefined]]);
    this.#host('client', [['in', '52:54:00:77:01:50', CLIENT]]);
    this.#host('server', [['out', '52:54:00:77:02:fe', ROUTER]]);
    this.#ip('-n', this.client, 'route', 'add', 'default', 'via', MOVING);
    if (this.#answers['public-IP6'] !== undefined) this.#buildIpv6();
  }

  /** What the initrd does on nodes, and the outside's router has by itself. */
  #buildIpv6(): void {
    const { client, router, moving } = GATEWAY_ADDRESSES6;
    const hosts = [[this.client, client], [this.server, router], ...this.candidates.map((node) => [this.gateway(node), nodeIpv6(PREFIX6, node)] as const)] as const;
    for (const [space, address] of hosts) this.#ip('-n', space, '-6', 'address', 'add', `${address}/${PREFIX6_BITS}`, 'dev', 'eth0', 'nodad');
    this.#ip('-n', this.client, '-6', 'route', 'add', 'default', 'via', moving);
    for (const node of this.candidates) this.run(this.gateway(node), 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6');
  }

  #removeLeft(): void {
    this.#removeSpaces((pid) => !existsSync(`/proc/${pid}`));
  }

  #removeSpaces(which: (pid: number) => boolean): void {
    const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n').map((line) => line.split(' ')[0]!);
    for (const name of names) {
      const pid = new RegExp(`^${this.#prefix}-(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && which(Number(pid))) this.#ip('netns', 'del', name);
    }
  }
}
