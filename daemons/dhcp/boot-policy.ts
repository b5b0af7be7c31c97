// Which boot file a client is told, and with which options. Named pure functions, nothing else: who may ask is decided elsewhere.

import { ARM64_LOADER, BIOS_LOADER, BOOT_SCRIPT, UEFI_LOADER } from '../core/boot-file-names.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { RosterNode } from '../core/roster.ts';
import { ipxeFingerprint, ipxeNoProxyDhcp } from '../wire/dhcp-ipxe.ts';
import { architecturesOf, OPTION, textOption, textValue } from '../wire/dhcp-options.ts';
import type { DhcpOptions } from '../wire/dhcp-option-area.ts';
import { pxeNoDiscovery } from '../wire/dhcp-pxe.ts';
import { decodeUserClass } from '../wire/dhcp-user-class.ts';

/**
 * What kind of program asks: `ipxe`, a plain PXE ROM (`bios-rom`), UEFI by PXE or by HTTP boot on x64 or arm64, an operating
 * system, or a boot ROM of an architecture that this node has no loader for.
 */
export type ClientKind = 'ipxe' | 'bios-rom' | 'uefi-x64' | 'http-boot' | 'uefi-arm64' | 'http-boot-arm64' | 'os' | 'unsupported';

/** What a request says of its sender. */
export interface Client {
  readonly kind: ClientKind;
  /** Only of iPXE, and of each one: see `ipxeFingerprint`. */
  readonly fingerprint?: string;
  /** Option 93, or what the vendor class says in its place; empty when neither speaks. */
  readonly architectures: readonly number[];
}

/** What a client is told to boot. */
export interface BootAnswer {
  /** For the header's `file` and option 67; undefined: boot nothing. */
  readonly bootFile?: string;
  /** Options 43, 60 and 175, as far as this client needs them. */
  readonly options: DhcpOptions;
}

/**
 * Processor architectures of RFC 4578 section 2.1 as IANA's registry (Processor Architecture Types), which goes on where the RFC ends, and real
 * firmware have them: EDK2 sends 7 for x64, some firmware 9.
 */
const BIOS = 0;
const UEFI_X64: ReadonlySet<number> = new Set([7, 9]);
const UEFI_X64_HTTP = 16;
const UEFI_ARM64 = 11;
const UEFI_ARM64_HTTP = 19;

/** The architectures of option 93; where it is missing, the one in `PXEClient:Arch:00007:UNDI:003016`. */
function architectures(options: DhcpOptions, vendorClass: string): readonly number[] {
  const told = architecturesOf(options);
  if (told.length > 0) return told;
  const inClass = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass);
  return inClass ? [Number(inClass[1])] : [];
}

function kindOf(vendorClass: string, architectures: readonly number[], arm64: boolean): ClientKind {
  if (vendorClass.startsWith('HTTPClient')) {
    if (architectures.includes(UEFI_X64_HTTP)) return 'http-boot';
    return arm64 && architectures.includes(UEFI_ARM64_HTTP) ? 'http-boot-arm64' : 'unsupported';
  }
  if (!vendorClass.startsWith('PXEClient')) return 'os';
  // A ROM that says nothing of its architecture is older than RFC 4578, and so is a BIOS.
  if (architectures.length === 0 || architectures.includes(BIOS)) return 'bios-rom';
  if (architectures.some((one) => UEFI_X64.has(one))) return 'uefi-x64';
  return arm64 && architectures.includes(UEFI_ARM64) ? 'uefi-arm64' : 'unsupported';
}

