// A store that is marked invalid, as a blade finds it when it boots: was it full, so that writes are missing from it, or did the kernel give it
// up after an I/O error, so that nothing is lost but one word of its header?

import type { Problem } from '../core/problem.ts';
import { SECTOR_BYTES } from './block.ts';
import { COPIES_UNDER_WAY_MAX } from './revalidate.ts';
import type { StoreState } from './snapshot-exceptions.ts';

/**
 * What to say of a store that the kernel gave up. Problems: MM-BOOT-STORE-FULL (it overflowed, or may have), MM-BOOT-STORE-INVALID (it did
 * not), and MM-STORE-EXCEPTION where its tables are damaged besides.
 */
export function givenUpProblems(store: string, state: StoreState): readonly Problem[] {
  const where = `store ${store}`;
  const rule = 'is marked valid';
  if (state.kind === 'none') return [state.problem];
  if (state.kind === 'empty') return [{ code: 'MM-BOOT-STORE-INVALID', where, rule, seen: 'a header that changes while it is read', remedy: 'Somebody writes to this store: find out who before anything else is done.' }];
  const { freeChunks, totalChunks, chunkSectors } = state.usage;
  const room = `${freeChunks} of ${totalChunks} chunks of ${(chunkSectors * SECTOR_BYTES) / 1024} KiB free`;
  const full: Problem = {
    code: 'MM-BOOT-STORE-FULL', where, rule, seen: `marked invalid by the kernel, ${room}: ${freeChunks === 0 ? 'it overflowed, and writes are missing from it' : 'it may have overflowed, so that writes are missing from it'}`,
    remedy: 'Reset it with `metamaster restore`, with more room: what the root held that is not on the state volume is lost. Nothing was mapped or written.',
  };
  const invalid: Problem = {
    code: 'MM-BOOT-STORE-INVALID', where, rule, seen: `marked invalid by the kernel after an I/O error, ${room}: it did not overflow, and everything that was written is there`,
    remedy: 'Set it valid again with `metamaster restore --revalidate`, which checks the file system too. Nothing was mapped or written.',
  };
  return [freeChunks <= COPIES_UNDER_WAY_MAX ? full : invalid, ...state.problems];
}
