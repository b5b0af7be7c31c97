// keepalived in one of the namespaces: VRRP inside, both addresses of the gateway, a gateway that forwards and translates as ours does, but
// without a gate.

import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY_ADDRESSES, type GatewaySpaces } from './gateway-spaces.ts';

/** Its version, e.g. `2.2.7`; undefined when it is not installed. */
export function keepalivedVersion(): string | undefined {
  const { stdout, stderr } = spawnSync('keepalived', ['--version'], { encoding: 'utf8' });
  return /Keepalived v(\S+)/.exec(`${stdout}${stderr}`)?.[1];
}

const RULES = `table ip bench_nat {}
delete table ip bench_nat
table ip bench_nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth1" snat to ${GATEWAY_ADDRESSES.public}
  }
}
`;

export class KeepalivedProcess {
  readonly node: number;
  readonly #spaces: GatewaySpaces;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #said = '';
  readonly #ended: Promise<void>;

  /** `intervalSeconds`: its advert_int. */
  constructor(spaces: GatewaySpaces, node: number, intervalSeconds: number) {
    this.node = node;
    this.#spaces = spaces;
    const folder = join(spaces.folder, `keepalived${node}`);
    this.#folder = folder;
    // Files of one that was killed keep the next from starting.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const config = join(folder, 'keepalived.conf');
    writeFileSync(config, this.#config(intervalSeconds));
    const space = spaces.gateway(node);
    spaces.run(space, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const rules = join(folder, 'rules.nft');
    writeFileSync(rules, RULES);
    spaces.run(space, 'nft', '-f', rules);
    this.#child = spaces.spawn(space, ['keepalived', '-n', '-l', '-D', '-P', '-f', config, '-p', join(folder, 'main.pid'), '-r', join(folder, 'vrrp.pid')]);
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => void (this.#said += text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => void (this.#said += text));
    this.#ended = new Promise((resolve) => this.#child.on('close', () => resolve()));
  }

  /** How often it has become the master. */
  get takeovers(): number {
    return this.#said.match(/Entering MASTER STATE/g)?.length ?? 0;
  }

  get said(): string {
    return this.#said;
  }

  /** kill -9 of both of its processes: the parent alone would make its child leave in order. */
  async kill(): Promise<void> {
    const child = Number(readFileSync(join(this.#folder, 'vrrp.pid'), 'utf8'));
    for (const pid of [this.#child.pid!, child]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await this.#ended;
  }

  /** Ends it, and takes away what it leaves. */
  async remove(): Promise<void> {
    await this.kill().catch(() => undefined);
    const space = this.#spaces.gateway(this.node);
    for (const [address, link] of [[`${GATEWAY_ADDRESSES.moving}/32`, 'eth0'], [`${GATEWAY_ADDRESSES.public}/24`, 'eth1']] as const) {
      spawnSync('ip', ['-n', space, 'address', 'del', address, 'dev', link], { stdio: 'ignore' });
    }
  }

  #config(intervalSeconds: number): string {
    const { moving, public: publicAddress } = GATEWAY_ADDRESSES;
    return `global_defs { vrrp_garp_master_delay 1
}
vrrp_instance gateway {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${200 - 20 * this.node}
  advert_int ${intervalSeconds}
  nopreempt
  version 3
  track_interface { eth1
  }
  virtual_ipaddress { ${moving}/32 dev eth0
  }
  virtual_ipaddress_excluded { ${publicAddress}/24 dev eth1
  }
}
`;
  }
}
