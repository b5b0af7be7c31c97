// The iPXE scripts that a blade is given. They have to run on the iPXE of 2019 that is burnt into cards as on today's.
// A script that ends, or a line that fails without `||`, drops the blade to its next boot device: none of these does.
// In iPXE's grammar `||`, `&&` and `;` on their own separate commands and a word that starts with `#` ends the line.

import { ARM64_INITRD, ARM64_KERNEL, BOOT_SCRIPT, INITRD, KERNEL, SAN_LOGIN_IMAGE } from '../core/boot-file-names.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { type BarredMachine, type Roster, type RosterNode, unbarCommand } from '../core/roster.ts';
import { portalText } from '../core/san-portal.ts';
import { timeText } from '../core/unix-time.ts';

/** Counts from the last byte that arrived; a live node on a busy network answers well within it. */
const FETCH_TIMEOUT_MS = 5000;
/** Between two rounds: long enough not to hammer a rack whose nodes are just starting, short enough not to be noticed. */
const PAUSE_S = 2;
/** A barred machine waits for an administrator. */
const BARRED_PAUSE_S = 15;
/** The servers that a script names. Three would do; the rest is for a rack that loses power by halves. */
export const SERVERS_MAX = 8;

/** The names of the kernel and the initrd in the file table. */
export interface BootFiles {
  readonly kernel: string;
  readonly initrd: string;
}

export const BOOT_FILES: BootFiles = { kernel: KERNEL, initrd: INITRD };
export const ARM64_BOOT_FILES: BootFiles = { kernel: ARM64_KERNEL, initrd: ARM64_INITRD };

/** iPXE's settings that hold the names where iPXE has to choose; it fills them in on the kernel's command line as well. */
const CHOSEN: BootFiles = { kernel: 'mm-kernel', initrd: 'mm-initrd' };
const CHOSEN_FILES: BootFiles = { kernel: `\${${CHOSEN.kernel}}`, initrd: `\${${CHOSEN.initrd}}` };

export interface BootScriptInput {
  readonly roster: Roster;
  readonly node: RosterNode;
  /** The nodes that serve, in the order in which they shall be tried; those after SERVERS_MAX are left out. */
  readonly servers: readonly Ipv4[];
  readonly files: BootFiles;
  /** What an iPXE that was built for arm64 fetches in their place; undefined: this cluster has nothing for it. */
  readonly arm64?: BootFiles | undefined;
}

/** Words that iPXE would take for the end of a command are dropped, and so is what it would expand. */
function safeParameters(text: string): string {
  return text
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('#') && word !== '||' && word !== '&&' && word !== ';' && !word.includes('${'))
    .join(' ');
}

/**
 * The kernel command line of a network boot; `initrd=` is what a UEFI kernel finds iPXE's initrds by. One that is named and not there ends
 * the boot (efi_load_initrd_cmdline in the kernel's EFI stub), so the SAN's login is named only where it was fetched.
 */
export function kernelCommandLine({ roster, node, servers, files }: BootScriptInput, withLogin = false): string {
  const words = [
    `initrd=${files.initrd}`,
    withLogin ? `initrd=${SAN_LOGIN_IMAGE}` : '',
    `root=/dev/evms/default${roster.container}`,
    `storage_ip=${roster.san.address}`,
    `storage_port=${roster.san.port}`,
    'sif=eth0',
    `sifip=${node.address}`,
    `sifnm=${roster.netmask}`,
    `ivid=${roster.san.target}`,
    '---',
    'net.ifnames=0',
    safeParameters(roster.kernelParameters),
    ...(roster.san.portals === undefined || roster.san.portals.length === 0 ? [] : [`mm.portals=${roster.san.portals.map(portalText).join(',')}`]),
    `mm.servers=${servers.slice(0, SERVERS_MAX).join(',')}`,
    // iPXE fills in the card that it boots from: which of several that is in Linux, no name tells.
    'mm.mac=${netX/mac}',
    // What the iPXE of one blade alone says of its card, as its script has set it; first, for the first of equal parameters counts.
    '${mm-parameters}',
    ...(roster.vlan === undefined ? [] : [`mm.vlan=${roster.vlan}`]),
    'mm.boot=net',
  ];
  return words.filter((word) => word !== '').join(' ');
}

/**
 * One server by one protocol. The SAN's login goes by HTTP alone: by TFTP nobody could tell who it is that asks. A blade that boots
 * without it waits at its login, and says why. Both initrds are named, for their names are what `initrd=` refers to; a name that a URL
 * with a query gives differs between releases of iPXE.
 */
function attempt(scheme: 'http' | 'tftp', server: Ipv4, label: string, next: string, input: BootScriptInput, first: readonly string[]): string[] {
  const { files, roster } = input;
  const withLogin = scheme === 'http' && roster.san.chap !== undefined;
  const commandLine = kernelCommandLine(input, withLogin);
  const fetch = (command: string, file: string, rest: string) => `${command} --timeout ${FETCH_TIMEOUT_MS} ${scheme}://${server}/${file}${rest} || goto ${next}`;
  return [
    `:${label}`,
    ...first,
    'imgfree ||',
    fetch('kernel', files.kernel, ` ${commandLine}`),
    `echo mm-stage ${scheme} kernel ${server}`,
    fetch(withLogin ? `initrd --name ${files.initrd}` : 'initrd', files.initrd, ''),
    ...(withLogin ? [fetch(`initrd --name ${SAN_LOGIN_IMAGE}`, SAN_LOGIN_IMAGE, '?mac=${netX/mac:hexhyp}')] : []),
    `echo mm-stage ${scheme} initrd ${server}`,
    `boot || goto ${next}`,
  ];
}

