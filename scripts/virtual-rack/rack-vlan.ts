// A blade's switch port with a tagged VLAN, and the cable from there into the bridge: started before the blade, ended with it.

import process from 'node:process';
import { bladeFiles, markOf, tapName } from './identity.ts';
import { inRoom, type RackContext } from './rack-state.ts';
import { cableArgv, switchArgv, vlanPorts } from './vlan-plan.ts';

/** The processes of one blade's port. */
export const vlanRoles = (blade: number): readonly [port: string, cable: string] => [`vlan-switch-${blade}`, `vlan-cable-${blade}`];

/** Their argument lists, by role. */
export function vlanProcesses(context: RackContext, blade: number, vlan: number): { role: string; mark: string; argv: string[] }[] {
  const { identity } = context;
  const ports = vlanPorts(blade);
  return vlanRoles(blade).map((role, at) => {
    const mark = markOf(identity, role);
    return { role, mark, argv: inRoom(identity, 'boot', at === 0 ? switchArgv(process.execPath, mark, vlan, ports) : cableArgv(mark, tapName(blade, 'boot'), ports)) };
  });
}

/** Starts what does not run of the blade's port. */
export async function startVlan(context: RackContext, blade: number, vlan: number): Promise<void> {
  for (const { role, mark, argv } of vlanProcesses(context, blade, vlan)) {
    if (context.processes.find(role) === undefined) await context.processes.start({ role, argv, mark, logFile: bladeFiles(context.identity, blade).vlanLog });
  }
}

/** Ends the blade's port, if it has one; what it counted goes into its log. */
export async function stopVlan(context: RackContext, blade: number): Promise<void> {
  for (const role of vlanRoles(blade)) await context.processes.stop(role, 'term');
}
