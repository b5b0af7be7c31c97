// A switch port that carries one VLAN tagged to a blade's card, and the same VLAN untagged on its other side (IEEE 802.1Q section 6.9).
// Pure, from frame to frame: this host's kernel need not know VLANs. Frames are as QEMU passes them, without preamble and check sum.

import { viewOf } from '../../daemons/core/bytes.ts';

/** The EtherType of a tag (IEEE 802.1Q table 9-1), and of one of a provider, of which an access port knows nothing. */
const TAG_TYPE = 0x8100;
const TAG_BYTES = 4;
/** Destination and source; the tag follows them. */
const ADDRESSES_BYTES = 12;
const HEADER_BYTES = ADDRESSES_BYTES + 2;
/** The VLAN's identifier within the tag; the bits above it are priority and drop eligibility (IEEE 802.1Q section 9.6). */
const ID_MASK = 0xfff;
/** The longest untagged frame that an Ethernet with a payload of 1500 bytes carries, its check sum counted; a tagged one has the tag more. */
export const UNTAGGED_MAX = 1518;
export const TAGGED_MAX = UNTAGGED_MAX + TAG_BYTES;

/** Why a frame went no further. */
export type DropReason = 'malformed' | 'oversized' | 'untagged' | 'other VLAN' | 'tagged';

/** A frame for the other side, or why there is none. */
export type Forwarded = { readonly frame: Uint8Array } | { readonly dropped: DropReason };

type Way = 'from the blade' | 'to the blade';

const typeOf = (frame: Uint8Array): number => viewOf(frame).getUint16(ADDRESSES_BYTES);

/** From the blade: a frame of the VLAN loses its tag. One without a tag, or with identifier 0, which is a priority alone, belongs to no VLAN. */
export function withoutTag(frame: Uint8Array, vlan: number): Forwarded {
  if (frame.length < HEADER_BYTES) return { dropped: 'malformed' };
  if (typeOf(frame) !== TAG_TYPE) return { dropped: 'untagged' };
  if (frame.length < HEADER_BYTES + TAG_BYTES) return { dropped: 'malformed' };
  if (frame.length > TAGGED_MAX) return { dropped: 'oversized' };
  const id = viewOf(frame).getUint16(HEADER_BYTES) & ID_MASK;
  if (id !== vlan) return { dropped: id === 0 ? 'untagged' : 'other VLAN' };
  const out = new Uint8Array(frame.length - TAG_BYTES);
  out.set(frame.subarray(0, ADDRESSES_BYTES));
  out.set(frame.subarray(ADDRESSES_BYTES + TAG_BYTES), ADDRESSES_BYTES);
  return { frame: out };
}

/** To the blade: an untagged frame gets the VLAN's tag, of priority 0. A tagged one has no business on an access port. */
export function withTag(frame: Uint8Array, vlan: number): Forwarded {
  if (frame.length < HEADER_BYTES) return { dropped: 'malformed' };
  if (typeOf(frame) === TAG_TYPE) return { dropped: 'tagged' };
  if (frame.length > UNTAGGED_MAX) return { dropped: 'oversized' };
  const out = new Uint8Array(frame.length + TAG_BYTES);
  out.set(frame.subarray(0, ADDRESSES_BYTES));
  viewOf(out).setUint16(ADDRESSES_BYTES, TAG_TYPE);
  viewOf(out).setUint16(HEADER_BYTES, vlan);
  out.set(frame.subarray(ADDRESSES_BYTES), ADDRESSES_BYTES + TAG_BYTES);
  return { frame: out };
}

/** One port: forwards, and counts what it does. */
export class VlanPort {
  readonly #vlan: number;
  readonly #passed: Record<Way, number> = { 'from the blade': 0, 'to the blade': 0 };
  readonly #dropped = new Map<string, number>();

  constructor(vlan: number) {
    this.#vlan = vlan;
  }

  /** The frame as it leaves on the untagged side; undefined when it is dropped. */
  fromBlade(frame: Uint8Array): Uint8Array | undefined {
    return this.#count('from the blade', withoutTag(frame, this.#vlan));
  }

  /** The frame as the blade's card gets it; undefined when it is dropped. */
  toBlade(frame: Uint8Array): Uint8Array | undefined {
    return this.#count('to the blade', withTag(frame, this.#vlan));
  }

  /** Frames that were dropped so far. */
  get dropped(): number {
    return [...this.#dropped.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What it did so far, in one line; the reasons in the order of the alphabet, whoever's frame came first. */
  summary(): string {
    const dropped = [...this.#dropped].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([why, count]) => `${count} ${why}`).join(', ');
    return `VLAN ${this.#vlan}: ${Object.entries(this.#passed).map(([way, count]) => `${count} frames ${way}`).join(', ')}; dropped: ${dropped || 'none'}`;
  }

  #count(way: Way, forwarded: Forwarded): Uint8Array | undefined {
    if ('dropped' in forwarded) {
      const why = `${forwarded.dropped} ${way}`;
      this.#dropped.set(why, (this.#dropped.get(why) ?? 0) + 1);
      return undefined;
    }
    this.#passed[way]++;
    return forwarded.frame;
  }
}
