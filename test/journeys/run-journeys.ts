// Runs the journeys on one rack, in order, and prints one object: `node test/journeys/run-journeys.ts [--json] [--all] [--only J1,J2] [--keep]`.

import { parseArgs } from 'node:util';
import { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { runJourney, type Journey, type JourneyResult } from './journey.ts';
import { sparkPlug } from './j1-spark-plug.ts';
import { noMaster } from './j2-no-master.ts';
import { snapshots } from './j3-snapshots.ts';
import { deathInMidBoot } from './j4-death-in-mid-boot.ts';
import { firmwareOfAllKinds } from './j5-firmware.ts';
import { wrongInput } from './j6-wrong-input.ts';
import { fullStore } from './jf-full-store.ts';
import { longSanOutage, sanOutages } from './j7-san-outages.ts';
import { restore } from './j8-restore.ts';
import { cutOffBlade } from './j10-cut-off.ts';
import { growth } from './j11-growth.ts';
import { gateway } from './j12-gateway.ts';
import { automaticSwap } from './j9-automatic.ts';
import { hotSwap } from './j9-hot-swap.ts';
import { cacheLost } from './jc-cache-lost.ts';
import { chap } from './jk-chap.ts';
import { lateMultipath, multipath } from './jm-multipath.ts';
import { discAndLoaders } from './jd-disc-and-loaders.ts';
import { orderlyPower } from './jp-power.ts';
import { bootReports } from './jr-boot-reports.ts';
import { taggedBootNetwork } from './jv-vlan.ts';
import { nothingLeft } from './je-nothing-left.ts';

/** Every journey; `later` ones run only with --all. */
const JOURNEYS: readonly { readonly id: string; readonly title: string; readonly later?: boolean; readonly run: (cluster: Cluster, journey: Journey) => Promise<void> }[] = [
  { id: 'J1', title: 'spark plug: one disc, an empty SAN, three nodes', run: sparkPlug },
  { id: 'J2', title: 'no master: the last blade alive boots the others, whichever it is', run: noMaster },
  { id: 'J3', title: 'snapshots: own roots, one origin, one owner', run: snapshots },
  { id: 'JF', title: 'full store: warnings, a stop at once, a boot that says what to do', later: true, run: fullStore },
  { id: 'J4', title: 'death in mid-boot: the server loses power while it sends', run: deathInMidBoot },
  { id: 'J5', title: 'firmware: UEFI by PXE and by HTTP Boot, two network cards', run: firmwareOfAllKinds },
  { id: 'J6', title: 'wrong input: parameters, servers and states of the SAN, each refused in words, and nothing changed', run: wrongInput },
  { id: 'J7', title: 'the SAN goes away for a minute, by cable and by power: a stall, never an error', run: sanOutages },
  { id: 'JC', title: 'a SAN with a write cache is restarted: every node restarts, and one serves all the while', later: true, run: cacheLost },
  { id: 'J7L', title: 'the SAN goes away for five minutes, and comes ten minutes late', later: true, run: longSanOutage },
  { id: 'JK', title: 'a SAN that wants CHAP, one-way and mutual', later: true, run: chap },
  { id: 'JM', title: 'two portals: a path that is lost under load is no outage', later: true, run: multipath },
  { id: 'JML', title: 'a portal that is missing at the boot is used as soon as it is there', later: true, run: lateMultipath },
  { id: 'JR', title: 'reports: what a blade says on its way up, and when its kernel dies', run: bootReports },
  { id: 'JP', title: 'power: proofs, an orderly shutdown of the whole rack, and its cold start', later: true, run: orderlyPower },
  { id: 'J8', title: 'restore: one root, all roots, the configuration of all; nobody else notices', later: true, run: restore },
  { id: 'J9', title: 'hot swap: a blade dies, another machine is that node; the old one is refused', later: true, run: hotSwap },
  { id: 'J9A', title: 'hot swap without a hand: a power controller\'s proof, and the spare blade that asks', later: true, run: automaticSwap },
  { id: 'J10', title: 'the cut-off blade: nobody gets its volumes while it writes; what it writes late changes nothing', later: true, run: cutOffBlade },
  { id: 'J11', title: 'growth: two nodes more, and back, under load', later: true, run: growth },
  { id: 'J12', title: 'the way out: the gateway\'s holder loses power in the middle of a download, which completes', later: true, run: gateway },
  { id: 'JV', title: 'a tagged boot network: one blade\'s card on a VLAN, from the disc and over the network', later: true, run: taggedBootNetwork },
  { id: 'JD', title: 'disc and loaders: DVD and stick, BIOS and UEFI, plain PXE, TFTP alone', run: discAndLoaders },
  { id: 'JE', title: 'the end: nothing of a rack is left behind', run: nothingLeft },
];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false }, all: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false }, only: { type: 'string' },
    disc: { type: 'string', default: 'build/images/current/metamaster.iso' }, name: { type: 'string', default: 'journeys' },
  },
});
const only = values.only?.split(',');
// With --keep the rack shall stay, so the journey that takes it down is left out.
const chosen = JOURNEYS.filter(({ id }) => !values.keep || id !== 'JE').filter(({ id, later }) => (only === undefined ? values.all || later !== true : only.includes(id)));
const cluster = new Cluster({ name: values.name, disc: values.disc });
const results: JourneyResult[] = [];
try {
  for (const { id, title, run } of chosen) {
    results.push(await runJourney(id, title, (journey) => run(cluster, journey)));
    for (const [name, value] of Object.entries(results.at(-1)!.measured ?? {})) process.stderr.write(`${id}:   ${name}: ${value}\n`);
    // Each journey starts where the one before it ended; after a failure the rest would tell nothing.
    if (results.at(-1)!.passed === false) break;
  }
} finally {
  if (!values.keep) await cluster.rack.down();
}
const passed = results.filter((result) => result.passed).length;
if (values.json) process.stdout.write(`${JSON.stringify({ journeys: results })}\n`);
else for (const result of results) process.stdout.write(`${result.id} ${result.passed ? 'passed' : 'FAILED'} ${result.seconds} s\n`);
process.exitCode = passed === chosen.length ? 0 : 1;
