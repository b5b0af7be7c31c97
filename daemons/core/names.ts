// Names that several rooms must judge alike: what one of them accepts, all of them can use. (A container's name is the storage room's.)

/** The longest label of a host name (RFC 1035 section 2.3.4). */
export const HOST_LABEL_MAX = 63;

/** The longest domain name in text (RFC 1035 section 2.3.4: 255 bytes on the wire, two of them the first length and the root). */
export const DOMAIN_NAME_MAX = 253;

/** The longest iSCSI name in bytes (RFC 3720 section 3.2.6.1). */
export const ISCSI_NAME_MAX = 223;

/** The longest name of a network interface: the kernel's IFNAMSIZ is 16 with the closing zero. */
export const INTERFACE_NAME_MAX = 15;

/** True when `text` is one label of a host name (RFC 1123 section 2.1), in lower case, as the cluster's zone spells it. */
export function isHostLabel(text: string): boolean {
  return text.length <= HOST_LABEL_MAX && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(text);
}

/** True when `text` is a domain name of lower-case labels without a closing dot, whose last label is no number. */
export function isDomainName(text: string): boolean {
  const labels = text.split('.');
  return text.length <= DOMAIN_NAME_MAX && labels.every(isHostLabel) && !/^[0-9]+$/.test(labels.at(-1)!);
}

/**
 * True when `text` is an iSCSI name: `iqn.2001-04.com.example:disk`, `eui.` with 16 hexadecimal digits (RFC 3720 section 3.2.6.3)
 * or `naa.` with 16 or 32 (RFC 3980). Only ASCII, which the boot parameter's grammar asks for; capitals pass unfolded, for there
 * are targets that compare them byte by byte.
 */
export function isIscsiName(text: string): boolean {
  if (text.length > ISCSI_NAME_MAX) return false;
  return /^(iqn\.[0-9]{4}-(0[1-9]|1[0-2])(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:[a-z0-9.:-]+)?|eui\.[0-9a-f]{16}|naa\.([0-9a-f]{16}|[0-9a-f]{32}))$/i.test(text);
}

/** The identifiers of an 802.1Q VLAN: 0 means *no VLAN* and 4095 is reserved (IEEE 802.1Q table 9-2). */
export const VLAN_MIN = 1;
export const VLAN_MAX = 4094;

/** True when the kernel takes `text` as the name of a network interface, and no tool takes it for an alias or a path. */
export function isInterfaceName(text: string): boolean {
  return text.length <= INTERFACE_NAME_MAX && text !== '.' && text !== '..' && /^[A-Za-z0-9._-]+$/.test(text);
}
