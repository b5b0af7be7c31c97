// Nodes that must notice nothing: a load on their roots, a connection between them, and their boot service, all the while something is done to
// another node.

import { addressOf, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat } from './journey.ts';
import { bootId, checkUnharmed, startLoad, stopLoad } from './j7-san-outages.ts';

const LINK_PORT = 7070;
/** How long an answer on the connection may take: a node beside two that boot is slow. */
const LINK_ANSWER_S = 20;
const ASK_EVERY_MS = 2000;

/** Sends numbers on one connection and wants each back; ends at the first that is missing. */
const LINK = `
echo $$ > /run/link.pid
exec 3<> /dev/tcp/$1/${LINK_PORT} || exit 1
n=0
while :; do
  n=$((n + 1))
  echo $n >&3
  read -r -t ${LINK_ANSWER_S} back <&3 && [ "$back" = $n ] || { echo "number $n did not come back" > /run/link.bad; exit 1; }
  echo $n > /run/link.count && mv /run/link.count /run/link.good
  sleep 0.2
done
`;

/** Witnesses on two nodes or more; the first and the second have the connection. */
export class Witnesses {
  readonly #cluster: Cluster;
  readonly #nodes: readonly number[];
  readonly #before = new Map<number, { bootId: string }>();
  readonly #failures: string[] = [];
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> = Promise.resolve();

  private constructor(cluster: Cluster, nodes: readonly number[]) {
    this.#cluster = cluster;
    this.#nodes = nodes;
  }

  static async start(cluster: Cluster, nodes: readonly number[]): Promise<Witnesses> {
    const witnesses = new Witnesses(cluster, nodes);
    for (const node of nodes) {
      await startLoad(cluster, node);
      witnesses.#before.set(node, { bootId: await bootId(cluster, node) });
    }
    const [from, to] = nodes as [number, number];
    await cluster.ssh(to, `setsid busybox nc -l -p ${LINK_PORT} -e cat > /dev/null 2>&1 < /dev/null & for i in $(seq ${LINK_ANSWER_S}); do ss -Hltn sport = :${LINK_PORT} | grep -q . && break; sleep 1; done`);
    await cluster.ssh(from, `rm -f /run/link.good /run/link.bad; printf %s '${LINK.replaceAll("'", `'\\''`)}' > /run/link.sh; setsid bash /run/link.sh ${addressOf(to)} > /dev/null 2>&1 < /dev/null & for i in $(seq ${LINK_ANSWER_S}); do [ -e /run/link.good ] && break; sleep 1; done; cat /run/link.good`);
    witnesses.#timer = setInterval(() => void (witnesses.#asking = witnesses.#asking.then(() => witnesses.#ask())), ASK_EVERY_MS);
    return witnesses;
  }

  /** Fetches a loader from each node, as a blade does that boots. */
  async #ask(): Promise<void> {
    for (const node of this.#nodes) {
      this.#asked++;
      try {
        await this.#cluster.http(node, '/undionly.kpxe');
      } catch (error) {
        this.#failures.push(`node ${node}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  /** Ends them, and says what they saw. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asking;
    const [from, to] = this.#nodes as [number, number];
    const told = (command: string): Promise<string> => this.#cluster.ssh(from, command);
    const count = Number(await told('cat /run/link.good'));
    await told(`for i in $(seq ${LINK_ANSWER_S}); do [ "$(cat /run/link.good)" -gt ${count} ] && exit; sleep 1; done`);
    expectThat(`the connection from node ${from} to node ${to} goes on`, Number(await told('cat /run/link.good')) > count, await told('cat /run/link.bad 2> /dev/null || true'));
    await told('kill "$(cat /run/link.pid)"');
    expectEqual(`failures of ${this.#asked} looks at the boot services`, this.#failures.join('; '), '');
    expectThat('the boot services were looked at', this.#asked > 0, this.#asked);
    for (const node of this.#nodes) {
      await checkUnharmed(this.#cluster, node, this.#before.get(node)!);
      await stopLoad(this.#cluster, node);
    }
  }
}
