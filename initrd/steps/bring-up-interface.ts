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

/** @throws StepError when no candidate is there, its link stays down, or somebody else has the address */
export async function bringUpInterface(
  host: BootHost, state: BootState, step: { mac?: Mac | undefined; candidates: readonly string[]; address: string; netmask: string; probeConflict: boolean },
): Promise<void> {
  const macOf = (name: string) => parseMac(host.readText(`/sys/class/net/${name}/address`)?.trim() ?? '');
  // The card that the firmware booted from, by its address: names follow the order in which drivers find their cards.
  const booted = () => (step.mac === undefined ? undefined : host.list('/sys/class/net').find((name) => macOf(name) === step.mac));
  const named = () => step.candidates.find((name) => host.exists(`/sys/class/net/${name}`));
  await waitFor(host, APPEAR_MS, () => (step.mac === undefined ? named() : booted()) !== undefined);
  const name = booted() ?? named();
  if (name === undefined) {
    const there = host.list('/sys/class/net').filter((other) => other !== 'lo').join(', ');
    throw new StepError('MM-BOOT-NO-INTERFACE', `no interface named ${step.candidates.join(' or ')}; there are: ${there || 'none'}`, 'Name the right one with sif=, and with sifm= the module that drives it.');
  }
  mustRun(host, 'MM-BOOT-INTERFACE', ['ip', 'link', 'set', 'lo', 'up'], 'The kernel refuses the loopback interface; see dmesg.');
  mustRun(host, 'MM-BOOT-INTERFACE', ['ip', 'link', 'set', name, 'up'], `The driver of ${name} refuses to start it; see dmesg.`);
  if (!(await waitFor(host, LINK_MS, () => host.readText(`/sys/class/net/${name}/carrier`)?.trim() === '1'))) {
    throw new StepError('MM-BOOT-NO-LINK', `${name} has no link`, 'Check cable and switch port, or name another interface with sif=.');
  }
  const mac = macOf(name);
  if (mac === undefined) throw new StepError('MM-BOOT-INTERFACE', `${name} has no usable MAC address`, 'Name another interface with sif=.');
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
