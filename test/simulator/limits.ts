// How bad the simulated world may get. A membership's bounds are made of these, so that they are bounds and not hopes.

/** A packet on a quiet LAN takes at least this long, and up to `LAN_JITTER_MS` more, seldom much. */
export const LAN_BASE_MS = 0.1;
export const LAN_JITTER_MS = 1;
/** The worst `delay`. */
export const DELAY_MAX_MS = 150;
/** A packet that is held back by `reorder` is so by up to this. */
export const REORDER_MAX_MS = 50;
/** The second copy of a packet comes up to so much later. */
export const DUPLICATE_SPREAD_MS = 20;
/** The longest way of a packet with everything at its worst. */
export const PACKET_MAX_MS = LAN_BASE_MS + LAN_JITTER_MS + DELAY_MAX_MS + REORDER_MAX_MS + DUPLICATE_SPREAD_MS;

/** A starved process waits for the processor up to this long, each time. */
export const STARVE_MAX_MS = 250;
/** One of real-time priority, as the gateway's is: 10 times what a loaded machine shows at p99. */
export const STARVE_REAL_TIME_MAX_MS = 3;
/** A gate's time is of the kernel, and rounded up to its tick: at 250 Hz. */
export const KERNEL_TICK_MS = 4;
/** The registry has an epoch after that. */
export const SAVE_EPOCH_MS = 500;
/** A clock is wrong by this much at most: crystals are by 100 ppm, virtual machines by more. */
export const DRIFT_MAX_PPM = 2000;
/** A timer fires up to this much late: Node's go by whole milliseconds. */
export const TIMER_LATE_MS = 2;
/** A registry that has changed is read by every running node within this time. */
export const READ_REGISTRY_MAX_MS = 2000;
/** Who is told of a newer one has read it after this time. */
export const READ_REGISTRY_MS = 30;
/** From the loading of the boot files until the boot services answer. A blade takes longer; what matters is that it is no node meanwhile. */
export const BOOT_MS = 6000;

/** Datagrams that wait in a socket of a process that does not run: 212992 bytes (net.core.rmem_default) at 768 bytes a small datagram (skbuff and data). */
export const SOCKET_HOLDS = 277;

/** `ms` of a node's clock, in milliseconds of the simulation at most. */
export const atMost = (ms: number): number => ms / (1 - DRIFT_MAX_PPM / 1_000_000);
