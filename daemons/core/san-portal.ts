// The doors of an iSCSI target: address and TCP port. A SAN with several of them goes on when one is lost.

import { parseHostIpv4, type Ipv4 } from './ipv4.ts';

/** The port of the iSCSI service (RFC 7143 section 13.1). */
export const ISCSI_PORT = 3260;
/** More portals than any array has on one network; each is a session of every node. */
export const PORTALS_MAX = 8;

/** One portal of the target. */
export interface SanPortal {
  readonly address: Ipv4;
  readonly port: number;
}

/** Reads `192.168.0.252` or `192.168.0.252:3260`; undefined when it is neither. */
export function parsePortal(text: string): SanPortal | undefined {
  const [host = '', port, ...rest] = text.split(':');
  const address = parseHostIpv4(host);
  const number = port === undefined ? ISCSI_PORT : /^[1-9][0-9]{0,4}$/.test(port) ? Number(port) : 0;
  return address !== undefined && number >= 1 && number <= 65535 && rest.length === 0 ? { address, port: number } : undefined;
}

/** `192.168.0.252:3260` */
export const portalText = ({ address, port }: SanPortal): string => `${address}:${port}`;

/** The portals without repetitions, in the order in which they came. */
export function distinctPortals(portals: readonly SanPortal[]): readonly SanPortal[] {
  return [...new Map(portals.map((portal) => [portalText(portal), portal])).values()];
}
