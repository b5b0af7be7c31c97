// A gateway between two networks in namespaces: eth0 inside, eth1 outside, and a host on each side.

import { ip, type NetworkSpaces } from '../../test/network-spaces.test-kit.ts';

export interface GatewaySpaces {
  readonly inside: string;
  readonly gateway: string;
  readonly outside: string;
}

/** Inside 192.168.0.7 and .1, outside 203.0.113.1; the gateway has no address outside yet. */
export function gatewaySpaces(spaces: NetworkSpaces): GatewaySpaces {
  spaces.start();
  const inside = spaces.plugIn('in', { address: '192.168.0.7/24' });
  const gateway = spaces.plugIn('gw', { address: '192.168.0.1/24' });
  const outside = spaces.space('out');
  ip('netns', 'add', outside);
  ip('-n', gateway, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside);
  ip('-n', gateway, 'link', 'set', 'lo', 'up');
  ip('-n', gateway, 'link', 'set', 'eth1', 'up');
  ip('-n', outside, 'link', 'set', 'eth0', 'up');
  ip('-n', outside, 'address', 'add', '203.0.113.1/24', 'dev', 'eth0');
  return { inside, gateway, outside };
}
