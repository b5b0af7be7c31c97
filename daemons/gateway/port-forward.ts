// A port forward as an administrator writes it: `tcp/443=192.168.0.5:8443`.

import { type Ipv4, parseHostIpv4 } from '../core/ipv4.ts';

/** What comes in by the public address and goes on to a node. */
export interface PortForward {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly to: Ipv4;
  readonly toPort: number;
}

const PORT_MAX = 65535;
const FORWARD = /^(?<protocol>tcp|udp)\/(?<port>[1-9][0-9]{0,4})=(?<to>[0-9.]+):(?<toPort>[1-9][0-9]{0,4})$/;

/** Undefined when the text is none. */
export function parsePortForward(text: string): PortForward | undefined {
  const { protocol, port = '', to = '', toPort = '' } = FORWARD.exec(text)?.groups ?? {};
  const address = parseHostIpv4(to);
  if (protocol === undefined || Number(port) > PORT_MAX || Number(toPort) > PORT_MAX || address === undefined) return undefined;
  return { protocol: protocol as PortForward['protocol'], port: Number(port), to: address, toPort: Number(toPort) };
}
