// What runs on a node today.

import type { Protocols } from './adapter.ts';
import { beacons } from './beacon-adapter.ts';
import { bladeRom } from './blade-rom.ts';
import { dhcp } from './dhcp-adapter.ts';

export const PROTOCOLS: Protocols = { membership: beacons(), services: [dhcp()], rom: bladeRom };
