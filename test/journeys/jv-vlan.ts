// JV, a tagged boot network: the switch port of blade 3 carries the boot and SAN network as VLAN 5 and nothing else. The blade boots from
// the disc with mm.vlan, serves the others, and boots over the network by an iPXE that tags. The other blades' ports are untagged, so the
// roster names no VLAN: what blade 3's command line needs, its own iPXE adds (mm-parameters). A cluster whose ports are all tagged is
// installed with the answer boot-vlan, and its boot script has mm.vlan for every blade; the script's tests look at that.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { addressOf, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { buildIpxeStick, vlanScript } from '../../scripts/virtual-rack/ipxe-stick.ts';
import { treesOf } from '../../live-dvd/trees.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';

const BLADE = 3;
const VLAN = 5;
const DEVICE = `eth0.${VLAN}`;

/** A node's address in a pattern. */
const escaped = (node: number): string => addressOf(node).replaceAll('.', String.raw`\.`);

/** Checks that the node lives on the VLAN's device alone, and knows it by its name. */
async function checkVlan(cluster: Cluster): Promise<void> {
  expectThat('the interface is the VLAN', new RegExp(`vlan protocol 802\\.1Q id ${VLAN} `).test(await cluster.ssh(BLADE, `ip -d link show ${DEVICE}`)), await cluster.ssh(BLADE, 'ip -d link'));
  const addresses = await cluster.ssh(BLADE, "ip -4 -o addr show scope global | awk '{print $2, $4}'");
  expectThat('its address is on the VLAN, and none on the card', addresses.includes(`${DEVICE} ${addressOf(BLADE)}/24`) && !/^eth0 /m.test(addresses), addresses);
  expectEqual('the interface that metamasterd serves on', await cluster.ssh(BLADE, `grep -c '"interface": "${DEVICE.replace('.', '[.]')}"' /etc/metamaster/node.json`), '1');
  const commandLine = await cluster.ssh(BLADE, 'cat /proc/cmdline');
  expectThat('the command line named the VLAN', commandLine.split(' ').includes(`mm.vlan=${VLAN}`), commandLine);
}

export async function taggedBootNetwork(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const round = (seconds: number): number => Math.round(seconds * 10) / 10;
  await journey.stage('blade 3, tagged: from the disc, with mm.vlan in the menu\'s line', async () => {
    await cluster.powerOff(BLADE);
    await cluster.bootDiscEdited(BLADE, `mm.vlan=${VLAN}`, { vlan: VLAN });
    journey.measured['a tagged node from the DVD, power-on to serving, s'] = round(await cluster.serving(BLADE));
    await rack.dvdOut(BLADE);
    await checkNode(cluster, BLADE);
    await checkVlan(cluster);
    // Nothing waits for the kernel's lines, so nothing fails without them.
    journey.measured['kernel lines over the VLAN'] = await cluster.ssh(BLADE, "dmesg | grep -q 'netconsole: network logging started' && echo sent || echo 'not sent'");
  });
  await journey.stage('blade 3 alone boots blade 2, whose port is untagged', async () => {
    await cluster.powerOff(1, 2);
    await rack.powerOn(2);
    await cluster.serving(2);
    expectThat('it was served by blade 3', new RegExp(`mm-stage http initrd ${escaped(BLADE)}\\b`).test(rack.consoleText(2)), rack.consoleText(2).slice(0, 3000));
    await checkNode(cluster, 2);
    await rack.powerOn(1);
    await cluster.serving(1);
  });
  await journey.stage('blade 3, tagged: over the network, by a stick whose iPXE tags', async () => {
    await cluster.powerOff(BLADE);
    const told = readFileSync(rack.files(BLADE).vlanLog, 'utf8');
    // The card's own frames, as those of its IPv6, are on no VLAN.
    expectThat('the port let nothing through but the VLAN', /dropped: .*\d untagged from the blade/.test(told), told.slice(-1000));
    const stick = await buildIpxeStick(treesOf(resolve(dirname(cluster.disc))), rack.identity.stateDir, 'ipxe-vlan', vlanScript(VLAN));
    await rack.powerOn(BLADE, { vlan: VLAN, uefi: true, rom: 'none', stick });
    journey.measured['a tagged node over the network, power-on to serving, s'] = round(await cluster.serving(BLADE));
    const way = new RegExp(`mm-stage dhcp ${escaped(BLADE)} from[\\s\\S]*mm-stage http initrd`);
    expectThat("the node's script followed the VLAN's device, and kernel and initrd came over it", way.test(rack.consoleText(BLADE)), rack.consoleText(BLADE).slice(0, 3000));
    await checkNode(cluster, BLADE);
    await checkVlan(cluster);
  });
  await journey.stage('blade 3 as it was', async () => {
    await cluster.powerOff(BLADE);
    await rack.powerOn(BLADE);
    await cluster.serving(BLADE);
    await checkNode(cluster, BLADE);
    expectEqual('VLANs of an untagged node', await cluster.ssh(BLADE, 'ls /proc/net/vlan 2>/dev/null | wc -l'), '0');
  });
}
