// DHCP messages as real clients put them together, byte for byte, for the tests of codec, policy and server.

import { concatBytes, fromHex } from '../core/bytes.ts';

/** Hexadecimal with blanks between the digits, as it is written below. */
function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/\s/g, ''));
  if (!bytes) throw new RangeError(`not hexadecimal: ${text}`);
  return bytes;
}

/** Fixed header up to `chaddr`, the empty fields `sname` and `file`, the options, zeros up to `size`. */
function message(head: string, options: string, size: number): Uint8Array {
  const start = hex(head);
  const fixed = concatBytes(start, new Uint8Array(236 - start.length), hex('63825363'), hex(options));
  return concatBytes(fixed, new Uint8Array(Math.max(0, size - fixed.length)));
}

/** The iPXE 1.21.1 ROM of an emulated virtio card under SeaBIOS, first DISCOVER. */
export const IPXE_DISCOVER = message(
  `01 01 06 00 a55a0b17 0004 0000 00000000 00000000 00000000 00000000 525400120001`,
  `35 01 01
   39 02 05c0
   5d 02 0000
   5e 03 010201
   3c 20 50584543 6c69656e 743a4172 63683a30 30303030 3a554e44 493a3030 32303031
   4d 04 69505845
   37 17 01 03 06 07 0c 0f 11 1a 2b 3c 42 43 77 80 81 82 83 84 85 86 87 af cb
   af 2d b1 05 01 1af4 1000  eb 03 01 15 01  17 01 01 22 01 01 19 01 01 21 01 01 10 01 02 13 01 01
         12 01 01 11 01 01  15 01 01 1b 01 01  24 01 01
   3d 07 01 525400120001
   61 11 00 78563412 3412 7856 9abc def012345678
   ff`,
  0,
);

/** The iPXE ROM of 2019 that QEMU puts on a virtio card, first DISCOVER, as captured. It says version 1.0.0. */
export const IPXE_ROM_DISCOVER = message(
  `01 01 06 00 b6002251 0004 0000 00000000 00000000 00000000 00000000 525400519003`,
  `35 01 01
   39 02 05c0
   5d 02 0000
   5e 03 010201
   3c 20 50584543 6c69656e 743a4172 63683a30 30303030 3a554e44 493a3030 32303031
   4d 04 69505845
   37 17 01 03 06 07 0c 0f 11 1a 2b 3c 42 43 77 80 81 82 83 84 85 86 87 af cb
   af 30 b1 05 01 1af4 1000  eb 03 01 00 00  17 01 01 22 01 01 13 01 01 11 01 01 27 01 01 19 01 01
         29 01 01 10 01 02  21 01 01 15 01 01  18 01 01 12 01 01
   3d 07 01 525400519003
   61 11 00 840f5ece 9b94 274f b98a ce66e1ba8067
   ff`,
  0,
);

/** Debian 13's undionly.kpxe (package version 1.21.1), loaded by the ROM above on the same card, as captured. It says version 1.0.0 too. */
export const UNDIONLY_DISCOVER = message(
  `01 01 06 00 6336dd66 0004 8000 00000000 00000000 00000000 00000000 525400519003`,
  `35 01 01
   39 02 05c0
   5d 02 0000
   5e 03 010201
   3c 20 50584543 6c69656e 743a4172 63683a30 30303030 3a554e44 493a3030 32303031
   4d 04 69505845
   37 18 01 03 06 07 0c 0f 11 1a 2a 2b 3c 42 43 77 80 81 82 83 84 85 86 87 af cb
   af 36 b1 05 01 1af4 1000  eb 03 01 00 00  26 01 01 17 01 01 27 01 01 22 01 01 13 01 01 14 01 01 11 01 01
         19 01 01 29 01 01  10 01 02  21 01 01 15 01 01  18 01 01 12 01 01
   3d 07 01 525400519003
   61 11 00 840f5ece 9b94 274f b98a ce66e1ba8067
   ff`,
  0,
);

/** EDK2's own PXE client (x64, OVMF), first DISCOVER: it cannot take unicast and pads to 347 bytes. */
export const EDK2_DISCOVER = message(
  `01 01 06 00 1d3f6c02 0000 8000 00000000 00000000 00000000 00000000 525400120002`,
  `35 01 01
   39 02 05b8
   37 23 01 02 03 04 05 06 0c 0d 0f 11 12 16 17 1c 28 29 2a 2b 32 33 36 3a 3b 3c 42 43 61 80 81 82 83 84 85 86 87
   61 11 00 00112233 4455 6677 8899 aabbccddeeff
   5e 03 010310
   5d 02 0007
   3c 20 50584543 6c69656e 743a4172 63683a30 30303037 3a554e44 493a3030 33303136
   ff`,
  347,
);

