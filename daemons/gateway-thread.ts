// What gatewayd's two threads tell each other. The beating thread waits for nobody: it looks at what the main thread says between two waits.

import type { LogEffect } from './core/log-effect.ts';
import type { Instant } from './core/machine.ts';
import type { GatewayConfig } from './gateway/gateway-config.ts';
import type { ConntrackMode } from './gateway/host-state.ts';
import type { HostRole, SuccessionStatus } from './gateway/succession-types.ts';
import type { TakeoverRecord } from './gateway/takeover-record.ts';
import type { UplinkFault } from './gateway/uplink.ts';

/** With what the beating thread is started. */
export interface BeatThreadData {
  readonly self: number;
  readonly config: GatewayConfig;
  readonly rulesetShape: string;
  readonly cluster: string;
  readonly incarnation: string;
  /** `gatewayBeatKey` of each of the cluster's keys, the one that is spoken under first. */
  readonly keys: readonly Uint8Array[];
  readonly epoch: number;
  /** The real-time priority that it asks for; 0: none. */
  readonly priority: number;
}

/** What the beating thread knows, for `metamaster gateway status`. */
export interface BeatThreadStatus extends SuccessionStatus {
  readonly fault: UplinkFault | undefined;
  readonly interfaces: Readonly<Record<'inside' | 'outside', string | undefined>>;
  /** By how much its waits ended too late, the worst of the last minute or so, in milliseconds. */
  readonly latestMs: number;
  /** By this thread's clock, for the distances to the instants of the takeovers. */
  readonly now: Instant;
}

export type ToBeatThread =
  | { readonly kind: 'status'; readonly id: number }
  /** Answered with `refused`, or, when nothing speaks against it, with `accepted`. */
  | { readonly kind: 'switch'; readonly id: number; readonly to: number | undefined }
  | { readonly kind: 'drain'; readonly id: number; readonly drained: boolean }
  /** Other candidates or forwards, or another preemption; what its sockets hang on stays the same. */
  | { readonly kind: 'config'; readonly config: GatewayConfig; readonly rulesetShape: string }
  /** As in the data that it is started with. */
  | { readonly kind: 'keys'; readonly keys: readonly Uint8Array[] }
  /** The process of conntrackd, to be killed before an address goes; 0: none runs. */
  | { readonly kind: 'conntrackd'; readonly pid: number }
  /** Hand over, tidy up, and answer `stopped`. */
  | { readonly kind: 'stop' };

export type FromBeatThread =
  | LogEffect
  /** It begins, and is scheduled so. */
  | { readonly kind: 'beating'; readonly policy: string; readonly priority: number }
  | { readonly kind: 'status'; readonly id: number; readonly status: BeatThreadStatus }
  | { readonly kind: 'answer'; readonly id: number; readonly refused: string | undefined }
  | { readonly kind: 'conntrack'; readonly mode: ConntrackMode; readonly partner: number | undefined }
  | { readonly kind: 'role'; readonly role: HostRole; readonly partner: number | undefined }
  | { readonly kind: 'timeline'; readonly record: TakeoverRecord; readonly now: Instant }
  | { readonly kind: 'save-epoch'; readonly epoch: number }
  | { readonly kind: 'stopped' };
