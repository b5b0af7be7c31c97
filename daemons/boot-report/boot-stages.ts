// The stages of a boot as other nodes see them: for each, how long it may take before the blade counts as standing still, what it then
// waits for, and what usually causes that. The codes are stable.

import type { MessageCode } from '../core/problem.ts';
import { ARM64_INITRD, ARM64_KERNEL, ARM64_LOADER, AUTOEXEC_SCRIPT, BIOS_LOADER, BOOT_SCRIPT, INITRD, KERNEL, UEFI_LOADER } from '../core/boot-file-names.ts';

/** Who tells of a stage: a node that served it, the blade's initrd, or the membership, of the node that the blade became. */
export type StageSource = 'served' | 'blade' | 'live';

export interface StageRule {
  readonly source: StageSource;
  readonly code: MessageCode;
  /** Nothing new for so long after this stage means that the blade stands still. */
  readonly patienceMs: number;
  readonly waitsFor: string;
  readonly causes: readonly string[];
  readonly remedy: string;
}

const S = 1000;
const DMESG = 'See the console, and dmesg at the debug console (Esc).';
const SAN_CAUSES = ['the SAN is off, or its cable or switch port is', 'storage_ip, storage_port or ivid do not fit the SAN', 'the target does not let this initiator in'];

/** In the order of a boot. What stands at a stage of the kind `served` has been delivered; a step of the initrd has begun. */
export const STAGE_RULES = {
  dhcp: {
    source: 'served', code: 'MM-STALL-DHCP', patienceMs: 30 * S, waitsFor: 'the blade to fetch the file that DHCP named, by TFTP or HTTP',
    causes: ['another DHCP server answered first', 'UDP port 69 is filtered between blade and nodes', 'the card asks again and again because it does not take the answer'],
    remedy: 'Look for dhcp.foreign-server in the nodes\' logs, and at what the firmware says on the console.',
  },
  loader: {
    source: 'served', code: 'MM-STALL-LOADER', patienceMs: 30 * S, waitsFor: 'the loader to start and to ask DHCP again',
    causes: ['Secure Boot is on: the loader is not signed', 'the firmware takes no loader of this kind'],
    remedy: 'Switch Secure Boot off; try `loader: rom` for this node, or the other of BIOS and UEFI.',
  },
  script: {
    source: 'served', code: 'MM-STALL-SCRIPT', patienceMs: 40 * S, waitsFor: 'the blade to fetch the kernel',
    causes: ['the card\'s iPXE waits for an IPv6 router advertisement', 'HTTP and TFTP to every node that the script names fail'],
    remedy: 'Look for advertisement.failed in the nodes\' logs, and at iPXE\'s lines on the console.',
  },
  kernel: {
    source: 'served', code: 'MM-STALL-KERNEL', patienceMs: 60 * S, waitsFor: 'the blade to fetch the initrd',
    causes: ['the server died in mid-transfer: the blade goes to the next one by itself', 'packets are lost on the way'],
    remedy: 'Wait for a minute: the script tries every node, again and again. Then see the console.',
  },
  initrd: {
    source: 'served', code: 'MM-STALL-START', patienceMs: 60 * S, waitsFor: 'the first report of the boot program, which comes when the interface is up',
    causes: ['the kernel does not start on this blade, or shows nothing', 'the network initrd lacks the card\'s module', 'the interface has another name than sif, or no link', 'nobody answered the blade at TCP port 80, or its reports were lost: the boot may go on all the same'],
    remedy: 'See the console. Boot from the disc, which carries every module; mend sif or sifm.',
  },
  modules: { source: 'blade', code: 'MM-STALL-MODULES', patienceMs: 30 * S, waitsFor: 'kernel modules to load', causes: ['a module named by sifm is not there', 'a driver hangs'], remedy: DMESG },
  interface: {
    source: 'blade', code: 'MM-STALL-INTERFACE', patienceMs: 30 * S, waitsFor: 'the storage interface and its link',
    causes: ['no interface of that name', 'cable or switch port', 'somebody else has the address'], remedy: 'Check the cable; mend sif or sifip.',
  },
  login: { source: 'blade', code: 'MM-STALL-LOGIN', patienceMs: 30 * S, waitsFor: 'the iSCSI login to the SAN', causes: SAN_CAUSES, remedy: 'Check that the SAN answers at its address, and what it logs; the blade tries again by itself.' },
  registry: {
    source: 'blade', code: 'MM-STALL-REGISTRY', patienceMs: 30 * S, waitsFor: 'the container and its registry to be read from the SAN',
    causes: ['root names another container', 'the registry is damaged', 'the SAN answers slowly or not any more'], remedy: 'Run `metamaster san check` on a node that is up, or from the live system.',
  },
  paths: { source: 'blade', code: 'MM-STALL-PATHS', patienceMs: 30 * S, waitsFor: 'further portals of the SAN, and one device of all paths', causes: ['a portal does not answer', 'the disk has no identifier'], remedy: DMESG },
  identity: { source: 'blade', code: 'MM-STALL-IDENTITY', patienceMs: 20 * S, waitsFor: 'this blade to be found in the roster', causes: ['the blade has another network card than the roster says'], remedy: 'Boot it with mm.node=N if it is node N.' },
  claim: {
    source: 'blade', code: 'MM-STALL-CLAIM', patienceMs: 30 * S, waitsFor: 'the claim of its volumes to be written and read back',
    causes: ['another machine owns the volumes: mainboard or card changed', 'label and registry disagree', 'the SAN answers slowly or not any more'], remedy: 'The reason begins with a code: docs/troubleshooting.md says what to do.',
  },
  snapshot: { source: 'blade', code: 'MM-STALL-SNAPSHOT', patienceMs: 30 * S, waitsFor: 'its volumes to be mapped', causes: ['the SAN went away', 'the store is invalid'], remedy: 'Run `metamaster san show` on a node that is up; the blade tries again by itself.' },
  check: { source: 'blade', code: 'MM-STALL-CHECK', patienceMs: 300 * S, waitsFor: 'e2fsck to check root and state volume', causes: ['a large file system is checked in full', 'it found what it does not mend by itself'], remedy: 'Run e2fsck -f on the named device at the debug console (Esc).' },
  mount: { source: 'blade', code: 'MM-STALL-MOUNT', patienceMs: 60 * S, waitsFor: 'root and state volume to be mounted', causes: ['the SAN went away', 'a file system is damaged'], remedy: DMESG },
  configure: { source: 'blade', code: 'MM-STALL-CONFIGURE', patienceMs: 60 * S, waitsFor: 'the node\'s own files to be written', causes: ['the root is full or not whole', 'the SAN answers slowly or not any more'], remedy: DMESG },
  swap: { source: 'blade', code: 'MM-STALL-SWAP', patienceMs: 30 * S, waitsFor: 'the swap volume', causes: ['it has no signature'], remedy: 'Make one with mkswap at the debug console (Esc).' },
  medium: { source: 'blade', code: 'MM-STALL-MEDIUM', patienceMs: 30 * S, waitsFor: 'the disc or stick', causes: ['the virtual medium was detached'], remedy: 'Put it in again.' },
  overlay: { source: 'blade', code: 'MM-STALL-OVERLAY', patienceMs: 30 * S, waitsFor: 'the live system to be mounted', causes: ['the medium is damaged', 'too little memory'], remedy: 'Check the medium; give the blade 1 GiB.' },
  'live-identity': { source: 'blade', code: 'MM-STALL-LIVE', patienceMs: 30 * S, waitsFor: 'the live system\'s own files to be written', causes: ['the medium is damaged'], remedy: DMESG },
  handover: { source: 'blade', code: 'MM-STALL-HANDOVER', patienceMs: 20 * S, waitsFor: 'the record of the boot to be written', causes: ['memory is full'], remedy: DMESG },
  root: {
    source: 'blade', code: 'MM-STALL-ROOT', patienceMs: 90 * S, waitsFor: 'the node to serve: systemd, then metamasterd, from the SAN',
    causes: ['the SAN went away', 'metamasterd ends at its start: its line mm-stage failed is on the console', 'the root is not whole', 'the cluster\'s key differs, so that it is not heard'],
    remedy: 'See the console; `journalctl -u metamasterd` once one can log in.',
  },
  serving: { source: 'live', code: 'MM-STALL-SERVING', patienceMs: Number.POSITIVE_INFINITY, waitsFor: 'nothing: the node serves', causes: [], remedy: 'Nothing is to be done.' },
  silent: {
    source: 'live', code: 'MM-STALL-SILENT', patienceMs: 0, waitsFor: 'the node to be heard again',
    causes: ['it was switched off or restarted', 'its kernel failed: the last kernel lines tell', 'it was cut off from the boot network', 'metamasterd ended'],
    remedy: 'Look at its console and its power; switch it on again, which is all that it needs.',
  },
} as const satisfies Readonly<Record<string, StageRule>>;

/** The name of a stage. */
export type Stage = keyof typeof STAGE_RULES;

/** The rule of a stage, without the narrow types of its literals. */
export const ruleOf = (stage: Stage): StageRule => STAGE_RULES[stage];

/** The stage that the initrd means by a step; undefined for what is no step of a boot. */
export function stageOfStep(step: string): Stage | undefined {
  return Object.hasOwn(STAGE_RULES, step) && ruleOf(step as Stage).source === 'blade' ? (step as Stage) : undefined;
}

const FILES: ReadonlyMap<string, Stage> = new Map([
  [KERNEL, 'kernel'], [INITRD, 'initrd'], [ARM64_KERNEL, 'kernel'], [ARM64_INITRD, 'initrd'], [BOOT_SCRIPT, 'script'], [AUTOEXEC_SCRIPT, 'script'],
  [BIOS_LOADER, 'loader'], [UEFI_LOADER, 'loader'], [ARM64_LOADER, 'loader'],
]);

/** The stage that a served file means. */
export const stageOfFile = (file: string): Stage | undefined => FILES.get(file);