/** Reads from a request's options what kind of client sent it. `arm64`: this node has the boot files for arm64. */
export function clientOf(options: DhcpOptions, arm64: boolean): Client {
  const vendorClass = textOption(options, OPTION.vendorClass) ?? '';
  const archs = architectures(options, vendorClass);
  const userClass = options.get(OPTION.userClass);
  const encapsulated = options.get(OPTION.ipxe);
  // gPXE, iPXE's ancestor, is its own user class and reads no HTTP URL reliably: it counts as a plain ROM.
  const isIpxe = userClass !== undefined ? decodeUserClass(userClass).includes('iPXE') : encapsulated !== undefined;
  if (!isIpxe) return { kind: kindOf(vendorClass, archs, arm64), architectures: archs };
  return { kind: 'ipxe', architectures: archs, fingerprint: ipxeFingerprint(encapsulated) };
}

/** The loader file for the architecture that an iPXE says it runs on; undefined when there is none. `arm64`: as for `clientOf`. */
function loaderFor({ architectures }: Client, arm64: boolean): string | undefined {
  if (architectures.includes(BIOS)) return BIOS_LOADER;
  if (architectures.some((one) => UEFI_X64.has(one))) return UEFI_LOADER;
  return arm64 && architectures.includes(UEFI_ARM64) ? ARM64_LOADER : undefined;
}

/**
 * True for an iPXE that is to be replaced before it runs the boot script: the roster says `ours` for its node, it is not known
 * as our loader, and there is a loader for its architecture. `ours` is the fingerprint by which our loader is known on its card
 * (see loader-memory.ts); undefined: not yet, so that whatever asks counts as the card's own. `arm64`: as for `clientOf`.
 */
export function needsOurLoader(client: Client, loader: RosterNode['loader'], ours: string | undefined, arm64: boolean): boolean {
  if (client.kind !== 'ipxe' || loader !== 'ours' || loaderFor(client, arm64) === undefined) return false;
  return ours === undefined || client.fingerprint !== ours;
}

/**
 * How far up the boot a client is: 0 for a ROM or an iPXE that is to be replaced, 1 for the iPXE that runs the script,
 * 2 for an operating system. A blade that asks from a higher rung than before has got further.
 */
export function bootRung(client: Client, replaced: boolean): number {
  if (client.kind === 'os') return 2;
  return client.kind === 'ipxe' && !replaced ? 1 : 0;
}

/**
 * What the client is told to boot from `server`, the address of the answering node.
 * `replaceIpxe` (see `needsOurLoader`) sends an iPXE to our loader instead of the script.
 */
export function bootAnswer(client: Client, server: Ipv4, replaceIpxe: boolean): BootAnswer {
  // Option 60 without 43 sends EDK2 to port 4011, where nobody listens, so the two go together or not at all.
  const pxe = new Map([
    [OPTION.vendorClass as number, textValue('PXEClient')],
    [OPTION.vendorSpecific as number, pxeNoDiscovery()],
  ]);
  switch (client.kind) {
    case 'ipxe': {
      // By TFTP, which every iPXE speaks. HTTP comes in the script, with time-outs and TFTP as the fall-back.
      const options = new Map([[OPTION.ipxe as number, ipxeNoProxyDhcp()]]);
      // That its loader is there has been seen by needsOurLoader.
      const loader = replaceIpxe ? loaderFor(client, true) : undefined;
      return { bootFile: loader ?? `tftp://${server}/${BOOT_SCRIPT}`, options };
    }
    case 'bios-rom':
      return { bootFile: BIOS_LOADER, options: pxe };
    case 'uefi-x64':
      return { bootFile: UEFI_LOADER, options: pxe };
    case 'uefi-arm64':
      return { bootFile: ARM64_LOADER, options: pxe };
    case 'http-boot':
    case 'http-boot-arm64': {
      const loader = client.kind === 'http-boot' ? UEFI_LOADER : ARM64_LOADER;
      // UEFI 2.10 section 24.7.3.1: an offer without HTTPClient is not taken for an HTTP boot offer.
      return { bootFile: `http://${server}/${loader}`, options: new Map([[OPTION.vendorClass, textValue('HTTPClient')]]) };
    }
    case 'os':
    case 'unsupported':
      return { options: new Map() };
  }
}
