// How each boot parameter is read, and what to say of one that cannot be: the values' side of the command line's grammar.

import { parseHostIpv4, parseNetmask } from '../daemons/core/ipv4.ts';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import { parseMac } from '../daemons/core/mac.ts';
import type { Mac } from '../daemons/core/mac.ts';
import { isInterfaceName, isIscsiName, VLAN_MAX, VLAN_MIN } from '../daemons/core/names.ts';
import { distinctPortals, parsePortal, PORTALS_MAX, type SanPortal } from '../daemons/core/san-portal.ts';
import { CONTAINER_NAME } from '../daemons/storage/container-partitions.ts';
import { MAX_WRITERS } from '../daemons/storage/registry-layout.ts';

/** What the blade is started for. */
export type BootMode = 'boot' | 'install' | 'restore';

/** A module's name in the kernel: MODULE_NAME_LEN is 64 less a pointer, with the closing zero. */
const MODULE_NAME_MAX = 55;

/** Writer 0 of the registry is the installer, all others are nodes. */
const NODE_NUMBER_MAX = MAX_WRITERS - 1;

/** The report's form of the root device: a name from the days of EVMS, kept for who knows it. */
const ROOT_PREFIX = '/dev/evms/default';

/** How one parameter is read; `read` gives undefined for what breaks the rule. */
export interface Parameter<T> {
  readonly read: (value: string) => T | undefined;
  readonly rule: string;
  readonly remedy: string;
}

/** The whole number in decimal digits, if it lies within the bounds. */
function wholeNumber(text: string, least: number, most: number): number | undefined {
  if (!/^[0-9]{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}

/** All parts of a comma-separated list without repetitions, or undefined when one of them is wrong. */
function listOf<T>(text: string, read: (part: string) => T | undefined): readonly T[] | undefined {
  const values = new Set<T>();
  for (const part of text.split(',')) {
    const value = read(part);
    if (value === undefined) return undefined;
    values.add(value);
  }
  return [...values];
}

function moduleName(text: string): string | undefined {
  return text.length <= MODULE_NAME_MAX && /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(text) ? text : undefined;
}

function containerOfRoot(text: string): string | undefined {
  const name = text.slice(ROOT_PREFIX.length);
  return text.startsWith(ROOT_PREFIX) && CONTAINER_NAME.test(name) ? name : undefined;
}

function oneOf<T extends string>(...choices: readonly T[]): Parameter<T> {
  return {
    read: (value) => choices.find((choice) => choice === value),
    rule: `must be ${choices.join(' or ')}`,
    remedy: `Give one of: ${choices.join(', ')}.`,
  };
}

export const STORAGE_IP: Parameter<Ipv4> = { read: parseHostIpv4, rule: 'must be the IPv4 address of a host', remedy: 'Give the SAN\'s address, e.g. storage_ip=192.168.0.252.' };
export const STORAGE_PORT: Parameter<number> = { read: (v) => wholeNumber(v, 1, 65535), rule: 'must be a TCP port, 1 to 65535', remedy: 'Give the port of the iSCSI service, usually 3260.' };
export const SIF: Parameter<readonly string[]> = {
  read: (v) => (isInterfaceName(v) ? [v] : undefined),
  rule: 'must be the name of one network interface, 15 characters at most',
  remedy: 'Give the interface that leads to the SAN, e.g. sif=eth0 or sif=ib0.',
};
export const SIFIP: Parameter<Ipv4> = { read: parseHostIpv4, rule: 'must be the IPv4 address of a host', remedy: 'Give this blade\'s address on the storage network, e.g. sifip=192.168.0.254.' };
export const SIFNM: Parameter<Ipv4> = { read: parseNetmask, rule: 'must be a netmask from 128.0.0.0 to 255.255.255.252, its ones in front', remedy: 'Give the storage network\'s netmask, e.g. sifnm=255.255.255.0.' };
export const SIFM: Parameter<readonly string[]> = { read: (v) => listOf(v, moduleName), rule: 'must be names of kernel modules with commas between them', remedy: 'Give them without spaces, e.g. sifm=tg3,e1000.' };
export const IVID: Parameter<string> = {
  read: (v) => (isIscsiName(v) ? v : undefined),
  rule: 'must be an iSCSI name: iqn.YYYY-MM.domain:name, eui. with 16 hexadecimal digits, or naa. with 16 or 32',
  remedy: 'Give the target\'s name as the SAN shows it; /etc/install/INSTALL.info holds it too.',
};
export const ROOT: Parameter<string> = {
  read: containerOfRoot,
  rule: `must be ${ROOT_PREFIX}<container>, the container a lower-case letter and then at most 15 lower-case letters, digits and hyphens`,
  remedy: `Give the container's name that was chosen at the installation, e.g. root=${ROOT_PREFIX}foo.`,
};
export const SERVERS: Parameter<readonly Ipv4[]> = { read: (v) => listOf(v, parseHostIpv4), rule: 'must be IPv4 addresses of hosts with commas between them', remedy: 'Give the boot servers\' addresses without spaces.' };
export const PORTALS: Parameter<readonly SanPortal[]> = {
  read: (v) => {
    const portals = listOf(v, parsePortal);
    return portals === undefined || portals.length >= PORTALS_MAX ? undefined : distinctPortals(portals);
  },
  rule: `must be at most ${PORTALS_MAX - 1} further portals of the target, address or address:port, with commas between them`,
  remedy: 'Give them without spaces, e.g. mm.portals=192.168.0.251,192.168.0.250:3260.',
};
export const NODE: Parameter<number> = { read: (v) => wholeNumber(v, 1, NODE_NUMBER_MAX), rule: `must be a node's number, 1 to ${NODE_NUMBER_MAX}`, remedy: 'Give the number that the roster shows.' };
export const VLAN: Parameter<number> = { read: (v) => wholeNumber(v, VLAN_MIN, VLAN_MAX), rule: `must be the number of an 802.1Q VLAN, ${VLAN_MIN} to ${VLAN_MAX}`, remedy: 'Give the VLAN that the switch port carries tagged, e.g. mm.vlan=5; leave it out for an untagged port.' };
export const MAC: Parameter<Mac> = { read: parseMac, rule: 'must be the MAC address of one network card', remedy: 'Write it as aa:bb:cc:dd:ee:ff.' };
export const FLAG: Parameter<boolean> = { read: (v) => (v === '1' ? true : v === '0' ? false : undefined), rule: 'must stand alone or be 1 or 0', remedy: 'Leave the value out.' };
export const MODE = oneOf<BootMode>('boot', 'install', 'restore');
export const BOOT = oneOf('net', 'dvd');
