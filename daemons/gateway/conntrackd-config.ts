// The configuration of conntrackd(8) between the holder and its backup. FTFW: every change of a flow's state is numbered and acknowledged, and
// sent again when it was lost. The external cache is off: the backup enters each change into its kernel as it comes, so that nothing is left to be
// committed in the milliseconds of a takeover.
//
// One configuration serves both ends and both roles. What the kernel learnt from the other end is not sent back, so the backup is silent until
// flows go through it; becoming the holder changes nothing that would need a moment.

import type { Ipv4 } from '../core/ipv4.ts';
import type { Ipv6 } from '../core/ipv6.ts';

/** UDP port of the states, on the inside network: that of conntrackd's own examples. */
export const CONNTRACKD_PORT = 3780;
/** As large as the kernel's own table may be: a cache that is too small silently loses flows. */
const FLOWS_MAX = 262_144;
const BUCKETS = 65_536;
/** One second of 20 000 changes of 100 bytes: how long a backup may be kept from running. */
const SOCKET_BUFFER_BYTES = 2_097_152;
/** The events of the kernel must find room while conntrackd waits for its turn. */
const NETLINK_BUFFER_BYTES = 2_097_152;
const NETLINK_BUFFER_MAX_BYTES = 16_777_216;
/** By itself it would take the highest there is, above the threads of the interrupts that bring its packets; and below gatewayd's it belongs. */
const PRIORITY = 5;
/** Changes that may wait for their acknowledgement. */
const RESEND_QUEUE = 131_072;
/** Changes for one acknowledgement: the documented default. */
const ACK_WINDOW = 300;

export interface ConntrackdOptions {
  /** This node's own address on the inside network. */
  readonly own: Ipv4;
  /** The same of IPv6, where the gateway is one by IPv6 as well: this node's own flows concern nobody else. */
  readonly own6: Ipv6 | undefined;
  /** The other end's. */
  readonly partner: Ipv4;
  readonly interface: string;
  /** The folder of its lock and of the socket that `conntrackd -C FILE -s` asks. */
  readonly folder: string;
}

/** The file's text. */
export function conntrackdConfig({ own, own6, partner, interface: name, folder }: ConntrackdOptions): string {
  return `Sync {
  Mode FTFW {
    DisableExternalCache yes
    StartupResync yes
    ResendQueueSize ${RESEND_QUEUE}
    ACKWindowSize ${ACK_WINDOW}
  }
  UDP {
    IPv4_address ${own}
    IPv4_Destination_Address ${partner}
    Port ${CONNTRACKD_PORT}
    Interface ${name}
    SndSocketBuffer ${SOCKET_BUFFER_BYTES}
    RcvSocketBuffer ${SOCKET_BUFFER_BYTES}
    Checksum on
  }
}
General {
  Systemd off
  Scheduler {
    Type RR
    Priority ${PRIORITY}
  }
  HashSize ${BUCKETS}
  HashLimit ${FLOWS_MAX}
  LogFile off
  Syslog off
  LockFile ${folder}/conntrackd.lock
  UNIX {
    Path ${folder}/conntrackd.ctl
  }
  NetlinkBufferSize ${NETLINK_BUFFER_BYTES}
  NetlinkBufferSizeMaxGrowth ${NETLINK_BUFFER_MAX_BYTES}
  NetlinkEventsReliable on
  Filter From Userspace {
    Address Ignore {
      IPv4_address 127.0.0.1
      IPv4_address ${own}${own6 === undefined ? '' : `\n      IPv6_address ::1\n      IPv6_address ${own6}`}
    }
  }
}
`;
}
