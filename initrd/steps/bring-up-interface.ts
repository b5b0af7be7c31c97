// The step `interface`: the storage interface gets its address. It stays up as it is: the root lives behind it.

import { prefixLength, type Ipv4 } from '../../daemons/core/ipv4.ts';
import { type Mac, parseMac } from '../../daemons/core/mac.ts';
import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import type { BootState } from './boot-state.ts';
import { initiatorOf } from './san-login.ts';

/** How long an interface may take to appear and its link to come up: switches with spanning tree hold a port back. */
const APPEAR_MS = 5_000;
const LINK_MS = 10_000;
const POLL_MS = 100;

async function waitFor(host: BootHost, limitMs: number, condition: () => boolean): Promise<boolean> {
  for (let waited = 0; !condition(); waited += POLL_MS) {
    if (waited >= limitMs) return false;
    await host.sleep(POLL_MS);
  }
  return true;
}

/** SMBIOS UUID and MAC address; some boards share a UUID. */
function hardwareId(host: BootHost, mac: string): string {
  const uuid = host.readText('/sys/class/dmi/id/product_uuid')?.trim().toLowerCase() ?? '';
  return `${uuid === '' ? 'no-uuid' : uuid}/${mac}`;
}

/** Starts a network device and waits for its link. @throws StepError */
async function startLink(host: BootHost, name: string): Promise<void> {
  mustRun(host, 'MM-BOOT-INTERFACE', ['ip', 'link', 'set', name, 'up'], `The driver of ${name} refuses to start it; see dmesg.`);
  if (!(await waitFor(host, LINK_MS, () => host.readText(`/sys/class/net/${name}/carrier`)?.trim() === '1'))) {
    throw new StepError('MM-BOOT-NO-LINK', `${name} has no link`, 'Check cable and switch port, or name another interface with sif=.');
  }
}

/**
 * Makes the VLAN's device on a card that is up, unless an earlier try has made it, and starts it. The card itself gets no address.
 * @returns its name, `<card>.<vlan>`
 * @throws StepError
 */
async function startVlan(host: BootHost, card: string, vlan: number): Promise<string> {
  const name = `${card}.${vlan}`;
  if (!host.exists(`/sys/class/net/${name}`)) {
    const argv = ['ip', 'link', 'add', 'link', card, 'name', name, 'type', 'vlan', 'id', String(vlan)];
    mustRun(host, 'MM-BOOT-VLAN', argv, `The card ${card} carries no 802.1Q VLAN ${vlan}, as InfiniBand does not: correct mm.vlan= or sif=, or leave mm.vlan out; see dmesg.`);
  }
  await startLink(host, name);
  return name;
}

/** @throws StepError when no candidate is there, its link stays down, or somebody else has the address */
export async function bringUpInterface(
  host: BootHost, state: BootState, step: { mac?: Mac | undefined; vlan?: number | undefined; candidates: readonly string[]; address: string; netmask: string; probeConflict: boolean },
): Promise<void> {
  const macOf = (name: string) => parseMac(host.readText(`/sys/class/net/${name}/address`)?.trim() ?? '');
  // The card that the firmware booted from, by its address: names follow the order in which drivers find their cards.
  // A VLAN's device of an earlier try has the card's address too, and an entry in /proc/net/vlan.
  const isCard = (name: string) => !host.exists(`/proc/net/vlan/${name}`);
  const booted = () => (step.mac === undefined ? undefined : host.list('/sys/class/net').find((name) => macOf(name) === step.mac && isCard(name)));
  const named = () => step.candidates.find((name) => host.exists(`/sys/class/net/${name}`));
  await waitFor(host, APPEAR_MS, () => (step.mac === undefined ? named() : booted()) !== undefined);
  const card = booted() ?? named();
  if (card === undefined) {
    const there = host.list('/sys/class/net').filter((other) => other !== 'lo').join(', ');
    throw new StepError('MM-BOOT-NO-INTERFACE', `no interface named ${step.candidates.join(' or ')}; there are: ${there || 'none'}`, 'Name the right one with sif=, and with sifm= the module that drives it.');
  }
  mustRun(host, 'MM-BOOT-INTERFACE', ['ip', 'link', 'set', 'lo', 'up'], 'The kernel refuses the loopback interface; see dmesg.');
  await startLink(host, card);
  const mac = macOf(card);
  if (mac === undefined) throw new StepError('MM-BOOT-INTERFACE', `${card} has no usable MAC address`, 'Name another interface with sif=.');
  const name = step.vlan === undefined ? card : await startVlan(host, card, step.vlan);
  state.interfaceName = name;
  state.mac = mac;
  state.hardwareId = hardwareId(host, mac);
  state.initiator = initiatorOf(state.hardwareId);
  const shown = host.run(['ip', '-4', 'addr', 'show', 'dev', name]).said;
  if (shown.includes(` ${step.address}/`)) return;
  if (step.probeConflict && host.run(['arping', '-D', '-q', '-c', '2', '-w', '2', '-I', name, step.address]).code !== 0) {
    throw new StepError('MM-BOOT-ADDRESS-IN-USE', `the address ${step.address} is in use by another machine`, 'Give a free one with sifip= (Esc, then reboot and edit the menu entry).');
  }
  const argv = ['ip', 'addr', 'add', `${step.address}/${prefixLength(step.netmask as Ipv4)}`, 'brd', '+', 'dev', name];
  mustRun(host, 'MM-BOOT-ADDRESS', argv, 'Check sifip= and sifnm=.');
}
