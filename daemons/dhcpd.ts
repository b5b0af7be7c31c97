#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The DHCP server of one node by itself. TFTP and HTTP must be served at the same address: that is what it tells the blades.

import type { KeyRing } from './agent/key-ring.ts';
import { BladeLog } from './blade-log.ts';
import { nodeOfNumber } from './core/roster.ts';
import { type Given, runDaemon } from './daemon-process.ts';
import { type DhcpInput, DhcpServer } from './dhcp/dhcp-server.ts';
import { explainMac } from './explain-mac.ts';
import { followKeys } from './follow-config.ts';
import { startDhcp } from './host/dhcp-socket.ts';
import { stage, writeLog } from './host/log.ts';
import { startLiveNodes } from './live-nodes.ts';

async function serve({ config, keys, log, values, onStop }: Given): Promise<undefined> {
  const { roster, number } = config;
  const { name, address } = nodeOfNumber(roster, number)!;
  const blades = new BladeLog(roster, log);
  const dhcp = startDhcp<DhcpInput>({
    address,
    machine: new DhcpServer({ roster, self: number, arm64: values.arm64 === true }),
    log: (effect) => writeLog(log, effect),
    onStage: ({ mac, detail }) => blades.note(mac, 'dhcp', detail),
  });
  const others = startLiveNodes({ config, keys, log, onLive: ({ serving, suspects }) => dhcp.input({ kind: 'live', nodes: serving.map(({ node }) => node), suspects }) });
  onStop(async () => others?.leave());
  if (others !== undefined && keys !== undefined && values['follow-key'] !== undefined) {
    let used = keys;
    const useKeys = (next: KeyRing): void => {
      used = next;
      others.useKeys(next);
    };
    followKeys(values['follow-key'], { get keys() { return used; }, useKeys }, log);
  }
  await dhcp.ready;
  others?.serving(true);
  log.info({ node: number, address }, 'dhcp.serving');
  stage('serving', `${name} ${address} dhcp`);
}

runDaemon({
  name: 'dhcpd',
  what: 'the DHCP server of one node',
  options: ['config', 'cluster-key', 'follow-key', 'arm64', 'log-level', 'check-config', 'explain', 'help'],
  servesFiles: false,
  serve,
  explain: explainMac,
});