// netX is the device that was opened last. With a VLAN device (`net0-5`) on a card it is that one, for the card is opened first. An
// iPXE since 2019 closes a device whose DHCP failed, with a VLAN device its card as well, and then there is no netX. Who opens net0 again
// opens the VLAN device behind it (iPXE's net/vlan.c, vlan_sync); where there is none, netX is net0.
const OPEN_CARD = 'isset ${netX/mac} || ifopen net0 ||';

/** A fresh script from whoever answers DHCP now; by TFTP where HTTP is not to be had. Falls through when there is none. */
function chainLines(query: string): string[] {
  const chain = (scheme: string, name: string) => `chain --replace --autofree --timeout ${FETCH_TIMEOUT_MS} ${scheme}://\${next-server}/${name} ||`;
  return [chain('http', `${BOOT_SCRIPT}${query}`), chain('tftp', BOOT_SCRIPT)];
}

/**
 * The choice by the architecture that iPXE was built for, which tells arm64 from x86: neither runs on the other. A setting outlives the script
 * that made it, so both names are set each time.
 */
function choiceLines(files: BootFiles, arm64: BootFiles): string[] {
  const parts = ['kernel', 'initrd'] as const;
  return [
    ...parts.map((part) => `set ${CHOSEN[part]} ${files[part]} ||`),
    ...parts.map((part) => `iseq \${buildarch} arm64 && set ${CHOSEN[part]} ${arm64[part]} ||`),
  ];
}

/**
 * The script for one node of the roster: HTTP from each server (twice from one that is alone), then TFTP from each, then DHCP afresh and whatever script
 * the server that answers it has; for ever.
 */
export function bootScript(input: BootScriptInput): string {
  const { arm64, files } = input;
  const fetched = arm64 === undefined ? input : { ...input, files: CHOSEN_FILES };
  const servers = input.servers.slice(0, SERVERS_MAX);
  const by = (scheme: 'http' | 'tftp') => servers.map((server) => ({ scheme, server }));
  // A server that is alone in the rack may be in the middle of its own boot, and TFTP would be the heavier burden by far: HTTP has a second try.
  const attempts = [...by('http'), ...(servers.length === 1 ? by('http') : []), ...by('tftp')];
  const lines = [
    '#!ipxe',
    `# ${input.node.name}, node ${input.node.number} of ${input.roster.clusterName}`,
    ...(arm64 === undefined ? [] : choiceLines(files, arm64)),
    'echo mm-stage dhcp ${netX/ip} from ${next-server}',
    ...attempts.flatMap(({ scheme, server }, i) => {
      const next = i + 1 < attempts.length ? `try${i + 2}` : 'again';
      const again = i > 0 && attempts[i - 1]!.scheme === scheme && attempts[i - 1]!.server === server;
      return attempt(scheme, server, `try${i + 1}`, next, fetched, again ? [`sleep ${PAUSE_S} ||`] : []);
    }),
    ':again',
    OPEN_CARD,
    'imgfree ||',
    'echo mm-stage retry no server delivered',
    `sleep ${PAUSE_S} ||`,
    'dhcp netX || goto again',
    'echo mm-stage dhcp ${netX/ip} from ${next-server}',
    ...chainLines(''),
    'goto again',
  ];
  return `${lines.join('\n')}\n`;
}

/** The script for a client that is not known by its address: it comes again with its MAC address. */
export function macScript(server: Ipv4): string {
  const lines = [
    '#!ipxe',
    `chain --replace --autofree --timeout ${FETCH_TIMEOUT_MS} http://${server}/${BOOT_SCRIPT}?mac=\${netX/mac:hexhyp} ||`,
    ':again',
    OPEN_CARD,
    'echo MM-BOOT-NO-SCRIPT: no node has a script for ${netX/mac}; if it is not in the roster, add this blade or replace a node by it',
    'echo mm-stage retry no script for ${netX/mac}',
    `sleep ${PAUSE_S} ||`,
    'dhcp netX || goto again',
    ...chainLines('?mac=${netX/mac:hexhyp}'),
    'goto again',
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * The script for a barred machine. It says on the machine's console what no error of HTTP would (iPXE puts a status into its own words, and shows no
 * body), and asks again: once the bar is lifted, the machine boots by itself.
 */
export function barredScript(bar: BarredMachine): string {
  const lines = [
    '#!ipxe',
    ':again',
    OPEN_CARD,
    'imgfree ||',
    `echo MM-BOOT-BARRED: this machine was node ${bar.node} until it was replaced, and is barred since ${timeText(bar.sinceUnixMs)}`,
    `echo switch it off, or let it in on a node: ${unbarCommand(bar)}`,
    'echo mm-stage retry barred ${netX/mac}',
    `sleep ${BARRED_PAUSE_S} ||`,
    'dhcp netX || goto again',
    ...chainLines('?mac=${netX/mac:hexhyp}'),
    'goto again',
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * `autoexec.ipxe`, which iPXE since 2022 fetches by itself from where it came. Configuring by DHCP alone spares the wait
 * for a router advertisement.
 */
export function autoexecScript(): string {
  const lines = [
    '#!ipxe',
    ':again',
    OPEN_CARD,
    'ifconf -c dhcp netX || goto wait',
    'echo mm-stage dhcp ${netX/ip} from ${next-server}',
    ...chainLines('?mac=${netX/mac:hexhyp}'),
    ':wait',
    `sleep ${PAUSE_S} ||`,
    'goto again',
  ];
  return `${lines.join('\n')}\n`;
}
