// The invariants of the gateway. Bounds are counted in beats, as the core's own arithmetic is (daemons/gateway/beat-timing.ts).

import { beatTiming } from '../../daemons/gateway/beat-timing.ts';
import { ANNOUNCE_AGAIN_MS } from '../../daemons/gateway/announcements.ts';
import { START_LISTEN_MS, SWITCH_WAIT_MS } from '../../daemons/gateway/succession.ts';
import { SHARED_NETWORKS } from './gateway-adapter.ts';
import type { Invariant, Judged } from './checker.ts';
import { LAN_BASE_MS, LAN_JITTER_MS, READ_REGISTRY_MAX_MS, REORDER_MAX_MS, SAVE_EPOCH_MS, STARVE_REAL_TIME_MAX_MS, TIMER_LATE_MS } from './limits.ts';
import { formatNumbers } from './number-list.ts';

/** Beats from the healing of whatever was wrong until a connected group has a gateway: three silences, and each candidate's place in line. */
export const GATEWAY_WITHIN_BEATS = 24;
/** A timer and a packet that take as long as may be. */
const LATE_MS = TIMER_LATE_MS + STARVE_REAL_TIME_MAX_MS + LAN_BASE_MS + LAN_JITTER_MS + REORDER_MAX_MS;

interface Met {
  readonly met: boolean;
  readonly sinceMs: number;
}

/** Whether two candidates hear each other on a network at least, or on none, and since when; Infinity: it is neither. */
function meeting({ rack }: Judged, atMs: number, one: number, other: number): Met {
  const [a, b] = [rack.gatewayRuns(atMs, one), rack.gatewayRuns(atMs, other)];
  const runSinceMs = Math.max(a.sinceMs, b.sinceMs, rack.delayedUntilMs);
  if (!a.runs || !b.runs) return { met: false, sinceMs: runSinceMs };
  const wholeSinceMs = Math.min(...SHARED_NETWORKS.map((network) => rack.bothCarriedSinceMs(one, other, network)));
  if (wholeSinceMs < Infinity) return { met: true, sinceMs: Math.max(wholeSinceMs, runSinceMs) };
  const closed = SHARED_NETWORKS.every((network) => !rack.isOpen(one, other, network) && !rack.isOpen(other, one, network));
  return { met: false, sinceMs: closed ? Math.max(runSinceMs, ...SHARED_NETWORKS.map((network) => rack.closedSinceMs(one, other, network))) : Infinity };
}

/** The candidates that hear each other, this one among them, and since when there is nothing in doubt about them. */
function groupOf(judged: Judged, atMs: number, node: number): { readonly members: readonly number[]; readonly sinceMs: number } {
  const others = judged.gateway.candidates.filter((other) => other !== node);
  const meetings = new Map(others.map((other) => [other, meeting(judged, atMs, node, other)]));
  const members = [node, ...others.filter((other) => meetings.get(other)!.met)];
  let sinceMs = Math.max(judged.rack.gatewayRuns(atMs, node).sinceMs, judged.rack.delayedUntilMs, ...Array.from(meetings.values(), (each) => each.sinceMs));
  for (const member of members.slice(1)) for (const other of others) {
    if (other === member) continue;
    const theirs = meeting(judged, atMs, member, other);
    sinceMs = theirs.met === members.includes(other) ? Math.max(sinceMs, theirs.sinceMs) : Infinity;
  }
  return { members, sinceMs };
}

/** Since when a running candidate has been fit for the gateway; Infinity: it is not. */
function fitSinceMs({ rack }: Judged, number: number): number {
  const { usable, sinceMs } = rack.uplink(number);
  if (!usable || rack.isDrained(number)) return Infinity;
  return Math.max(sinceMs, rack.drainedSinceMs + READ_REGISTRY_MAX_MS, rack.listenedMs(number));
}

const secondsText = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
const withinMs = ({ gateway }: Judged): number => GATEWAY_WITHIN_BEATS * gateway.setting!.beatMs + LATE_MS;

/** Two that answer for the addresses, and hear each other, do so no longer than a beat: the loser is told, and is quiet. */
const single: Invariant = {
  name: 'at most one gateway in a connected group',
  check(judged) {
    const { gateway, rack } = judged;
    const sinceMs = new Map<string, number>();
    return {
      gate(atMs, node) {
        for (const other of gateway.candidates) {
          if (other === node) continue;
          const pair = `${Math.min(node, other)} ${Math.max(node, other)}`;
          if (!gateway.answers(atMs, other) || !gateway.answers(atMs, node)) {
            sinceMs.delete(pair);
            continue;
          }
          sinceMs.set(pair, sinceMs.get(pair) ?? atMs);
          const { met, sinceMs: metMs } = meeting(judged, atMs, node, other);
          const ms = met ? atMs - Math.max(sinceMs.get(pair)!, metMs, rack.steadySinceMs(node), rack.steadySinceMs(other)) : 0;
          if (ms > 2 * gateway.setting!.beatMs + LATE_MS) return `${node} and ${other} hear each other, and both have answered for the moving addresses for ${secondsText(ms)}`;
        }
        return undefined;
      },
    };
  },
};

