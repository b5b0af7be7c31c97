// The MAC addresses of the blade, by which it is found in the roster.

import { type Mac, parseMac } from '../../daemons/core/mac.ts';
import type { BootHost } from '../boot-host.ts';

/** Every MAC address of the blade, in the kernel's order of names. */
export function ownMacs(host: BootHost): Mac[] {
  return host.list('/sys/class/net').map((name) => parseMac(host.readText(`/sys/class/net/${name}/address`)?.trim() ?? '')).filter((mac) => mac !== undefined);
}
