// The invariants of DHCP among equals.

import type { Invariant, Judged } from './checker.ts';
import { PACKET_MAX_MS, READ_REGISTRY_MAX_MS, STARVE_MAX_MS } from './limits.ts';
import { type Observation, sameNumbers } from './observation.ts';

/** The client's retransmission at which everybody answers. */
const SECOND_RETRANSMISSION = 2;
/** From a DISCOVER to its OFFER at the blade. */
const ANSWER_MS = PACKET_MAX_MS + STARVE_MAX_MS + PACKET_MAX_MS;

type Seen<Kind extends Observation['kind']> = Observation & { kind: Kind };

/** Servers whose answer to this blade nothing can keep from it since then; drained ones are left to their own rule. */
const servers = ({ rack }: Judged, blade: number, sinceMs: number): readonly number[] =>
  rack.running().filter((node) => !rack.isDrained(node) && rack.bothWholeSinceMs(node, blade) <= sinceMs && rack.drainedSinceMs + READ_REGISTRY_MAX_MS <= sinceMs);

/** Every DISCOVER of a known blade is answered within its first two retransmissions, as long as a node that serves is connected to it. */
const answered: Invariant = {
  name: 'every DISCOVER is answered',
  check(judged) {
    const asking = new Map<number, { readonly firstMs: number; lastMs: number; tries: number }>();
    const { rack } = judged;
    return {
      observe(atMs, seen) {
        if (seen.kind === 'discover') {
          if (seen.tries === 0) asking.set(seen.node, { firstMs: atMs, lastMs: atMs, tries: 0 });
          else Object.assign(asking.get(seen.node)!, { lastMs: atMs, tries: seen.tries });
        }
        if (seen.kind === 'choice' || seen.kind === 'in-vain' || seen.kind === 'state') asking.delete(seen.node);
        return undefined;
      },
      sample(atMs) {
        for (const [blade, { firstMs, lastMs, tries }] of asking) {
          if (tries < SECOND_RETRANSMISSION || atMs - lastMs <= ANSWER_MS || rack.state(blade) !== 'asking') continue;
          const [server] = servers(judged, blade, firstMs);
          if (server !== undefined) return `${blade} has asked since ${(firstMs / 1000).toFixed(3)} s, twice more by now; ${server} serves and was connected to it all the time, and nobody's OFFER came`;
        }
        return undefined;
      },
    };
  },
};

/** In the calm case one server answers the first DISCOVER, and only one. */
const oneOffer: Invariant = {
  name: 'one OFFER when all is calm',
  check(judged) {
    const { calmSinceMs, rack, views } = judged;
    /** What servers remember of a blade that asked before may differ among them, so only its very first start counts. */
    const known = new Set<number>();
    const open = new Map<number, { readonly atMs: number; readonly by: number[] }>();
    return {
      observe(atMs, seen) {
        if (seen.kind === 'answer' && seen.message === 'OFFER') open.get(seen.blade)?.by.push(seen.node);
        if (seen.kind !== 'discover' || known.has(seen.node)) return undefined;
        known.add(seen.node);
        const running = rack.running();
        const allAgree = running.every((node) => sameNumbers(running, views.get(node)?.serving ?? []) && views.get(node)!.suspects.length === 0);
        if (running.some((node) => node !== seen.node) && allAgree && atMs - calmSinceMs() > READ_REGISTRY_MAX_MS) open.set(seen.node, { atMs, by: [] });
        return undefined;
      },
      sample(atMs) {
        for (const [blade, { atMs: askedMs, by }] of open) {
          if (calmSinceMs() > askedMs) open.delete(blade);
          else if (atMs - askedMs > ANSWER_MS) {
            open.delete(blade);
            if (by.length !== 1) return `${blade} asked for the first time while all was calm, and ${by.length === 0 ? 'nobody' : by.join(', ')} made an OFFER`;
          }
        }
        return undefined;
      },
    };
  },
};

/** Of several OFFERs one wins: only the chosen server acknowledges. */
const oneAcknowledgement: Invariant = {
  name: 'only the chosen server acknowledges',
  check() {
    const chosen = new Map<number, number>();
    return {
      observe(_atMs, seen) {
        if (seen.kind === 'choice') chosen.set(seen.node, seen.server);
        const wrong = seen.kind === 'answer' && seen.message !== 'OFFER' && chosen.get(seen.blade) !== seen.node;
        return wrong ? `${(seen as Seen<'answer'>).node} sent ${(seen as Seen<'answer'>).message} to ${(seen as Seen<'answer'>).blade}, which chose ${chosen.get((seen as Seen<'answer'>).blade) ?? 'nobody'}` : undefined;
      },
    };
  },
};

/** A drained node makes no OFFER while its membership says that another one serves. */
const drainedSilent: Invariant = {
  name: 'a drained node is silent',
  check({ rack, views }) {
    return {
      observe(atMs, seen) {
        if (seen.kind !== 'answer' || seen.message !== 'OFFER' || !rack.isDrained(seen.node) || atMs - Math.max(rack.drainedSinceMs, rack.steadySinceMs(seen.node)) <= READ_REGISTRY_MAX_MS) return undefined;
        const { serving = [], suspects = [] } = views.get(seen.node) ?? {};
        const other = serving.find((node) => node !== seen.blade && node !== seen.node && !rack.isDrained(node) && !suspects.includes(node));
        return other === undefined ? undefined : `${seen.node} is drained and made ${seen.blade} an OFFER, though it knows that ${other} serves`;
      },
    };
  },
};

export const DHCP_INVARIANTS: readonly Invariant[] = [answered, oneOffer, oneAcknowledgement, drainedSilent];
