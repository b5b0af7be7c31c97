// JK, a SAN that wants CHAP, one-way and then mutual, each on a rack of its own: installed, booted from the disc with the login typed, booted
// over the network with the login handed out, and back after the SAN's power was cut. The secret is where it belongs, and nowhere else.

import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../daemons/host/run.ts';
import type { ChapLogin } from '../../daemons/core/chap.ts';
import { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { checkNode } from './j1-spark-plug.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

const NODES = [1, 2];
const SECRETS = ['chap-secret-of-the-rack', 'chap-secret-of-the-san'];
const ONE_WAY: ChapLogin = { user: 'rack', password: SECRETS[0]! };
const LOGINS: readonly (readonly [string, ChapLogin])[] = [['one-way', ONE_WAY], ['mutual', { ...ONE_WAY, mutual: { user: 'san', password: SECRETS[1]! } }]];
/** Finds the secrets, and not the command that looks for them. */
const PATTERN = 'chap-secret-of-the-[rs]';
const OFF_S = 15;
const BACK_S = 90;
const REFUSED_MS = 120_000;

/** What the web server of node 1 answers to a host of the boot network that asks for a blade's login. */
async function asked(cluster: Cluster, mac: string): Promise<string> {
  const { output } = await run(cluster.rack.inRoom('san', ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '20', `http://192.168.0.1/san-login.img?mac=${mac.replaceAll(':', '-')}`]));
  return output.trim();
}

async function secretsAreKept(cluster: Cluster, node: number): Promise<void> {
  const said = `{ journalctl -b --no-pager; dmesg; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; } 2>/dev/null | tr '\\0' '\\n' | grep -c '${PATTERN}' || true`;
  expectEqual(`node ${node}: the secret in logs, command lines and environments`, await cluster.ssh(node, said), '0');
  const find = `grep -rlsI '${PATTERN}' /etc /var /root /run /tmp`;
  const files = await cluster.ssh(node, `${find} | xargs -r stat -c '%a %n'`);
  // systemd shows a credential to its service by an access control list, whose mask stands where the group's rights do.
  expectThat(`node ${node}: the files with it are root's alone`, files !== '' && files.split('\n').every((line) => /^[46]00 |^440 \/run\/credentials\/metamasterd.service\//.test(line)), files);
  expectEqual(`node ${node}: what another user finds of it`, await cluster.ssh(node, `runuser -u nobody -- ${find} || true`), '');
  expectThat(`node ${node}: its console does not show it`, SECRETS.every((secret) => !cluster.rack.consoleText(node).includes(secret)), 'the secret');
}

/** Both sessions, that of the root and the impatient one, by their logins as the kernel has them. */
async function bothSessions(cluster: Cluster, node: number, { user, mutual }: ChapLogin): Promise<void> {
  const wanted = `LOGGED_IN ${user} ${mutual?.user ?? '(null)'}`;
  const command = `for i in $(seq ${BACK_S}); do seen=$(for s in /sys/class/iscsi_session/session*; do echo "$(cat $s/state) $(cat $s/username) $(cat $s/username_in)"; done); [ "$(echo "$seen" | grep -c '^LOGGED_IN')" = 2 ] && break; sleep 1; done; echo "$seen"`;
  const seen = (await cluster.ssh(node, command)).split('\n').map((line) => line.trim());
  expectThat(`node ${node}: two sessions, each by CHAP`, seen.length === 2 && seen.every((line) => line === wanted || (mutual === undefined && line === `LOGGED_IN ${user}`)), seen);
}

async function withLogin(cluster: Cluster, journey: Journey, kind: string, login: ChapLogin): Promise<void> {
  const { rack } = cluster;
  await journey.stage(`${kind}: a cluster on a SAN that wants CHAP`, async () => {
    await rack.down({ wipe: true });
    await rack.up({ blades: NODES.length, memory: '1G', kernel: 'build/images/current/vmlinuz' });
    await rack.sanChap(login);
    await cluster.install(NODES);
    expectThat('the live system does not show it', SECRETS.every((secret) => !rack.consoleText(1).includes(secret)), 'the secret');
  });
  await cluster.bootAll(NODES, async (name, work) => void (await journey.stage(`${kind}: ${name}`, work)));
  await journey.stage(`${kind}: sessions, secrets, strangers`, async () => {
    for (const node of NODES) {
      await checkNode(cluster, node);
      await bothSessions(cluster, node, login);
      await secretsAreKept(cluster, node);
    }
    expectThat('the hand-out is in the log', Number(await cluster.ssh(1, 'journalctl -b -u metamasterd --no-pager | grep -c san-login.handed-out || true')) > 0, 'none');
    expectEqual('an unknown card is handed nothing', await asked(cluster, '02:00:00:00:00:09'), '403');
    expectEqual("a node's card, from another address, is handed nothing", await asked(cluster, bladeMac(rack.identity.id, 2)), '403');
  });
  await journey.stage(`${kind}: the SAN is switched off for ${OFF_S} s: both sessions log in again`, async () => {
    await rack.sanStop();
    await sleep(OFF_S * 1000);
    await rack.sanStart();
    for (const node of NODES) {
      await bothSessions(cluster, node, login);
      expectEqual(`node ${node}: its root can be written`, await cluster.ssh(node, 'echo written > /root/after && sync && cat /root/after'), 'written');
    }
  });
  await journey.stage(`${kind}: another secret at the SAN is told as such, and the blade boots when it is put right`, async () => {
    await cluster.powerOff(2);
    await rack.sanChap({ ...login, password: 'chap-secret-of-another' });
    await rack.powerOn(2);
    await rack.waitForConsole(2, /MM-BOOT-LOGIN-CHAP[\s\S]*what to do: Compare names and secrets/, { timeoutMs: REFUSED_MS });
    await rack.sanChap(login);
    await cluster.serving(2);
  });
}

export async function chap({ disc }: Cluster, journey: Journey): Promise<void> {
  const cluster = new Cluster({ name: 'chap', disc });
  let passed = false;
  try {
    for (const [kind, login] of LOGINS) await withLogin(cluster, journey, kind, login);
    passed = true;
  } finally {
    // After a failure the consoles' logs stay: build/rack/chap/logs.
    await cluster.rack.down({ wipe: passed });
  }
}
