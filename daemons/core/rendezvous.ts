// Rendezvous (highest random weight) hashing: every node computes the same order of servers for a client, and the death of
// one server moves only that server's clients. Thaler and Ravishankar, 1998.

import { encodeLatin1 } from './bytes.ts';
import { crc32cRegister } from './crc32.ts';

const ALL_ONES = 0xffffffff;

/** Mixes 32 bits well enough that neighbouring inputs land far apart (the finalizer of MurmurHash3). */
export function mix32(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The node numbers in the order in which they shall serve `client` (a MAC address or any other name).
 * @param suspects those of them that may be dead: they stand behind the others, in the same order among themselves
 */
export function rankServers(client: string, nodes: readonly number[], suspects: readonly number[] = []): number[] {
  const doubted = new Set(suspects);
  // The CRC-32C of `CLIENT/NODE`: what all names have in common goes into the register once.
  const common = crc32cRegister(encodeLatin1(`${client}/`), ALL_ONES);
  return nodes
    .map((node) => ({ node, doubt: Number(doubted.has(node)), weight: mix32(crc32cRegister(encodeLatin1(`${node}`), common) ^ ALL_ONES) }))
    .sort((a, b) => a.doubt - b.doubt || b.weight - a.weight || a.node - b.node)
    .map(({ node }) => node);
}
