// JP, power: blades are switched by `metamaster power` and its controllers; the whole rack shuts down in order, which leaves every file system
// clean and gives every volume back: another blade takes one over without a fence, and gives it back; and the rack starts again from nothing,
// one blade from the disc and the others from that one.

import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { valueOf } from '../../daemons/core/problem.ts';
import { run } from '../../daemons/host/run.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { chooseLabel, LABEL_OFFSETS, LABELLED_KINDS } from '../../daemons/storage/volume-label.ts';
import { PATIENCE, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { checkNode } from './j1-spark-plug.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

const NODES = [1, 2, 3] as const;
/** The node whose power is cut and proved off. */
const CUT = 3;
/** Of root and state volume: both must be given back whole. */
const KEPT = ['/root/kept-over-the-night', '/var/lib/metamaster/kept-over-the-night'];
/**
 * What is left of an orderly shutdown on a console: the kernel's last line, and QEMU's word that the guest asked for it. They come by two
 * sockets, in either order.
 */
const SHUT_DOWN = /(?=[\s\S]*reboot: Power down)(?=[\s\S]*# shutdown \(guest-shutdown\))/;
const CONSOLE_MS = 10_000;
/** What the end of a shutdown says: which volumes were given back, and after a semicolon those that were not. */
const GIVEN_BACK = /mm-stage down given back: (.*)/;
/** The node whose blade breaks, and the blade that is put in its place: not of the roster, with another mainboard and network card. */
const REPLACED = 2;
const STRANGER = 6;
const SHUTDOWN_MS = 180_000;

/** What `metamaster power --json` says of one node. */
interface NodePower {
  readonly node: number;
  readonly ok: boolean;
  readonly state: string;
  readonly provedOff: boolean;
  readonly forced: boolean;
  readonly reason: string;
}

/** Runs `metamaster power` as an administrator would beside the rack. @throws Error when it ends with another exit code than 0 */
async function power(config: string, ...words: readonly string[]): Promise<NodePower[]> {
  const { code, output, errorOutput } = await run([process.execPath, '--disable-warning=ExperimentalWarning', 'scripts/metamaster.ts', 'power', ...words, '--json', '--config', config], { accept: 'any' });
  if (code !== 0) throw new Error(`metamaster power ${words.join(' ')}: exit code ${code}: ${errorOutput.trim()} ${output.trim()}`);
  return (JSON.parse(output) as { nodes: NodePower[] }).nodes;
}

const states = (nodes: readonly NodePower[]): string => nodes.map(({ node, state }) => `${node} ${state}`).join(', ');
const all = (state: string): string => NODES.map((node) => `${node} ${state}`).join(', ');

/** What e2fsck said at a node's last boot, of its root and its state volume. */
const checked = (cluster: Cluster, node: number): string[] => [...cluster.rack.consoleText(node).matchAll(/^ *e2fsck: (.*)$/gm)].map((match) => match[1]!);

/** What the labels of these nodes' volumes say, as they lie on the SAN: `node1 down, state1 down, …`. */
function labelStates(cluster: Cluster, nodes: readonly number[]): string {
  const { registry, ranges } = cluster.readSan();
  const labelled = registry.volumes.filter(({ kind, node, retired }) => LABELLED_KINDS.some((one) => one === kind) && nodes.some((number) => number === node) && retired === undefined);
  return cluster.withSan((read) => labelled.map((volume) => {
    const [first, second] = LABEL_OFFSETS.map((offset) => read(diskOffset(volume, registry.extentBytes, ranges.container.firstSector, offset), BLOCK_BYTES));
    return `${volume.name} ${valueOf(chooseLabel(first!, second!, volume.name)).label.state}`;
  }).join(', '));
}

/** Every volume of these nodes says `down`, and the console of each blade that all was given back. */
function checkGivenBack(cluster: Cluster, nodes: readonly number[], bladeOf: (node: number) => number): void {
  const states = labelStates(cluster, nodes);
  expectThat('every label says down', states !== '' && states.split(', ').every((state) => state.endsWith(' down')), states);
  for (const node of nodes) {
    const [, said = 'nothing'] = GIVEN_BACK.exec(cluster.rack.consoleText(bladeOf(node))) ?? [];
    expectThat(`node ${node}: root and state volume were given back, and nothing was kept`, [`node${node}.store`, `node${node}.state`].every((name) => said.split(' ').includes(name)) && !said.includes('kept'), said);
  }
}

export async function orderlyPower(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const config = join(rack.identity.stateDir, 'power.json');
  await journey.stage('controllers: the virtual rack itself', async () => {
    const name = basename(rack.identity.stateDir);
    const nodes = Object.fromEntries(NODES.map((node) => [String(node), { kind: 'rack', program: resolve('scripts/rack'), name, blade: node }]));
    writeFileSync(config, JSON.stringify({ nodes }));
    expectEqual('what the controllers say', states(await power(config, 'status')), all('on'));
  });
  await journey.stage(`node ${CUT}: a power cycle is a power cut, which its file systems mend`, async () => {
    const [cycled] = await power(config, 'cycle', String(CUT), '--yes');
    expectThat('it is on again', cycled?.ok === true && cycled.state === 'on', cycled);
    await cluster.serving(CUT);
    expectThat('its journals were recovered: the check tells a cut from a shutdown', checked(cluster, CUT).some((line) => line.includes('recovering journal')), checked(cluster, CUT));
  });
  await journey.stage(`node ${CUT}: proved off, while it runs and when it is off already; then on`, async () => {
    for (const what of ['while it runs', 'when it is off']) {
      const [off] = await power(config, 'off', String(CUT), '--prove', '--yes');
      expectThat(`proved off ${what}`, off?.provedOff === true && off.state === 'off', off);
      journey.note(`${what}: ${off!.reason}`);
    }
    const blade = (await rack.status()).blades.find(({ number }) => number === CUT);
    expectEqual('its power, by the rack', String(blade?.power), 'off');
    await power(config, 'on', String(CUT));
    await cluster.serving(CUT);
  });
  await journey.stage('the whole rack shuts down in order', async () => {
    for (const node of NODES) {
      await cluster.ssh(node, 'systemctl is-system-running --wait || true');
      // Not synced: the shutdown itself must bring it to the SAN.
      await cluster.ssh(node, KEPT.map((file) => `echo "kept by node ${node}" > ${file}`).join('; '));
    }
    const start = performance.now();
    const nodes = await power(config, 'shutdown', '--all', '--yes');
    journey.measured['shutdown of three nodes, s'] = Math.round((performance.now() - start) / 100) / 10;
    for (const { node, ok, forced, state, reason } of nodes) expectEqual(`node ${node}: done, forced, state`, `${ok} ${forced} ${state}`, `true false off${ok && !forced ? '' : `: ${reason}`}`);
    for (const node of NODES) await rack.waitForConsole(node, SHUT_DOWN, { timeoutMs: CONSOLE_MS });
    expectEqual('what the controllers say', states(await power(config, 'status')), all('off'));
  });
  await journey.stage('every label on the SAN says that its volume was given back', async () => checkGivenBack(cluster, NODES, (node) => node));
  await journey.stage(`another blade takes node ${REPLACED}'s volumes over at once, without a fence, and gives them back`, async () => {
    await cluster.bootDiscEdited(STRANGER, `mm.node=${REPLACED}`);
    await rack.waitForConsole(STRANGER, /mm-stage root \S+/, { timeoutMs: PATIENCE.serveMs });
    expectThat('its claim was not refused once', !rack.consoleText(STRANGER).includes('mm-stage initrd claim failed'), rack.consoleText(STRANGER).slice(-500));
    expectEqual('the files there', await cluster.ssh(REPLACED, `cat ${KEPT.join(' ')}`), KEPT.map(() => `kept by node ${REPLACED}`).join('\n'));
    expectThat('its labels say live', labelStates(cluster, [REPLACED]).split(', ').every((state) => state.endsWith(' live')), labelStates(cluster, [REPLACED]));
    await cluster.ssh(REPLACED, 'systemctl is-system-running --wait || true');
    // The connection must not end in the middle of the command.
    await cluster.ssh(REPLACED, '(sleep 1; systemctl poweroff) > /dev/null 2>&1 < /dev/null &');
    await rack.waitForConsole(STRANGER, SHUT_DOWN, { timeoutMs: SHUTDOWN_MS });
    checkGivenBack(cluster, [REPLACED], () => STRANGER);
    await rack.dvdOut(STRANGER);
  });
  await journey.stage('cold start: blade 1 from the disc, the others from the network', async () => {
    await rack.dvdIn(1, cluster.disc);
    const start = performance.now();
    expectEqual('what the controllers say', states(await power(config, 'on', '--all')), all('on'));
    await rack.waitForConsole(1, /Debug console/, { timeoutMs: PATIENCE.menuMs });
    await rack.type(1, 'b');
    for (const node of NODES) await cluster.serving(node);
    journey.measured['cold start, power-on to three nodes that serve, s'] = Math.round((performance.now() - start) / 100) / 10;
    await rack.dvdOut(1);
  });
  await journey.stage('nothing was lost, and nothing had to be mended', async () => {
    for (const node of NODES) {
      const said = checked(cluster, node);
      expectThat(`node ${node}: root and state volume were clean`, said.length === 2 && said.every((line) => /: clean, /.test(line)), said);
      expectEqual(`node ${node}: its files`, await cluster.ssh(node, `cat ${KEPT.join(' ')}`), KEPT.map(() => `kept by node ${node}`).join('\n'));
      await checkNode(cluster, node);
      await cluster.ssh(node, `rm ${KEPT.join(' ')}`);
    }
  });
}