/** A plain BIOS PXE ROM (Intel Boot Agent's form), first DISCOVER: empty machine identifier, padded to 548 bytes, secs 4. */
export const ROM_DISCOVER = message(
  `01 01 06 00 54120003 0004 8000 00000000 00000000 00000000 00000000 525400120003`,
  `35 01 01
   37 24 01 02 03 05 06 0b 0c 0d 0f 10 11 12 2b 36 3c 43 80 81 82 83 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f 90 91 92 93
   39 02 04ec
   61 00
   5d 02 0000
   5e 03 010201
   3c 20 50584543 6c69656e 743a4172 63683a30 30303030 3a554e44 493a3030 32303031
   ff`,
  548,
);

/** EDK2's HTTP boot client (x64), first DISCOVER, on another card of the machine above. */
export const HTTP_DISCOVER = message(
  `01 01 06 00 77a01b04 0000 8000 00000000 00000000 00000000 00000000 525400120102`,
  `35 01 01
   39 02 05c0
   37 0d 01 03 06 0c 0f 11 1c 2b 36 3c 42 43 61
   61 11 00 00112233 4455 6677 8899 aabbccddeeff
   5e 03 010310
   5d 02 0010
   3c 21 48545450 436c6965 6e743a41 7263683a 30303031 363a554e 44493a30 30333031 36
   ff`,
  0,
);

/**
 * EDK2's PXE client on arm64, on the second card of node 1. Made of the message of the x64 one above, with the architecture of IANA's registry and the
 * version of a card without UNDI; not captured: no arm64 blade was at hand.
 */
export const EDK2_ARM64_DISCOVER = message(
  `01 01 06 00 2e4a7d03 0000 8000 00000000 00000000 00000000 00000000 525400120101`,
  `35 01 01
   39 02 05b8
   37 23 01 02 03 04 05 06 0c 0d 0f 11 12 16 17 1c 28 29 2a 2b 32 33 36 3a 3b 3c 42 43 61 80 81 82 83 84 85 86 87
   61 11 00 00112233 4455 6677 8899 aabbccddeeff
   5e 03 010300
   5d 02 000b
   3c 20 50584543 6c69656e 743a4172 63683a30 30303131 3a554e44 493a3030 33303030
   ff`,
  347,
);

/** EDK2's HTTP boot client on arm64: made likewise. */
export const HTTP_ARM64_DISCOVER = message(
  `01 01 06 00 88b12c05 0000 8000 00000000 00000000 00000000 00000000 525400120102`,
  `35 01 01
   39 02 05c0
   37 0d 01 03 06 0c 0f 11 1c 2b 36 3c 42 43 61
   61 11 00 00112233 4455 6677 8899 aabbccddeeff
   5e 03 010300
   5d 02 0013
   3c 21 48545450 436c6965 6e743a41 7263683a 30303031 393a554e 44493a30 30333030 30
   ff`,
  0,
);

/**
 * Debian 13's ipxe-arm64.efi, on the card of node 4: our BIOS loader's message above, with the vendor class that stands in this program
 * (PXEClient:Arch:00011:UNDI:003010), its architecture, and EFI among its features in place of what only a BIOS has; not captured either.
 */
export const IPXE_ARM64_DISCOVER = message(
  `01 01 06 00 7f55aa61 0004 8000 00000000 00000000 00000000 00000000 525400120004`,
  `35 01 01
   39 02 05c0
   5d 02 000b
   5e 03 01030a
   3c 20 50584543 6c69656e 743a4172 63683a30 30303131 3a554e44 493a3030 33303130
   4d 04 69505845
   37 18 01 03 06 07 0c 0f 11 1a 2a 2b 3c 42 43 77 80 81 82 83 84 85 86 87 af cb
   af 27 b1 05 01 1af4 1000  eb 03 01 00 00  26 01 01 17 01 01 27 01 01 13 01 01 14 01 01 11 01 01 29 01 01
         24 01 01 15 01 01
   3d 07 01 525400120004
   61 11 00 840f5ece 9b94 274f b98a ce66e1ba8067
   ff`,
  0,
);
