// Which network card of the live system leads to the storage network, and what this machine is called there.

import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { sameNetwork } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';

/** A network interface of this machine. */
export interface OwnInterface {
  readonly name: string;
  readonly mac: Mac | undefined;
  readonly addresses: readonly Ipv4[];
}

/** What the live system is in the network. */
export interface LiveNetwork {
  readonly interfaces: readonly OwnInterface[];
  /** The interface that the initrd brought up, by the boot's record (live.json). */
  readonly booted: string | undefined;
}

/** The interface to ask on, and from which address. */
export interface StorageInterface {
  readonly name: string;
  readonly mac: Mac | undefined;
  /** Its address in the storage network; undefined when it has none there. */
  readonly address: Ipv4 | undefined;
}

/**
 * The interface with an address in the storage network. Of several the one that the initrd brought up; that one, too, where none has
 * such an address. An administrator may have set up another by hand since.
 */
export function storageInterface({ interfaces, booted }: LiveNetwork, san: Ipv4, netmask: Ipv4): StorageInterface | undefined {
  const candidates = interfaces.map(({ name, mac, addresses }) => ({ name, mac, address: addresses.find((address) => sameNetwork(address, san, netmask)) }));
  const reaching = candidates.filter(({ address }) => address !== undefined);
  const isBooted = ({ name }: StorageInterface): boolean => name === booted;
  return reaching.find(isBooted) ?? reaching[0] ?? candidates.find(isBooted);
}
