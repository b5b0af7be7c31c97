// J9, hot swap: a blade dies, and another machine becomes that node in one power-on, with its root, name and keys, while the other nodes are under
// load; the old machine comes back and is refused; told otherwise, it takes its place again.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { checkNode } from './j1-spark-plug.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { Witnesses } from './witnesses.ts';

/** The node that changes its machine; its blade has the same number. */
const SWAPPED = 3;
/** A blade beyond the roster: other MAC, other mainboard. */
const SPARE = 6;
const FROM = 1;
const MARK = '/root/of-the-former-machine';
/** The former owner's record is watched for 30 s before the command waits for the new machine. */
const WATCHED_S = 120;
/** Of a node's log, for what it said of late. */
const LOOKED_LINES = 400;
const REFUSED_MS = 120_000;

interface Replaced {
  readonly macs: readonly string[];
  readonly fence: string;
  readonly result: string;
}

const hostKey = (cluster: Cluster): Promise<string> => cluster.ssh(SWAPPED, 'cat /etc/ssh/ssh_host_ed25519_key.pub');

/** Starts the command on a node, and returns once it waits for a machine. */
async function startReplacing(cluster: Cluster): Promise<void> {
  await cluster.ssh(FROM, `setsid sh -c 'metamaster node replace ${SWAPPED} --fenced --yes --json > /run/replace.out 2> /run/replace.log; echo $? > /run/replace.code' > /dev/null 2>&1 < /dev/null & true`);
  const said = await cluster.ssh(FROM, `for i in $(seq ${WATCHED_S}); do grep -q 'Waiting for a machine' /run/replace.log && break; [ -s /run/replace.code ] && break; sleep 1; done; cat /run/replace.log`);
  expectThat('the command waits for a machine', said.includes('Waiting for a machine'), said);
}

async function replaced(cluster: Cluster): Promise<Replaced> {
  const out = await cluster.ssh(FROM, 'for i in $(seq 60); do [ -s /run/replace.code ] && break; sleep 1; done; cat /run/replace.out /run/replace.log');
  expectEqual('exit code of node replace', await cluster.ssh(FROM, 'cat /run/replace.code; rm /run/replace.*'), '0');
  return JSON.parse(out.slice(0, out.indexOf('\n'))) as Replaced;
}

export async function hotSwap(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const { id } = rack.identity;
  await journey.stage(`blade ${SWAPPED} dies; blade ${SPARE} is switched on, and is node ${SWAPPED}`, async () => {
    const witnesses = await Witnesses.start(cluster, [1, 2]);
    await cluster.ssh(SWAPPED, `echo mine > ${MARK}; sync`);
    const key = await hostKey(cluster);
    await cluster.powerOff(SWAPPED);
    await startReplacing(cluster);
    await rack.powerOn(SPARE);
    journey.measured['another machine, power-on to serving as the node, s'] = Math.round((await cluster.serving(SPARE)) * 10) / 10;
    const { macs, fence, result } = await replaced(cluster);
    expectEqual('what the command says', `${result} ${fence} ${macs.join()}`, `done word ${bladeMac(id, SPARE)}`);
    await checkNode(cluster, SWAPPED);
    expectEqual('its root is the former one', await cluster.ssh(SWAPPED, `cat ${MARK}`), 'mine');
    expectEqual('its host key', await hostKey(cluster), key);
    expectThat('it is the other machine', (await cluster.ssh(SWAPPED, 'cat /sys/class/net/*/address')).includes(bladeMac(id, SPARE)), 'another card');
    await witnesses.stop();
  });
  await journey.stage('the old machine comes back, and is refused', async () => {
    await rack.powerOn(SWAPPED);
    const mac = bladeMac(id, SWAPPED);
    const seen = `for i in $(seq 60); do journalctl -u metamasterd -n ${LOOKED_LINES} --no-pager | grep MM-DHCP-BARRED | grep -q ${mac} && echo refused && break; sleep 1; done`;
    expectEqual('a node says so', (await Promise.all([1, 2].map((node) => cluster.ssh(node, seen)))).find((word) => word === 'refused') ?? 'nobody', 'refused');
    await cluster.powerOff(SWAPPED);
    await cluster.bootDisc(SWAPPED, 'b');
    await rack.waitForConsole(SWAPPED, /MM-BOOT-BARRED[\s\S]*what to do: \S/, { timeoutMs: REFUSED_MS });
    await cluster.powerOff(SWAPPED);
    await rack.dvdOut(SWAPPED);
    await checkNode(cluster, SWAPPED);
  });
  await journey.stage('told otherwise, and the spare one shut down in order: it takes its place again, and nobody has to be fenced', async () => {
    await cluster.ssh(FROM, `metamaster node unbar ${bladeMac(id, SWAPPED)} --yes`);
    journey.note(await cluster.shutDown(SPARE));
    const out = await cluster.ssh(FROM, `metamaster node replace ${SWAPPED} --mac ${bladeMac(id, SWAPPED)} --no-fence-power --yes --json 2> /dev/null`);
    expectEqual('what the command says', (JSON.parse(out) as Replaced).result, 'done');
    await rack.powerOn(SWAPPED);
    await cluster.serving(SWAPPED);
    await checkNode(cluster, SWAPPED);
    expectEqual('its root', await cluster.ssh(SWAPPED, `cat ${MARK}; rm ${MARK}`), 'mine');
    // The spare machine is a stranger again, for whoever comes next.
    await cluster.ssh(FROM, `metamaster node unbar ${bladeMac(id, SPARE)} --yes`);
  });
}
