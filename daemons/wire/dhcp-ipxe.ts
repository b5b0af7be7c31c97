// Option 175: what iPXE says of itself and what it can be told, as encapsulated options (iPXE, src/include/ipxe/dhcp.h).

import { decodeOptionArea, encodeOptionArea } from './dhcp-option-area.ts';

/** Do not wait for a ProxyDHCP server: saves three seconds of every boot. */
const NO_PXEDHCP = 176;
/** Three bytes: major, minor, patch. */
const VERSION = 235;

/** The encapsulated options that matter here. */
export interface IpxeOptions {
  /** `major.minor.patch`; undefined when the client does not say. */
  readonly version?: string;
  readonly noPxeDhcp: boolean;
}

/** Reads option 175; undefined when its encapsulation is broken. */
export function decodeIpxeOptions(value: Uint8Array): IpxeOptions | undefined {
  const options = decodeOptionArea(value);
  if (!options) return undefined;
  const version = options.get(VERSION);
  const flag = options.get(NO_PXEDHCP);
  const noPxeDhcp = flag !== undefined && flag.some((byte) => byte !== 0);
  return version?.length === 3 ? { version: version.join('.'), noPxeDhcp } : { noPxeDhcp };
}

/** The value of option 175 for a reply, or for a client in a test. Throws RangeError when the version is not three bytes. */
export function encodeIpxeOptions({ version, noPxeDhcp }: IpxeOptions): Uint8Array {
  const options = new Map<number, Uint8Array>();
  if (noPxeDhcp) options.set(NO_PXEDHCP, Uint8Array.of(1));
  if (version !== undefined) {
    const parts = version.split('.').map(Number);
    if (parts.length !== 3 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) throw new RangeError(`an iPXE version is three bytes as 1.21.1; seen ${version}`);
    options.set(VERSION, Uint8Array.from(parts));
  }
  return encodeOptionArea(options);
}
