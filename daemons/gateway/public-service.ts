// A port of the gateway itself that is open towards the network outside, as an administrator writes it: `tcp/22`.

import type { PortForward } from './port-forward.ts';

/** What is let in to the node that has the public address, beside what is forwarded. */
export interface PublicService {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** More is somebody's mistake: then nothing is filtered. */
export const SERVICES_MAX = 64;
/** Without an answer: the cluster is administered by SSH. */
export const DEFAULT_SERVICES: readonly PublicService[] = [{ protocol: 'tcp', port: 22 }];

const PORT_MAX = 65535;
const SERVICE = /^(?<protocol>tcp|udp)\/(?<port>[1-9][0-9]{0,4})$/;

/** Undefined when the text is none. */
export function parsePublicService(text: string): PublicService | undefined {
  const { protocol, port = '' } = SERVICE.exec(text)?.groups ?? {};
  return protocol === undefined || Number(port) > PORT_MAX ? undefined : { protocol: protocol as PublicService['protocol'], port: Number(port) };
}

export const publicServiceText = ({ protocol, port }: PublicService): string => `${protocol}/${port}`;

/** What is open where nothing is answered: a port that is forwarded never gets as far as the gateway's own. */
export function defaultServices(forwards: readonly PortForward[]): readonly PublicService[] {
  return DEFAULT_SERVICES.filter((service) => !forwards.some(({ protocol, port }) => protocol === service.protocol && port === service.port));
}
