// A gateway's settings for tests, with an outside network and two forwards.

import type { Ipv4 } from '../core/ipv4.ts';
import type { Ipv6 } from '../core/ipv6.ts';
import type { GatewayConfig } from './gateway-config.ts';

export const GATEWAY_CONFIG: GatewayConfig = {
  candidates: [1, 2], movingAddress: '192.168.0.253' as Ipv4, insideInterface: 'eth0', insidePrefix: 24, domain: 'cluster.example.com', preemption: false, beatMs: 15,
  publicSide: { address: '203.0.113.10' as Ipv4, prefix: 24, router: '203.0.113.1' as Ipv4, dns: undefined, interface: 'eth1' },
  ipv6: undefined,
  services: [{ protocol: 'tcp', port: 22 }],
  forwards: [{ protocol: 'tcp', port: 443, to: '192.168.0.7' as Ipv4, toPort: 8443 }, { protocol: 'udp', port: 53, to: '192.168.0.7' as Ipv4, toPort: 53 }],
};

/** The same with a way out by IPv6. */
export const GATEWAY_CONFIG6: GatewayConfig = {
  ...GATEWAY_CONFIG,
  ipv6: { movingAddress: 'fd01:203:405::1:0' as Ipv6, inside: { address: 'fd01:203:405::' as Ipv6, prefix: 64 }, address: '2001:db8::10' as Ipv6, prefix: 64, router: '2001:db8::1' as Ipv6 },
};
