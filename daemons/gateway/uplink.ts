// Whether a candidate's way out can be used: both links have a carrier, and the public router answers. A candidate whose way is dead does not
// stand, and a holder lets go when another's is well.
//
// The router is asked by ARP probes (RFC 5227 section 2.1.1: sender address 0.0.0.0): a candidate has no address of the outside network before
// it is the holder, a probe enters nothing into anybody's cache, and who has the address must answer, or duplicates could never be found.

import { logEffect, type LogEffect } from '../core/log-effect.ts';
import { after, type Instant, type Machine } from '../core/machine.ts';
import { AttendedClock } from './attended-clock.ts';

/** The router is asked so often. */
export const PROBE_MS = 250;
/** So long without an answer, and the way is dead: four probes, for a frame may be lost and a router may be busy. */
export const ROUTER_SILENT_MS = 1125;
/** A way that was dead must have been well for so long before it counts again: a link that comes and goes moves nothing. */
export const WELL_MS = 2000;
/** A step that comes later was kept from running, and the answers may lie in the socket. */
const LATE_MAX_MS = 1.5 * PROBE_MS;

export type LinkName = 'inside' | 'outside';

export type UplinkInput =
  | { readonly kind: 'tick' }
  | { readonly kind: 'carrier'; readonly link: LinkName; readonly up: boolean }
  /** The public router has answered a probe. */
  | { readonly kind: 'answered' };

export type UplinkEffect = { readonly kind: 'probe' } | { readonly kind: 'usable'; readonly usable: boolean } | LogEffect;

/** Why a way cannot be used. */
export type UplinkFault = 'inside link down' | 'outside link down' | 'the public router does not answer';

/** The machine. `usable` is told when it changes; at first the way counts as dead. */
export class Uplink implements Machine<UplinkInput, UplinkEffect> {
  readonly #hasOutside: boolean;
  readonly #clock = new AttendedClock(LATE_MAX_MS);
  readonly #up: Record<LinkName, boolean> = { inside: false, outside: false };
  #answeredMs = -Infinity;
  #probedMs = -Infinity;
  /** Since when it is well; undefined: it is not. */
  #wellSinceMs: number | undefined;
  #wasUsable = false;
  #toldFault: UplinkFault | undefined;
  #usable = false;
  #now: Instant | undefined;

  constructor(hasOutside: boolean) {
    this.#hasOutside = hasOutside;
  }

  step(now: Instant, input: UplinkInput): readonly UplinkEffect[] {
    this.#clock.advance(now);
    this.#now = now;
    const ms = this.#clock.ms;
    if (input.kind === 'carrier') this.#up[input.link] = input.up;
    else if (input.kind === 'answered') this.#answeredMs = ms;
    const out: UplinkEffect[] = [];
    if (this.#hasOutside && ms - this.#probedMs >= PROBE_MS) {
      this.#probedMs = ms;
      if (this.#up.outside) out.push({ kind: 'probe' });
    }
    const fault = this.fault();
    if (fault !== undefined) this.#wellSinceMs = undefined;
    else this.#wellSinceMs ??= ms;
    // The first time it counts at once: a rack that is switched on shall not wait.
    const usable = this.#wellSinceMs !== undefined && (this.#usable || !this.#wasUsable || ms - this.#wellSinceMs >= WELL_MS);
    // Not at the very beginning, when nothing is known yet.
    if (fault !== this.#toldFault && (fault === undefined || ms >= ROUTER_SILENT_MS)) {
      this.#toldFault = fault;
      out.push(logEffect(fault === undefined ? 'info' : 'warn', 'gateway.uplink', { fault: fault ?? 'none' }));
    }
    if (usable === this.#usable) return out;
    this.#usable = usable;
    this.#wasUsable ||= usable;
    return [...out, { kind: 'usable', usable }];
  }

  deadline(): Instant | undefined {
    return this.#now === undefined ? undefined : after(this.#now, Math.max(0, this.#hasOutside ? this.#probedMs + PROBE_MS - this.#clock.ms : PROBE_MS));
  }

  /** What is wrong with the way out just now; undefined: nothing. */
  fault(): UplinkFault | undefined {
    if (!this.#up.inside) return 'inside link down';
    if (!this.#hasOutside) return undefined;
    if (!this.#up.outside) return 'outside link down';
    return this.#clock.ms - this.#answeredMs < ROUTER_SILENT_MS ? undefined : 'the public router does not answer';
  }
}
