// The question to the boot network whether a DHCP server is on it, and what the offers mean. Pure; daemons/host/dhcp-discovery.ts sends
// and listens. No node serves while a cluster is installed, so that every offer is somebody else's.

import { concatBytes, encodeLatin1 } from '../../daemons/core/bytes.ts';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { type Mac, macToBytes } from '../../daemons/core/mac.ts';
import type { Problem } from '../../daemons/core/problem.ts';
import { NO_ADDRESS } from '../../daemons/dhcp/reply.ts';
import { printable } from '../../daemons/dhcp/stranger-log.ts';
import { addressOption, MESSAGE, messageTypeOf, OPTION, textOption, textValue, uint16Value, uint8Value } from '../../daemons/wire/dhcp-options.ts';
import { BOOT_REPLY, BOOT_REQUEST, decodeDhcp, type DhcpPacket, encodeDhcp } from '../../daemons/wire/dhcp-packet.ts';

/** Type 0 of RFC 2132 section 9.14, no hardware address: what a server keeps for this client is not what the blade's ROM gets. */
const CLIENT_ID = concatBytes(Uint8Array.of(0), encodeLatin1('metamaster-install'));
/** What ROMs ask for: mask, router, name server, vendor options, server, vendor class, TFTP server, boot file. */
const ASKED = Uint8Array.of(1, 3, 6, 43, 54, 60, 66, 67);
const MESSAGE_MAX_BYTES = 1472;
/** Servers name a boot file by the kind of firmware (RFC 4578 section 2.1): BIOS and x86-64 UEFI are asked for, each with its UNDI version. */
const FIRMWARES = [{ architecture: 0, undi: [1, 2, 1], text: 'PXEClient:Arch:00000:UNDI:002001' }, { architecture: 7, undi: [1, 3, 16], text: 'PXEClient:Arch:00007:UNDI:003016' }] as const;

/** A datagram that came to the DHCP client's port. */
export interface HeardReply {
  readonly bytes: Uint8Array;
  readonly from: Ipv4;
  /** The sender's network card, where the kernel knows it. */
  readonly mac: Mac | undefined;
}

/** What one foreign server offers. */
export interface DhcpOffer {
  readonly server: Ipv4;
  readonly mac: Mac | undefined;
  /** 0.0.0.0 from a proxy, which leaves addresses to another server. */
  readonly address: Ipv4;
  readonly nextServer: Ipv4;
  /** Each boot file that it named, for print; none: it leads no ROM anywhere. */
  readonly files: readonly string[];
  /** It says that it boots PXE or HTTP clients, as proxies do that name the file later. */
  readonly boots: boolean;
}

/** One DISCOVER for each kind of firmware, as a ROM of this network card would send it; their transactions are `xid` and those after it. */
export function discoverMessages(mac: Mac, xid: number): readonly Uint8Array[] {
  const chaddr = macToBytes(mac);
  return FIRMWARES.map(({ architecture, undi, text }, at) => {
    const options = new Map([
      [OPTION.messageType, uint8Value(MESSAGE.discover)], [OPTION.clientIdentifier, CLIENT_ID], [OPTION.parameterRequestList, ASKED],
      [OPTION.maximumMessageSize, uint16Value(MESSAGE_MAX_BYTES)], [OPTION.vendorClass, textValue(text)], [OPTION.clientArchitecture, uint16Value(architecture)],
      [OPTION.clientInterface, Uint8Array.from(undi)], [OPTION.machineIdentifier, concatBytes(new Uint8Array(11), chaddr)],
    ]);
    const none = { ciaddr: NO_ADDRESS, yiaddr: NO_ADDRESS, siaddr: NO_ADDRESS, giaddr: NO_ADDRESS, sname: '', file: '' };
    // As a broadcast: nobody here has the address that is offered.
    return encodeDhcp({ op: BOOT_REQUEST, htype: 1, hops: 0, xid: (xid + at) >>> 0, secs: 0, broadcast: true, chaddr, ...none, options });
  });
}

function isOfferToUs({ op, xid, options }: DhcpPacket, first: number): boolean {
  const ours = FIRMWARES.some((_, at) => (first + at) >>> 0 === xid);
  return op === BOOT_REPLY && ours && messageTypeOf(options) === MESSAGE.offer;
}

/** The offers among what was heard, one for each server; whatever else came is nobody's concern here. */
export function readOffers(heard: readonly HeardReply[], xid: number): readonly DhcpOffer[] {
  const offers = new Map<Ipv4, DhcpOffer>();
  for (const { bytes, from, mac } of heard) {
    const packet = decodeDhcp(bytes);
    if (packet === undefined || !isOfferToUs(packet, xid)) continue;
    const server = addressOption(packet.options, OPTION.serverIdentifier) ?? from;
    const before = offers.get(server);
    const named = [packet.file, textOption(packet.options, OPTION.bootFileName) ?? ''].filter((file) => file !== '').map(printable);
    offers.set(server, {
      server, mac: mac ?? before?.mac, address: packet.yiaddr, nextServer: packet.siaddr,
      files: [...new Set([...(before?.files ?? []), ...named])],
      boots: (before?.boots ?? false) || /^(PXE|HTTP)Client/.test(textOption(packet.options, OPTION.vendorClass) ?? ''),
    });
  }
  return [...offers.values()];
}

/** True when a ROM that takes this offer boots what the other server has. */
export const leadsAway = ({ files, boots }: DhcpOffer): boolean => boots || files.length > 0;

function offerText({ address, nextServer, files, boots }: DhcpOffer): string {
  return [
    address === NO_ADDRESS ? 'an offer without an address' : `an offer of ${address}`,
    nextServer === NO_ADDRESS ? 'no next-server' : `next-server ${nextServer}`,
    files.length === 0 ? (boots ? 'a boot file named later' : 'no boot file') : `boot file ${files.join(' or ')}`,
  ].join(', ');
}

/** What is to be said of an offer. */
export function foreignDhcpProblem(offer: DhcpOffer): Problem {
  const away = leadsAway(offer);
  return {
    code: 'MM-INSTALL-FOREIGN-DHCP', where: `DHCP server ${offer.server}${offer.mac === undefined ? '' : ` (${offer.mac})`}`,
    rule: 'only the nodes of the cluster answer DHCP on the boot network, for ROMs take the first offer', seen: offerText(offer),
    remedy: [
      'Switch it off on this network, or tell it to leave the cluster\'s MAC addresses alone.',
      away ? 'Else blades will boot what it offers; --accept-foreign-dhcp installs all the same.' : 'Else blades that take its offer find nothing to boot, and ask again.',
    ].join(' '),
  };
}
