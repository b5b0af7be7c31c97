// What runs on a node today.

import type { Protocols } from './adapter.ts';
import { bladeRom } from './blade-rom.ts';
import { dhcp } from './dhcp-adapter.ts';
import { succession } from './gateway-adapter.ts';
import { membership } from './membership-adapter.ts';

export const PROTOCOLS: Protocols = { membership: membership(), services: [dhcp()], gateway: succession(), rom: bladeRom };
