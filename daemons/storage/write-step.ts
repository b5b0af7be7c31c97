// A plan of writes, as data: the shell carries it out in order, a test tears it wherever it likes.

/** One step of a plan. Offsets and lengths are multiples of 4096 bytes; what stands before a flush is durable after it. */
export type WriteStep = { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array } | { readonly kind: 'flush' };

/** The flush step: the device's cache is written out before the next step begins. */
export const FLUSH: WriteStep = { kind: 'flush' };
