// `loader.json` of a boot volume: what the loaders beside it are. The image build writes it, the DHCP server needs it to tell an
// iPXE that is ours from one that a network card brought.

import { decodeUtf8 } from './bytes.ts';

/** What the file says. */
export interface LoaderFacts {
  /** As iPXE itself states it in DHCP: `major.minor.patch`. */
  readonly ipxeVersion: string;
}

/** Three numbers of a byte each is what iPXE's DHCP option (175.235) has room for. */
const VERSION = /^\d{1,3}\.\d{1,3}\.\d{1,3}$/;

/**
 * The facts from a recorded list of packages (`ipxe=1.21.1+git20250501… amd64 …`, a line each): iPXE's version is what stands
 * before the packager's `+`. Undefined when no such line is there.
 */
export function loaderFactsOfPackages(list: string): LoaderFacts | undefined {
  const version = /^ipxe=(?:\d+:)?([0-9.]+)[+~-]/m.exec(list)?.[1];
  return version !== undefined && VERSION.test(version) ? { ipxeVersion: version } : undefined;
}

/** The file's text. */
export function loaderFactsText(facts: LoaderFacts): string {
  return `${JSON.stringify({ ipxeVersion: facts.ipxeVersion })}\n`;
}

/** Reads the file; undefined when it is not there or says nothing that can be used: then the loaders are of unknown version. */
export function parseLoaderFacts(bytes: Uint8Array | undefined): LoaderFacts | undefined {
  const text = bytes && decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const { ipxeVersion } = (JSON.parse(text) ?? {}) as { ipxeVersion?: unknown };
    return typeof ipxeVersion === 'string' && VERSION.test(ipxeVersion) ? { ipxeVersion } : undefined;
  } catch {
    return undefined;
  }
}
