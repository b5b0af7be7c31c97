// What goes into the succession and what comes out of it.

import type { LogEffect } from '../core/log-effect.ts';
import type { Instant } from '../core/machine.ts';
import type { BeatRole } from '../wire/gateway-beat.ts';
import type { TakeoverRecord, TakeoverStage } from './takeover-record.ts';

export type SuccessionInput =
  /** The deadline has come. */
  | { readonly kind: 'tick' }
  /** A datagram from the beat port, and the name of the shared network that it came by. */
  | { readonly kind: 'datagram'; readonly network: string; readonly bytes: Uint8Array }
  /** The answer to `drain`: every socket was read until it was empty, and every datagram stepped. */
  | { readonly kind: 'drained' }
  /** The way out is usable, or not: link and reachability, judged (and smoothed) by the shell. */
  | { readonly kind: 'uplink'; readonly usable: boolean }
  /** `to`: the node that shall have the addresses; left out: this one, or, on the holder, its backup. */
  | { readonly kind: 'switch'; readonly to?: number }
  /** The node leaves the service to others, or is back. */
  | { readonly kind: 'drain-node'; readonly drained: boolean }
  /** The list of candidates has changed; as in the options. */
  | { readonly kind: 'candidates'; readonly candidates: readonly number[] }
  /** The state of a holder could not be brought about. */
  | { readonly kind: 'host-failed'; readonly reason: string }
  /** The cluster's keys have changed; as in the options. */
  | { readonly kind: 'keys'; readonly keys: readonly Uint8Array[] }
  | { readonly kind: 'performed'; readonly stage: TakeoverStage; readonly at: Instant };

export type HostRole = 'holder' | 'backup' | 'standby';

export type SuccessionEffect =
  /** To be sent to the beat port on every shared network. */
  | { readonly kind: 'send-beat'; readonly bytes: Uint8Array }
  /** The kernel shall answer for the moving addresses, and forward, for another `gateMs`. */
  | { readonly kind: 'renew-gate' }
  /**
   * Every socket is to be read until it is empty, each datagram to be stepped, and then `drained`, before anything else is waited for. It is
   * the last effect of its step.
   */
  | { readonly kind: 'drain' }
  /** The machine is to be brought into the state of this role (host-state.ts). `partner`: the other end of the connection states. */
  | { readonly kind: 'host'; readonly role: HostRole; readonly partner: number | undefined }
  /** Gratuitous ARP, and neighbour advertisements, for every moving address. */
  | { readonly kind: 'announce' }
  /** To be written to the registry when there is time; nobody waits for it. */
  | { readonly kind: 'save-epoch'; readonly epoch: number }
  /** The record of a takeover by this node, as far as it is known by now. */
  | { readonly kind: 'timeline'; readonly record: TakeoverRecord }
  /** A command that was not followed. */
  | { readonly kind: 'refused'; readonly reason: string }
  | LogEffect;

export interface SuccessionOptions {
  readonly self: number;
  /** The nodes with an uplink in the order of the succession: primary, backup, further ones. */
  readonly candidates: readonly number[];
  /** The names of the networks that all candidates share. */
  readonly networks: readonly string[];
  /** Sixteen hexadecimal digits, as in the beats. */
  readonly cluster: string;
  /** Sixteen random hexadecimal digits, new at each start. */
  readonly incarnation: string;
  /** `gatewayBeatKey` of each of the cluster's keys: the first one makes the beats, and those of any are believed. */
  readonly keys: readonly Uint8Array[];
  /** The last epoch that the registry knows of. */
  readonly epoch: number;
  readonly beatMs: number;
  /** A candidate of higher rank takes the addresses back when it is well again. */
  readonly preemption: boolean;
}

/** The succession as one node sees it, for `metamaster gateway status`. */
export interface SuccessionStatus {
  readonly role: HostRole;
  readonly epoch: number;
  readonly holder: number | undefined;
  readonly backup: number | undefined;
  readonly stands: boolean;
  readonly uplink: boolean;
  readonly drained: boolean;
  readonly peers: readonly { readonly node: number; readonly role: BeatRole; readonly uplink: boolean; readonly alive: boolean; readonly silentOn: readonly string[] }[];
  readonly takeovers: readonly TakeoverRecord[];
}
