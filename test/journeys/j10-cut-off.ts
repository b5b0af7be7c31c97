// J10, the cut-off blade: it loses the boot network and not its SAN, and goes on writing. Nobody gets its volumes while it writes, whatever the
// operator says; while it hangs, and nothing proves it off, another machine gets a copy; and what it writes when it wakes changes nothing.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { bootId, good, startLoad, stopLoad } from './j7-san-outages.ts';
import { checkNode } from './j1-spark-plug.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { Witnesses } from './witnesses.ts';

/** The node that is cut off; its blade has the same number. */
const CUT = 3;
/** A blade beyond the roster. */
const SPARE = 9;
const FROM = 1;
const MARK = '/root/before-it-hung';
/** A node is silent for some seconds before it counts as dead. */
const DEAD_S = 60;
/** The former machine reads the registry once a minute where it hears nobody. */
const STOPPED_MS = 180_000;
/** Of a node's log, for what it said of late. */
const LOOKED_LINES = 400;
const REFUSED_MS = 180_000;

interface Replaced {
  readonly result: string;
  readonly quarantined: readonly { readonly name: string; readonly uuid: string }[];
}

interface Listed {
  readonly generation: number;
  readonly nodes: readonly { readonly number: number; readonly alive: boolean }[];
}

const listed = async (cluster: Cluster): Promise<Listed> => JSON.parse(await cluster.ssh(FROM, 'metamaster node list --json 2> /dev/null')) as Listed;

/** A replacement that must be refused, and why it was. */
async function refusedReplacement(cluster: Cluster, options: string): Promise<string> {
  return cluster.ssh(FROM, `metamaster node replace ${CUT} --mac ${bladeMac(cluster.rack.identity.id, SPARE)} ${options} --yes > /run/replace.log 2>&1; echo "exit code $?" >> /run/replace.log; cat /run/replace.log; rm /run/replace.log`);
}

/** SHA-256 of volumes, as they lie on the SAN now. */
function hashes(cluster: Cluster, uuids: readonly string[]): readonly string[] {
  const found = cluster.readSan();
  return uuids.map((uuid) => cluster.hashVolume(found, found.registry.volumes.find((volume) => volume.uuid === uuid)!));
}

export async function cutOffBlade(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const { id } = rack.identity;
  const macs = { former: bladeMac(id, CUT), spare: bladeMac(id, SPARE) };
  const witnesses = await Witnesses.start(cluster, [1, 2]);
  let left: Replaced['quarantined'] = [];
  await journey.stage(`blade ${CUT} loses all but the SAN and goes on writing: its volumes are nobody else's, not even by a wrong word`, async () => {
    await startLoad(cluster, CUT);
    const boot = await bootId(cluster, CUT);
    await rack.cutOff(CUT, true);
    await cluster.ssh(FROM, `for i in $(seq ${DEAD_S}); do metamaster node list 2> /dev/null | grep -q '^ *${CUT} .* serving' || break; sleep 1; done`);
    const { generation, nodes } = await listed(cluster);
    expectEqual('the others take it for dead', String(nodes.find(({ number }) => number === CUT)!.alive), 'false');
    for (const [options, wanted] of [['--no-fence-power', 'MM-HANDOVER-OWNER'], ['--fenced', 'MM-HANDOVER-OWNER'], ['--quarantine', 'MM-QUARANTINE-MOVES']] as const) {
      const said = await refusedReplacement(cluster, options);
      expectThat(`node replace ${options} is refused`, said.includes(wanted) && said.endsWith('exit code 1'), said);
    }
    expectEqual('the registry is as it was', String((await listed(cluster)).generation), String(generation));
    const before = await good(cluster, CUT);
    expectThat('it goes on writing', await cluster.ssh(CUT, `for i in $(seq 60); do [ "$(cat /run/load.good)" -gt ${before} ] && echo goes-on && break; sleep 1; done`) === 'goes-on', before);
    expectEqual('in the same boot, without an error', `${await bootId(cluster, CUT)} ${await cluster.ssh(CUT, 'cat /run/load.bad 2> /dev/null || true')}`.trim(), boot);
  });
  await journey.stage('it hangs, and nothing proves it off: what it has is copied, and its own volumes are quarantined', async () => {
    await cluster.ssh(CUT, `echo mine > ${MARK}; sync`);
    await rack.freeze(CUT, true);
    const said = await refusedReplacement(cluster, '--no-fence-power');
    expectThat('without a fence its own volumes are not handed over', said.includes('MM-HANDOVER-OWNER') && said.endsWith('exit code 1'), said);
    const start = performance.now();
    const replaced = JSON.parse(await cluster.ssh(FROM, `metamaster node replace ${CUT} --quarantine --mac ${macs.spare} --yes --json 2> /dev/null`)) as Replaced;
    journey.measured['a replacement by a copy, watching included, s'] = Math.round((performance.now() - start) / 100) / 10;
    expectEqual('what the command says', replaced.result, 'done');
    left = replaced.quarantined;
    expectThat('what is in quarantine', left.length >= 2, left);
  });
  await journey.stage('it wakes: what it writes goes to the quarantined volumes, no byte of the copies changes, and it stops by itself', async () => {
    const before = left.map(({ uuid }) => uuid);
    const copies = cluster.readSan().registry.volumes.filter(({ node, retired }) => node === CUT && retired === undefined).map(({ uuid }) => uuid);
    const [formerBefore, copiesBefore] = [hashes(cluster, before), hashes(cluster, copies)];
    const { length } = rack.consoleText(CUT);
    await rack.freeze(CUT, false);
    await rack.waitForConsole(CUT, /mm-stage stopped MM-AGENT-QUARANTINED/, { timeoutMs: STOPPED_MS, after: length });
    expectThat('it wrote late', hashes(cluster, before).join() !== formerBefore.join(), formerBefore);
    expectEqual('the copies', hashes(cluster, copies).join(), copiesBefore.join());
  });
  await journey.stage(`blade ${SPARE} is node ${CUT}; the former one is refused when its network is mended`, async () => {
    await rack.powerOn(SPARE);
    await cluster.serving(SPARE);
    await checkNode(cluster, CUT);
    expectEqual('what was written before it hung', await cluster.ssh(CUT, `cat ${MARK}`), 'mine');
    await rack.cutOff(CUT, false);
    const seen = `for i in $(seq ${REFUSED_MS / 1000}); do journalctl -u metamasterd -n ${LOOKED_LINES} --no-pager | grep MM-DHCP-BARRED | grep -q ${macs.former} && echo refused && break; sleep 1; done`;
    expectThat('a node says so', (await Promise.all([1, 2, CUT].map((node) => cluster.ssh(node, seen)))).includes('refused'), 'nobody');
    await cluster.powerOff(CUT);
    await witnesses.stop();
  });
  await journey.stage('all as before: the room is given back, and the former blade is the node again', async () => {
    await cluster.ssh(FROM, `metamaster node release ${left.map(({ uuid }) => uuid).join(' ')} --fenced --yes && metamaster node unbar ${macs.former} --yes`);
    await cluster.ssh(CUT, `rm ${MARK}`);
    await cluster.shutDown(SPARE);
    await cluster.ssh(FROM, `metamaster node replace ${CUT} --mac ${macs.former} --no-fence-power --yes`);
    await cluster.ssh(FROM, `metamaster node unbar ${macs.spare} --yes`);
    await rack.powerOn(CUT);
    await cluster.serving(CUT);
    await checkNode(cluster, CUT);
    await stopLoad(cluster, CUT);
  });
}
