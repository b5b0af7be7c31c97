// The membership of today: the liveness beacons. The counterpart of daemons/live-nodes.ts and daemons/host/beacon-socket.ts.

import type { Machine } from '../../daemons/core/machine.ts';
import { BEACON_INTERVAL_MS, type BeaconEffect, type BeaconInput, BeaconTable, DEAD_AFTER_MS } from '../../daemons/membership/beacon-table.ts';
import { BEACON_PORT } from '../../daemons/wire/beacon.ts';
import { type Adapter, fit, type Host, type MembershipFit } from './adapter.ts';
import { atMost, PACKET_MAX_MS, STARVE_MAX_MS, TIMER_LATE_MS } from './limits.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const INCARNATION_DIGITS = 16;

/** From the time when a node wants to do something until another has taken notice: both may be starved. */
const NOTICE_MS = TIMER_LATE_MS + STARVE_MAX_MS + PACKET_MAX_MS + STARVE_MAX_MS;

/** The beacon table on a node; `machine` wraps it for trials of the checkers. */
export function beaconAdapter(machine: (table: BeaconTable) => Machine<BeaconInput, BeaconEffect> = (table) => table): Adapter<BeaconInput, BeaconEffect> {
  return {
    name: 'beacons',
    ports: [BEACON_PORT],
    machine: ({ roster, generation, number: self, random }) => machine(new BeaconTable({ roster, generation, self, key: KEY, incarnation: random.hex(INCARNATION_DIGITS) })),
    due: { kind: 'tick' },
    first: [{ kind: 'tick' }],
    hear: ({ bytes }) => ({ kind: 'datagram', bytes }),
    told(news) {
      if (news.kind === 'live') return undefined;
      return news.kind === 'serving' ? { kind: 'serving', serving: true } : news;
    },
    perform(effect: BeaconEffect, host: Host): void {
      if (effect.kind === 'send-beacon') host.send({ fromPort: BEACON_PORT, port: BEACON_PORT, bytes: effect.bytes });
      if (effect.kind !== 'live') return;
      host.observe({ kind: 'view', node: host.number, alive: effect.nodes, serving: effect.serving });
      host.tell({ kind: 'live', alive: effect.nodes, serving: effect.serving });
    },
  };
}

/**
 * A beacon is heard by whoever the link to is whole, so that these bounds hold for each pair of nodes by itself. A table whose clock has
 * jumped forgives its peers' silence with its next step, which may be a beacon's interval later, and counts from then.
 */
export const beacons = (machine?: (table: BeaconTable) => Machine<BeaconInput, BeaconEffect>): MembershipFit => ({
  ...fit(beaconAdapter(machine)),
  bounds: { buriedMaxMs: atMost(BEACON_INTERVAL_MS) + NOTICE_MS, deadNoticedMs: atMost(BEACON_INTERVAL_MS + DEAD_AFTER_MS) + NOTICE_MS },
});
