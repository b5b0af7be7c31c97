// Option 43 as PXE clients read it (PXE 2.1, table 2-1).

/** PXE_DISCOVERY_CONTROL. */
const DISCOVERY_CONTROL = 6;
/** Bit 3: use the boot file of this answer and ask no boot server; without it EDK2 goes to port 4011 and ends in PXE-E16. */
const USE_BOOT_FILE = 0x08;

/** The value of option 43 that keeps a PXE client on the answer it has: `06 01 08 ff`. */
export function pxeNoDiscovery(): Uint8Array {
  return Uint8Array.of(DISCOVERY_CONTROL, 1, USE_BOOT_FILE, 255);
}
