// J7, the SAN goes away: an outage is a stall for those who run, a wait for those who boot, and never an error. While it lasts, the
// nodes whose roots hang still serve the boot network.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';

/** The nodes that run through the outage, under load, and the one that boots in the middle of it. */
const RUNNING = [1, 2];
const BOOTING = 3;
/** Seconds into the outage at which the booting blade loses its power and is switched on again. */
const POWER_CYCLE_AT_S = 5;
/** How long the nodes may take to go on when the SAN is back. */
const RECOVERY_MS = 120_000;

/** How long the load may take for its first round: what it reads is not in memory yet. */
const FIRST_ROUND_S = 60;

/** Writes and reads back through the root without end; what came of it is counted in memory, where no outage reaches, and in a file that is never seen empty. */
const LOAD = `
echo $$ > /run/load.pid
n=0
while :; do
  n=$((n + 1))
  if dd if=/dev/urandom of=/root/load.new bs=64k count=8 conv=fsync 2> /run/load.last && sync /root && mv /root/load.new /root/load && cat /root/load /usr/bin/ssh > /dev/null 2>> /run/load.last
  then echo "$n" > /run/load.count && mv /run/load.count /run/load.good
  else cat /run/load.last >> /run/load.bad; sleep 1
  fi
done
`;

/** Puts a node under load; errors go to /run/load.bad, the number of good rounds to /run/load.good. `from`: the address that SSH comes from. */
export async function startLoad(cluster: Cluster, node: number, from?: string): Promise<void> {
  await stopLoad(cluster, node, from);
  await cluster.ssh(node, `printf %s '${LOAD.replaceAll("'", `'\\''`)}' > /run/load.sh; rm -f /run/load.good /run/load.bad; setsid sh /run/load.sh > /dev/null 2>&1 < /dev/null & for i in $(seq ${FIRST_ROUND_S}); do [ -e /run/load.good ] && break; sleep 1; done; cat /run/load.good`, from);
}

/** Differs after each boot. */
export const bootId = (cluster: Cluster, node: number): Promise<string> => cluster.ssh(node, 'cat /proc/sys/kernel/random/boot_id');
/** How often the load has written and read all without an error. */
export const good = async (cluster: Cluster, node: number, from?: string): Promise<number> => Number(await cluster.ssh(node, 'cat /run/load.good', from));

export async function stopLoad(cluster: Cluster, node: number, from?: string): Promise<void> {
  await cluster.ssh(node, '[ ! -e /run/load.pid ] || kill "$(cat /run/load.pid)"; rm -f /run/load.pid /root/load /root/load.new', from);
}

/** What must hold of a node that ran through an outage. */
export async function checkUnharmed(cluster: Cluster, node: number, before: { readonly bootId: string }): Promise<void> {
  expectEqual(`node ${node}: not booted anew`, await bootId(cluster, node), before.bootId);
  const first = await good(cluster, node);
  await cluster.ssh(node, `for i in $(seq 60); do [ "$(cat /run/load.good)" -gt ${first} ] && exit; sleep 1; done`);
  expectThat(`node ${node}: the load goes on`, (await good(cluster, node)) > first, first);
  expectEqual(`node ${node}: errors of the load`, await cluster.ssh(node, 'cat /run/load.bad 2>/dev/null || true'), '');
  const faults = await cluster.ssh(node, "dmesg | grep -iE 'i/o error|invalidating|ext4-fs (error|warning)|remounting|lost page write|buffer i/o' || true");
  // The impatient session to the owner records is meant to fail within seconds; its disk is another one than the root's. So is one path of
  // several: what it loses goes by another, and errors of the device that joins them would have another name.
  const disks = (await cluster.ssh(node, `lsblk -snro NAME /dev/mapper/debian-node${node} | grep '^sd' | sort -u`)).split('\n');
  const ours = faults.split('\n').filter((line) => line !== '' && !(/dev sd[a-z]+/.test(line) && !(disks.length === 1 && line.includes(`dev ${disks[0]}`))));
  expectEqual(`node ${node}: complaints of the kernel about its volumes`, ours.join('\n'), '');
  expectEqual(`node ${node}: its root can be written`, await cluster.ssh(node, 'echo written > /root/after && sync && cat /root/after && rm /root/after'), 'written');
}

/** One outage: `begin` takes the SAN away, `end` brings it back. */
async function outage(cluster: Cluster, journey: Journey, { what, seconds, begin, end }: { what: string; seconds: number; begin: () => Promise<unknown>; end: () => Promise<unknown> }): Promise<void> {
  const { rack } = cluster;
  await journey.stage(`${what} for ${seconds} s under load; blade ${BOOTING} is switched on in the middle`, async () => {
    const before = new Map<number, { bootId: string }>();
    for (const node of RUNNING) {
      await startLoad(cluster, node);
      before.set(node, { bootId: await bootId(cluster, node) });
    }
    await begin();
    const start = performance.now();
    const until = (at: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, at * 1000 - (performance.now() - start))));
    await until(POWER_CYCLE_AT_S);
    await cluster.powerOff(BOOTING);
    await rack.powerOn(BOOTING);
    const { match } = await rack.waitForConsole(BOOTING, /mm-stage http initrd 192\.168\.0\.(\d+)/, { timeoutMs: seconds * 1000 });
    journey.note(`blade ${BOOTING} got kernel and initrd from node ${match[1]}, whose root hangs`);
    await rack.waitForConsole(BOOTING, /step login FAILED \(try 1\)[\s\S]*what to do: \S/, { timeoutMs: seconds * 1000 });
    expectThat('the SAN was away all the while', performance.now() - start < seconds * 1000, `${Math.round((performance.now() - start) / 1000)} s`);
    await until(seconds);
    await end();
    const back = performance.now();
    await rack.waitForConsole(BOOTING, /mm-stage serving/, { timeoutMs: RECOVERY_MS });
    journey.measured[`${what}, ${seconds} s: blade ${BOOTING} serves after the SAN is back, s`] = Math.round((performance.now() - back) / 100) / 10;
    for (const node of RUNNING) await checkUnharmed(cluster, node, before.get(node)!);
    await checkNode(cluster, BOOTING);
    for (const node of RUNNING) await stopLoad(cluster, node);
  });
}

const cable = (cluster: Cluster, seconds: number) =>
  ({ what: "the SAN's cable is pulled", seconds, begin: () => cluster.rack.sanCable(false), end: () => cluster.rack.sanCable(true) });
const power = (cluster: Cluster, seconds: number) =>
  ({ what: 'the SAN is switched off', seconds, begin: () => cluster.rack.sanStop(), end: () => cluster.rack.sanStart() });

/** A minute each, by cable and by power. */
export async function sanOutages(cluster: Cluster, journey: Journey): Promise<void> {
  await outage(cluster, journey, cable(cluster, 60));
  await outage(cluster, journey, power(cluster, 60));
}

/** Five minutes by cable; ten by power, in which a blade is switched on that has not seen the SAN yet. */
export async function longSanOutage(cluster: Cluster, journey: Journey): Promise<void> {
  await outage(cluster, journey, cable(cluster, 300));
  await outage(cluster, journey, power(cluster, 600));
}
