// J9A, the swap without a hand: a node's number is opened, its machine hangs, its power controller proves it off, and the spare blade that asks
// becomes that node.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { SILENT_MS } from '../../daemons/agent/replacement.ts';
import { POWER_CONFIG } from '../../daemons/power-controllers.ts';
import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { SAN_ADDRESS } from '../../scripts/virtual-rack/network-plan.ts';
import type { VirtualRack } from '../../scripts/virtual-rack/rack.ts';
import { checkNode } from './j1-spark-plug.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

/** The node whose machine hangs; its blade has the same number. */
const SWAPPED = 3;
/** A blade beyond the roster. */
const SPARE = 10;
/** Any of these may be the one that acts. */
const OTHERS = [1, 2] as const;
const MARK = '/root/of-the-machine-that-hung';
const PASSWORD_FILE = '/etc/metamaster/bmc.password';
const BMC_START_MS = 60_000;
/** Behind the five minutes of silence: the fence, 30 s of watching, the registry, and a round of the spare one's ROM. */
const SWAP_MS = SILENT_MS + 400_000;

interface Bmc {
  readonly port: string;
  readonly fingerprint: string;
  readonly user: string;
  readonly password: string;
  stop(): Promise<void>;
}

async function startBmc(rack: VirtualRack): Promise<Bmc> {
  const folder = join(rack.identity.stateDir, 'bmc');
  mkdirSync(folder, { recursive: true });
  const [command, ...argv] = rack.inRoom('san', [process.execPath, '--disable-warning=ExperimentalWarning', 'test/journeys/rack-bmc.test-kit.ts', rack.identity.stateDir.split('/').at(-1)!, String(SWAPPED), folder]);
  const child = spawn(command!, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const ready = new Promise<string>((done) => createInterface({ input: child.stdout }).once('line', done));
  const line = await Promise.race([ready, ended.then(() => 'it ended'), sleep(BMC_START_MS, 'nothing in time', { ref: false })]);
  const [, port, fingerprint, user, password] = /^ready (\d+) ([0-9A-F:]+) (\S+) (\S+)$/.exec(line) ?? [];
  if (port === undefined || fingerprint === undefined || user === undefined || password === undefined) {
    await stop();
    throw new Error(`the management controller must say that it is ready; seen ${line}`);
  }
  return { port, fingerprint, user, password, stop };
}

export async function automaticSwap(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const { id } = rack.identity;
  const [former, spare] = [bladeMac(id, SWAPPED), bladeMac(id, SPARE)];
  const bmc = await startBmc(rack);
  try {
    await journey.stage(`node ${SWAPPED}'s number is opened; each other node knows its power controller`, async () => {
      const config = { nodes: { [SWAPPED]: { kind: 'redfish', url: `https://${SAN_ADDRESS}:${bmc.port}`, user: bmc.user, passwordFile: PASSWORD_FILE, fingerprint: bmc.fingerprint } } };
      for (const node of OTHERS) {
        await cluster.ssh(node, `umask 077; echo ${bmc.password} > ${PASSWORD_FILE}; echo '${JSON.stringify(config)}' > ${POWER_CONFIG}`);
        const { nodes: [status] } = JSON.parse(await cluster.ssh(node, `metamaster power status ${SWAPPED} --json`)) as { nodes: readonly { state: string }[] };
        expectEqual(`what it says to node ${node}`, status?.state ?? 'nothing', 'on');
      }
      await cluster.ssh(SWAPPED, `echo mine > ${MARK}; sync`);
      await cluster.ssh(OTHERS[0], `metamaster node open ${SWAPPED} --auto --yes`);
    });
    await journey.stage(`its machine hangs; blade ${SPARE} asks for a boot, and is the node without a hand`, async () => {
      await rack.freeze(SWAPPED, true);
      const start = performance.now();
      await rack.powerOn(SPARE);
      await rack.waitForConsole(SPARE, /mm-stage serving/, { timeoutMs: SWAP_MS });
      journey.measured['from the hang to serving on another machine, five minutes of silence included, s'] = Math.round((performance.now() - start) / 100) / 10;
      expectEqual('the machine that hung', String((await rack.status()).blades.find(({ number }) => number === SWAPPED)?.power), 'off');
      await checkNode(cluster, SWAPPED);
      expectEqual('its root', await cluster.ssh(SWAPPED, `cat ${MARK}; rm ${MARK}`), 'mine');
      const { nodes, barred } = JSON.parse(await cluster.ssh(OTHERS[0], 'metamaster node list --json 2> /dev/null')) as { nodes: readonly { number: number; macs: readonly string[] }[]; barred: readonly { macs: readonly string[] }[] };
      expectEqual('its cards', nodes.find(({ number }) => number === SWAPPED)!.macs.join(), spare);
      expectThat('the former machine is barred', barred.some(({ macs }) => macs.includes(former)), barred);
    });
  } finally {
    await bmc.stop();
  }
  await journey.stage('all as before', async () => {
    for (const node of OTHERS) await cluster.ssh(node, `rm ${POWER_CONFIG} ${PASSWORD_FILE}`);
    await cluster.ssh(OTHERS[0], `metamaster node unbar ${former} --yes`);
    await cluster.shutDown(SPARE);
    await cluster.ssh(OTHERS[0], `metamaster node replace ${SWAPPED} --mac ${former} --no-fence-power --yes && metamaster node unbar ${spare} --yes`);
    await rack.powerOn(SWAPPED);
    await cluster.serving(SWAPPED);
    await checkNode(cluster, SWAPPED);
  });
}
