// The router advertisements of one node: when one is due is agent/router-advertiser.ts's to say, the socket is opened for the first of them.

import type { NodeConfig } from './agent/node-config.ts';
import { type AdvertiserEffect, type AdvertiserInput, RouterAdvertiser } from './agent/router-advertiser.ts';
import { clusterPrefix } from './core/inside-ipv6.ts';
import { now } from './host/clock.ts';
import { type Icmp6Socket, openIcmp6 } from './host/icmp6.ts';
import type { Logger } from './host/log.ts';
import { MachineLoop } from './host/machine-loop.ts';
import { encodeRouterAdvertisement, PREFIX_LIFETIME_S } from './wire/router-advertisement.ts';

/** The advertiser of a node that was booted with this configuration; nothing happens before its first step. */
export function openAdvertising(config: NodeConfig, log: Logger): Pick<MachineLoop<AdvertiserInput, AdvertiserEffect>, 'step'> {
  let socket: Icmp6Socket | undefined;
  let failed = '';
  const advertise = (): void => {
    try {
      socket ??= openIcmp6(config.interface);
      // The prefix is made of the cluster's name as it was at the boot, for by that this node got its own address in it.
      const message = { routerLifetimeS: 0, sourceMac: socket.mac, prefix: clusterPrefix(config.roster.clusterName), lifetimeS: PREFIX_LIFETIME_S };
      socket.send(encodeRouterAdvertisement(message));
      failed = '';
    } catch (error) {
      // Boots go on without, only slower, and the next advertisement tries again. One line for each reason.
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== failed) log.warn({ reason, meaning: 'iPXE waits for IPv6 at each boot' }, 'advertisement.failed');
      failed = reason;
      socket?.close();
      socket = undefined;
    }
  };
  return new MachineLoop<AdvertiserInput, AdvertiserEffect>(new RouterAdvertiser(config.number, now()), now, { kind: 'timer' }, advertise);
}