/** A connected group of candidates of which one is fit has a gateway, so many beats after it has come together. */
const exists: Invariant = {
  name: 'a gateway exists',
  check(judged) {
    const { gateway, rack } = judged;
    return {
      sample(atMs) {
        for (const candidate of gateway.candidates) {
          if (!rack.gatewayRuns(atMs, candidate).runs) continue;
          const fitMs = fitSinceMs(judged, candidate);
          if (atMs - fitMs <= withinMs(judged)) continue;
          const { members, sinceMs } = groupOf(judged, atMs, candidate);
          const ms = atMs - Math.max(fitMs, sinceMs, gateway.switchedAtMs, ...members.map((member) => Math.max(rack.uplink(member).sinceMs, rack.stateSinceMs(member))));
          if (ms > withinMs(judged) && !members.some((member) => gateway.answers(atMs, member))) return `${formatNumbers(members.toSorted((a, b) => a - b))} hear each other, ${candidate} is fit for the gateway, and for ${secondsText(ms)} none has answered`;
        }
        return undefined;
      },
    };
  },
};

/** Who has no way out hands over to one that has. */
const wayOut: Invariant = {
  name: 'the gateway has a way out',
  check(judged) {
    const { gateway, rack } = judged;
    return {
      sample(atMs) {
        for (const holder of gateway.answering(atMs)) {
          const { usable, sinceMs: deadMs } = rack.uplink(holder);
          if (usable) continue;
          const { members, sinceMs } = groupOf(judged, atMs, holder);
          for (const member of members) {
            const ms = atMs - Math.max(deadMs, sinceMs, fitSinceMs(judged, member), gateway.switchedAtMs);
            if (member !== holder && ms > withinMs(judged)) return `${holder} is the gateway without a way out, although ${member} has had one for ${secondsText(ms)}`;
          }
        }
        return undefined;
      },
    };
  },
};

/** Nobody takes over from a gateway that it hears, unless that has no way out, is drained, or was told to. */
const withCause: Invariant = {
  name: 'no takeover without a cause',
  check(judged) {
    const { gateway, rack } = judged;
    const tookMs = new Map<number, number>();
    return {
      observe(atMs, seen) {
        if (seen.kind !== 'takeover') return undefined;
        tookMs.set(seen.node, atMs);
        const { beatMs, preemption } = gateway.setting!;
        const quietMs = beatTiming(beatMs).deadAfterMs + LATE_MS;
        for (const holder of gateway.candidates) {
          if (holder === seen.node || !gateway.answers(atMs, holder) || preemption || atMs - gateway.switchedAtMs <= SWITCH_WAIT_MS + quietMs) continue;
          const { met, sinceMs } = meeting(judged, atMs, holder, seen.node);
          // Where packets are held back for almost as long as a silence takes, four in a row are one.
          const ms = met ? atMs - Math.max(sinceMs, rack.reorderedUntilMs, fitSinceMs(judged, holder), tookMs.get(holder) ?? 0) : 0;
          if (ms > quietMs) return `${seen.node} takes over from ${holder}, which is well and has been heard by it for ${secondsText(ms)}`;
        }
        return undefined;
      },
    };
  },
};

/** When all is calm every candidate names the same holder, and every node's ARP cache does, if it was announced to it at all. */
const agreed: Invariant = {
  name: 'all agree who the gateway is',
  check(judged) {
    const { gateway, rack, calmSinceMs } = judged;
    let tookMs = 0;
    return {
      observe(atMs, seen) {
        if (seen.kind === 'takeover') tookMs = atMs;
        return undefined;
      },
      sample(atMs) {
        if (gateway.setting === undefined || atMs - Math.max(calmSinceMs(), gateway.switchedAtMs) <= START_LISTEN_MS + withinMs(judged) + READ_REGISTRY_MAX_MS + SAVE_EPOCH_MS) return undefined;
        const [holder, rival] = gateway.answering(atMs);
        if (rival !== undefined) return `${holder} and ${rival} answer`;
        if (holder === undefined || atMs - tookMs <= withinMs(judged)) return undefined;
        for (const candidate of gateway.candidates) {
          if (rack.state(candidate) !== 'running' || gateway.status(candidate)?.holder === holder) continue;
          return `${holder} is the gateway, and ${candidate} takes ${gateway.status(candidate)?.holder ?? 'nobody'} for it`;
        }
        if (atMs - Math.max(calmSinceMs(), gateway.switchedAtMs, tookMs) <= ANNOUNCE_AGAIN_MS + withinMs(judged)) return undefined;
        const wrong = rack.running().find((host) => host !== holder && (gateway.arpOf(host) ?? holder) !== holder);
        return wrong === undefined ? undefined : `${holder} is the gateway, and the ARP cache of ${wrong} names ${gateway.arpOf(wrong)}`;
      },
    };
  },
};

export const GATEWAY_INVARIANTS: readonly Invariant[] = [single, exists, wayOut, withCause, agreed];
