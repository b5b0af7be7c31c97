// Brings the machine into the state of a role: what is there is read from the kernel, the steps are performed in their order, and nothing
// is started for it. Addresses and routes by netlink, settings by /proc/sys; the packet filter and conntrackd are the main thread's.

import { readFileSync, writeFileSync } from 'node:fs';
import type { Ipv4 } from './core/ipv4.ts';
import { type IpAddress, type Ipv6, isIpv6 } from './core/ipv6.ts';
import type { GatewayConfig } from './gateway/gateway-config.ts';
import { type ConntrackMode, type DefaultRoute, desiredHostState, type DesiredHostState, type DesiredRole, hostOperations, type HostAddress, type HostOperation, type HostState } from './gateway/host-state.ts';
import { interfaceIndex, interfaceName, RouteSocket } from './host/route-socket.ts';
import type { Family } from './wire/rtnetlink.ts';

/** A default route of another form than ours. */
const NO_HOP = '0.0.0.0' as Ipv4;
const NO_HOP6 = '::' as Ipv6;
/** The metric of a default route that was given none; IPv6: IP6_RT_PRIO_USER of the kernel. */
const METRICS: Readonly<Record<Family, number>> = { ipv4: 0, ipv6: 1024 };

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

/** Who is no candidate may well have no card outside, and nothing to be put back on it. */
const isOfNothing = (operation: HostOperation, role: DesiredRole, present: HostState): boolean => role === 'absent' && operation.kind === 'sysctl' && present.sysctls[operation.path] === undefined;

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
   * first that failed. The ruleset is not among them: it stands before this is called, and goes after it. `families`: IPv4 alone is
   * what a takeover begins with, so that it takes no longer than without IPv6.
   */
  apply(role: DesiredRole, families: readonly Family[] = ['ipv4', 'ipv6']): readonly HostOperation[] {
    const config = this.#config();
    const desired = desiredHostState(families.includes('ipv6') ? config : { ...config, ipv6: undefined }, role);
    const present = this.#present(desired);
    const operations = hostOperations(present, desired).filter((operation) => operation.kind !== 'ruleset' && !isOfNothing(operation, role, present));
    for (const operation of operations) this.#perform(operation);
    return operations;
  }

  #present(desired: DesiredHostState): HostState {
    const families: readonly Family[] = desired.moving.some(isIpv6) ? ['ipv4', 'ipv6'] : ['ipv4'];
    const addresses = families.flatMap((family) => this.#routes.addresses(family)).map(({ index, address, prefix }): HostAddress => ({ interface: interfaceName(index) ?? '', address, prefix }));
    const sysctls = Object.keys(desired.sysctls).flatMap((path) => {
      const value = readSysctl(path);
      return value === undefined ? [] : [[path, value] as const];
    });
    const [defaultRoute, defaultRoute6] = families.map((family) => this.#defaultRoute(family));
    return { addresses, defaultRoute, defaultRoute6, sysctls: Object.fromEntries(sysctls), rulesetShape: this.#helpers.rulesetShape(), conntrack: this.#conntrack };
  }

  #defaultRoute(family: Family): DefaultRoute | undefined {
    const route = this.#routes.defaultRoutes(family).find(({ metric }) => metric === METRICS[family]);
    return route && { via: route.via ?? (family === 'ipv4' ? NO_HOP : NO_HOP6), interface: interfaceName(route.index) ?? '' };
  }

  #perform(operation: HostOperation): void {
    switch (operation.kind) {
      case 'sysctl': return writeFileSync(`/proc/sys/${operation.path}`, operation.value);
      case 'conntrack':
        this.#conntrack = operation.mode;
        return this.#helpers.conntrack(operation.mode);
      case 'address-add': return this.#routes.addAddress(this.#onLink(operation.address), operation.address.noSource);
      case 'address-remove': return this.#routes.removeAddress(this.#onLink(operation.address));
      case 'route-set': return this.#routes.setDefaultRoute(this.#index(operation.route.interface), operation.route.via);
      case 'route-remove': return this.#routes.removeDefaultRoute(this.#index(operation.route.interface), operation.route.via);
      case 'ruleset': throw new Error('the ruleset is loaded by the main thread');
    }
  }

  #onLink({ interface: name, address, prefix }: HostAddress): { index: number; address: IpAddress; prefix: number } {
    return { index: this.#index(name), address, prefix };
  }

  #index(name: string): number {
    const index = interfaceIndex(name);
    if (index === 0) throw new Error(`interface ${name} is not there`);
    return index;
  }
}
