// J11, growth: two blades more become nodes while the others run, serve, and leave again; nobody is started anew.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { Witnesses } from './witnesses.ts';

/** Blades that no node knows. */
const NEW_BLADES = [7, 8] as const;
const FROM = 1;
const STAYING = [1, 2] as const;
/** A running node hears of a new registry from the others, within seconds. */
const FOLLOW_S = 60;

interface Added {
  readonly node: number;
  readonly name: string;
  readonly result: string;
}

const listed = async (cluster: Cluster): Promise<readonly number[]> => (JSON.parse(await cluster.ssh(FROM, 'metamaster node list --json 2> /dev/null')) as { nodes: readonly { number: number }[] }).nodes.map(({ number }) => number);
const hostsHave = (cluster: Cluster, node: number, name: string, wanted: boolean): Promise<string> =>
  cluster.ssh(node, `for i in $(seq ${FOLLOW_S}); do grep -qw ${name} /etc/hosts && seen=there || seen=absent; [ $seen = ${wanted ? 'there' : 'absent'} ] && break; sleep 1; done; echo $seen`);

export async function growth(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const before = await listed(cluster);
  const witnesses = await Witnesses.start(cluster, STAYING);
  const added = new Map<number, Added>();
  for (const blade of NEW_BLADES) {
    await journey.stage(`blade ${blade} becomes a node`, async () => {
      const answer = JSON.parse(await cluster.ssh(FROM, `metamaster node add --mac ${bladeMac(rack.identity.id, blade)} --yes --json 2> /dev/null`)) as Added;
      expectEqual('what the command says', answer.result, 'done');
      added.set(blade, answer);
      await rack.powerOn(blade, { memory: '512M' });
      await cluster.serving(blade);
      expectEqual('its name', await cluster.ssh(answer.node, 'hostname'), answer.name);
      for (const node of STAYING) expectEqual(`node ${node} knows its name`, await hostsHave(cluster, node, answer.name, true), 'there');
    });
  }
  await journey.stage('the number of nobody else has changed', async () => {
    expectEqual('nodes', (await listed(cluster)).join(), [...before, ...Array.from(added.values(), ({ node }) => node)].toSorted((a, b) => a - b).join());
  });
  for (const blade of NEW_BLADES.toReversed()) {
    await journey.stage(`blade ${blade} leaves: drained, shut down, removed`, async () => {
      const { node, name } = added.get(blade)!;
      await cluster.ssh(FROM, `metamaster node drain ${node} --yes`);
      await cluster.shutDown(blade);
      const answer = JSON.parse(await cluster.ssh(FROM, `metamaster node remove ${node} --no-fence-power --yes --json 2> /dev/null`)) as { result: string };
      expectEqual('what the command says', answer.result, 'done');
      for (const staying of STAYING) expectEqual(`node ${staying} has forgotten its name`, await hostsHave(cluster, staying, name, false), 'absent');
    });
  }
  await journey.stage('all as before, and nobody noticed', async () => {
    expectEqual('nodes', (await listed(cluster)).join(), before.join());
    await witnesses.stop();
    expectThat('the SAN has no complaint', (await cluster.ssh(FROM, 'metamaster san check $(sed -n \'s/.*"disk": *"\\([^"]*\\)".*/\\1/p\' /run/metamaster/san.json) > /run/check.out 2>&1; echo $?')) === '0', await cluster.ssh(FROM, 'tail -5 /run/check.out'));
  });
}
