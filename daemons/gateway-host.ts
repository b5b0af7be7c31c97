// Brings the machine into the state of a role: what is there is read from the kernel, the steps are performed in their order, and nothing
// is started for it. Addresses and routes by netlink, settings by /proc/sys; the packet filter and conntrackd are the main thread's.

import { readFileSync, writeFileSync } from 'node:fs';
import type { Ipv4 } from './core/ipv4.ts';
import type { GatewayConfig } from './gateway/gateway-config.ts';
import { type ConntrackMode, type DefaultRoute, desiredHostState, type DesiredHostState, type DesiredRole, hostOperations, type HostAddress, type HostOperation, type HostState } from './gateway/host-state.ts';
import { interfaceIndex, interfaceName, RouteSocket } from './host/route-socket.ts';

/** A default route of another form than ours. */
const NO_HOP = '0.0.0.0' as Ipv4;

/** What this thread has others do. */
export interface HostHelpers {
  /** The shape of the ruleset that is loaded. */
  readonly rulesetShape: () => string;
  /** Has conntrackd do this. `off` has happened when it returns. */
  readonly conntrack: (mode: ConntrackMode) => void;
}

function readSysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** One step, for the log. */
export function operationText(operation: HostOperation): string {
  switch (operation.kind) {
    case 'ruleset': return operation.ruleset.shape === '' ? 'ruleset off' : 'ruleset on';
    case 'sysctl': return `${operation.path}=${operation.value}`;
    case 'conntrack': return `conntrack ${operation.mode}`;
    case 'address-add': return `+${operation.address.address}/${operation.address.prefix} ${operation.address.interface}`;
    case 'address-remove': return `-${operation.address.address} ${operation.address.interface}`;
    case 'route-set': return `default via ${operation.route.via} ${operation.route.interface}`;
    case 'route-remove': return `no default via ${operation.route.via}`;
  }
}

export class GatewayHost {
  readonly #routes = new RouteSocket();
  readonly #config: () => GatewayConfig;
  readonly #helpers: HostHelpers;
  #conntrack: ConntrackMode = 'off';

  constructor(config: () => GatewayConfig, helpers: HostHelpers) {
    this.#config = config;
    this.#helpers = helpers;
  }

  /**
   * Brings about the state of a role, and returns the steps that were needed: none, when it was so already. Throws with the reason of the
   * first that failed. The ruleset is not among them: it stands before this is called, and goes after it.
   */
  apply(role: DesiredRole): readonly HostOperation[] {
    const desired = desiredHostState(this.#config(), role);
    const operations = hostOperations(this.#present(desired), desired).filter(({ kind }) => kind !== 'ruleset');
    for (const operation of operations) this.#perform(operation);
    return operations;
  }

  #present(desired: DesiredHostState): HostState {
    const addresses = this.#routes.addresses().map(({ index, address, prefix }): HostAddress => ({ interface: interfaceName(index) ?? '', address, prefix }));
    const sysctls = Object.keys(desired.sysctls).flatMap((path) => {
      const value = readSysctl(path);
      return value === undefined ? [] : [[path, value] as const];
    });
    return { addresses, defaultRoute: this.#defaultRoute(), sysctls: Object.fromEntries(sysctls), rulesetShape: this.#helpers.rulesetShape(), conntrack: this.#conntrack };
  }

  #defaultRoute(): DefaultRoute | undefined {
    const route = this.#routes.defaultRoutes().find(({ metric }) => metric === 0);
    return route && { via: route.via ?? NO_HOP, interface: interfaceName(route.index) ?? '' };
  }

  #perform(operation: HostOperation): void {
    switch (operation.kind) {
      case 'sysctl': return writeFileSync(`/proc/sys/${operation.path}`, operation.value);
      case 'conntrack':
        this.#conntrack = operation.mode;
        return this.#helpers.conntrack(operation.mode);
      case 'address-add': return this.#routes.addAddress(this.#onLink(operation.address));
      case 'address-remove': return this.#routes.removeAddress(this.#onLink(operation.address));
      case 'route-set': return this.#routes.setDefaultRoute(this.#index(operation.route.interface), operation.route.via);
      case 'route-remove': return this.#routes.removeDefaultRoute(this.#index(operation.route.interface), operation.route.via);
      case 'ruleset': throw new Error('the ruleset is loaded by the main thread');
    }
  }

  #onLink({ interface: name, address, prefix }: HostAddress): { index: number; address: Ipv4; prefix: number } {
    return { index: this.#index(name), address, prefix };
  }

  #index(name: string): number {
    const index = interfaceIndex(name);
    if (index === 0) throw new Error(`interface ${name} is not there`);
    return index;
  }
}
