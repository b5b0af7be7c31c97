// The boot as data: from the command line follows a list of steps, which can be printed (`--dry-run`) before anything is done.
// What a step does in detail may depend on what an earlier one found (the registry, who we are); that it is done, and in
// which order, does not.

import type { Mac } from '../daemons/core/mac.ts';
import { distinctPortals, portalText, type SanPortal } from '../daemons/core/san-portal.ts';
import type { BootParameters } from './command-line.ts';

/** Modules without which there is no login to the SAN; the crc32c module comes first, iSCSI asks for it by name at login. */
export const SAN_MODULES = ['crc32c_generic', 'iscsi_tcp', 'sd_mod'] as const;
/** Modules without which what lies on the SAN cannot be used; they are loaded while the login waits for the SAN. */
export const VOLUME_MODULES = ['dm_mod', 'dm_snapshot', 'ext4'] as const;
/** Modules for a SAN of several portals. */
export const MULTIPATH_MODULES = ['dm_mod', 'dm_multipath', 'dm_service_time'] as const;
/** Modules of the live system. */
export const LIVE_MODULES = ['loop', 'isofs', 'squashfs', 'overlay', 'ext4', 'sr_mod', 'sd_mod'] as const;
/** The module of 802.1Q VLANs; needed only where the command line names one. */
export const VLAN_MODULE = '8021q';
/** A watchdog resets a blade whose kernel hangs (the keeper feeds it). Where there is none, nothing is lost. */
export const WATCHDOG_MODULES = ['i6300esb', 'iTCO_wdt'] as const;

/** One step of the boot. */
export type BootStep =
  | { readonly kind: 'modules'; readonly required: readonly string[]; readonly wanted: readonly string[]; readonly meanwhile: readonly string[] }
  | { readonly kind: 'interface'; readonly mac?: Mac | undefined; readonly vlan?: number | undefined; readonly candidates: readonly string[]; readonly address: string; readonly netmask: string; readonly probeConflict: boolean }
  | { readonly kind: 'login'; readonly portals: readonly SanPortal[]; readonly target: string }
  | { readonly kind: 'registry'; readonly container: string }
  | { readonly kind: 'paths'; readonly portals: readonly SanPortal[]; readonly target: string }
  | { readonly kind: 'identity'; readonly node: number | undefined }
  | { readonly kind: 'claim' }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'check' }
  | { readonly kind: 'mount' }
  | { readonly kind: 'configure' }
  | { readonly kind: 'swap' }
  | { readonly kind: 'medium' }
  | { readonly kind: 'overlay' }
  | { readonly kind: 'live-identity' }
  | { readonly kind: 'handover' };

/** How long to wait between tries of a failed step: doubled each time, from the first to the longest, in milliseconds. */
export const RETRY = { firstMs: 1_000, longestMs: 30_000 } as const;

/** How long to wait before try number `attempt` (1 is the first repetition). */
export function retryDelayMs(attempt: number): number {
  return Math.min(RETRY.longestMs, RETRY.firstMs * 2 ** Math.min(attempt - 1, 16));
}

function interfaceStep(parameters: BootParameters): BootStep {
  return {
    kind: 'interface', mac: parameters.mac, vlan: parameters.vlan, candidates: parameters.interfaces, address: parameters.sifIp, netmask: parameters.sifNetmask,
    // From the DVD the address is a menu's default and may be somebody's; from the network it is the roster's.
    probeConflict: parameters.boot === 'dvd',
  };
}

/** The steps that these parameters ask for. The parameters must be free of problems. */
export function bootPlan(parameters: BootParameters): readonly BootStep[] {
  const vlan = parameters.vlan === undefined ? [] : [VLAN_MODULE];
  if (parameters.live) {
    return [
      { kind: 'modules', required: [...LIVE_MODULES, ...vlan], wanted: [...parameters.modules, ...SAN_MODULES, ...VOLUME_MODULES], meanwhile: [] },
      { kind: 'medium' }, { kind: 'overlay' }, interfaceStep(parameters), { kind: 'live-identity' }, { kind: 'handover' },
    ];
  }
  const portals = distinctPortals([{ address: parameters.storageIp, port: parameters.storagePort }, ...parameters.portals]);
  const target = parameters.target ?? '';
  return [
    // The watchdog's come first: when the step `snapshot` finds its own modules there, these are as well.
    { kind: 'modules', required: [...parameters.modules, ...vlan, ...SAN_MODULES], wanted: [], meanwhile: [...WATCHDOG_MODULES, ...VOLUME_MODULES] },
    interfaceStep(parameters),
    { kind: 'login', portals, target },
    { kind: 'registry', container: parameters.container ?? '' },
    { kind: 'paths', portals, target },
    { kind: 'identity', node: parameters.node },
    { kind: 'claim' }, { kind: 'snapshot' }, { kind: 'check' }, { kind: 'mount' }, { kind: 'configure' }, { kind: 'swap' }, { kind: 'handover' },
  ];
}

const TEXT: Readonly<Record<BootStep['kind'], (step: never) => string>> = {
  modules: (s: Extract<BootStep, { kind: 'modules' }>) => `load what the hardware asks for, then ${[s.required.join(' '), ...(s.wanted.length > 0 ? [`if there: ${s.wanted.join(' ')}`] : []), ...(s.meanwhile.length > 0 ? [`while the boot goes on: ${s.meanwhile.join(' ')}`] : [])].join('; ')}`,
  interface: (s: Extract<BootStep, { kind: 'interface' }>) =>
    `bring up ${s.mac === undefined ? '' : `the interface of ${s.mac}, or else `}the first of ${s.candidates.join(', ')}${s.vlan === undefined ? '' : `, VLAN ${s.vlan} on it,`} with ${s.address}, netmask ${s.netmask}${s.probeConflict ? ', if nobody else has that address' : ''}`,
  login: (s: Extract<BootStep, { kind: 'login' }>) => `log in to ${s.target} at ${s.portals.map(portalText).join(' and ')}`,
  registry: (s: Extract<BootStep, { kind: 'registry' }>) => `find the container ${s.container} and read its registry`,
  paths: () => 'if the SAN has several portals, log in to those that only the registry names, and make one device of all paths to its disk',
  identity: (s: Extract<BootStep, { kind: 'identity' }>) => (s.node === undefined ? 'find out by MAC address which node this is' : `take the identity of node ${s.node}`),
  claim: () => "claim this node's store and state volume in their owner records, and read them back",
  snapshot: () => "map the origin (read-only), this node's store, and its root as a snapshot of the one in the other",
  check: () => 'check the file systems of root and state volume (e2fsck -p)',
  mount: () => 'mount root and state volume below /sysroot',
  configure: () => 'write what makes this root this node: name, addresses, keys; only what differs',
  swap: () => 'turn on the swap volume, if this node has one',
  medium: () => 'find the DVD or stick by its label and mount it',
  overlay: () => "put a writable overlay in memory over the medium's root file system",
  'live-identity': () => 'write what makes this root the live system',
  handover: () => 'leave a record of the boot in /run/metamaster, start the keeper of the sessions to the SAN, and switch to the root',
};

/** The plan as text, a numbered line a step. */
export function formatPlan(plan: readonly BootStep[]): string {
  return plan.map((step, i) => `${String(i + 1).padStart(2)}. ${step.kind}: ${TEXT[step.kind](step as never)}`).join('\n');
}
