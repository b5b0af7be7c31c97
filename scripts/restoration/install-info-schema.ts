// INSTALL.info as a JSON Schema, for programs that check or write what `parseInstallInfo` gives. The initrd renders the file and has no zod,
// so the parser has rules of its own (daemons/storage/install-info-parse.ts); a test holds the two against each other.

import { z } from 'zod';
import { ipv4FromNumber } from '../../daemons/core/ipv4.ts';
import { DOMAIN_NAME_MAX, ISCSI_NAME_MAX, VLAN_MAX, VLAN_MIN } from '../../daemons/core/names.ts';
import { CONTAINER_NAME } from '../../daemons/storage/container-partitions.ts';
import { MAX_WRITERS } from '../../daemons/storage/registry-layout.ts';
import { KERNEL_RELEASE, TABLE_KEY } from '../../daemons/storage/registry-shape.ts';
import { VOLUME_NAME } from '../../daemons/storage/volume-name.ts';
import { CLUSTER_NAME_MAX, KERNEL_PARAMETERS_MAX } from '../../daemons/storage/roster-shape.ts';

const text = (pattern: RegExp, rule: string): z.ZodString => z.string().regex(pattern).describe(rule);
/** ONE_LINE, spelled out: validators read a pattern without the flag that gives `\p{Cc}` its meaning. */
// oxlint-disable-next-line no-control-regex
const NO_CONTROLS = /^[^\u0000-\u001f\u007f-\u009f]*$/;
const OCTET = String.raw`(0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])`;
const PORT = String.raw`([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])`;
const ADDRESS = String.raw`${OCTET}(\.${OCTET}){3}`;
/** At most 63 characters (HOST_LABEL_MAX of daemons/core/names.ts). */
const HOST_LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';

const address = text(new RegExp(`^${ADDRESS}$`), 'an IPv4 address');
const netmask = z.enum(Array.from({ length: 32 }, (_, i) => ipv4FromNumber((0xffffffff << (31 - i)) >>> 0))).describe('a netmask');
const uuid = text(/^(?!00000000-0000-0000-0000-000000000000)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a UUID in lower case that is not nil');
const mac = text(/^(?!00:00:00:00:00:00)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, 'the MAC address of one network card');
const hostLabel = text(new RegExp(`^${HOST_LABEL}$`), 'a host name');
const volume = text(VOLUME_NAME, 'the name of a volume');
const containerName = text(CONTAINER_NAME, 'a lower-case letter, then at most 15 lower-case letters, digits and hyphens');
const bytes = z.int().min(1).max(Number.MAX_SAFE_INTEGER).describe('bytes');

/** The form of what `parseInstallInfo` gives. */
export const INSTALL_INFO_SCHEMA = z.strictObject({
  cluster: z.strictObject({
    name: text(NO_CONTROLS, 'the cluster\'s name').min(1).max(CLUSTER_NAME_MAX),
    uuid,
    container: containerName,
    domain: text(new RegExp(`^(?!(.*\\.)?[0-9]+$)${HOST_LABEL}(\\.${HOST_LABEL})*$`), 'a domain name').max(DOMAIN_NAME_MAX),
    netmask,
    'meta-master-ip': address,
    'boot-vlan': z.int().min(VLAN_MIN).max(VLAN_MAX).optional(),
    'kernel-parameters': text(NO_CONTROLS, 'added to every blade\'s kernel command line').max(KERNEL_PARAMETERS_MAX),
    'container-bytes': bytes,
    'shared-bytes': bytes.optional(),
  }),
  san: z.strictObject({
    target: text(/^([iI][qQ][nN]\.|[eE][uU][iI]\.|[nN][aA][aA]\.)[A-Za-z0-9.:-]+$/, 'an iSCSI name').max(ISCSI_NAME_MAX),
    portals: z.array(text(new RegExp(`^${ADDRESS}:${PORT}$`), 'address:port')).min(1),
    chap: z.enum(['one-way', 'mutual']).optional(),
  }),
  answers: z.record(z.string().regex(TABLE_KEY), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
  origins: z.array(z.strictObject({
    volume, name: containerName, version: z.int().min(1).max(0xffffffff), uuid, kernel: text(KERNEL_RELEASE, 'a kernel release'), 'image-bytes': bytes, 'image-sha256': text(/^[0-9a-f]{64}$/, 'SHA-256'),
  })),
  nodes: z.array(z.strictObject({
    number: z.int().min(1).max(MAX_WRITERS - 1), name: hostLabel, macs: z.array(mac).min(1), address, loader: z.enum(['rom', 'ours']), origin: volume,
    'store-bytes': bytes, 'state-bytes': bytes, 'swap-bytes': bytes.optional(),
  })).min(1),
});

/** The text of docs/install-info.schema.json (JSON Schema 2020-12). */
export function installInfoSchemaText(): string {
  const schema = z.toJSONSchema(INSTALL_INFO_SCHEMA);
  return `${JSON.stringify({ title: 'INSTALL.info', description: 'What INSTALL.info says, as an object; docs/formats.md has the file itself.', ...schema }, undefined, 2)}\n`;
}
