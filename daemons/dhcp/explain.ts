// Why a blade is told what it is told, for the operator: the same pure functions that answer it, in words.

import type { Mac } from '../core/mac.ts';
import { barOfMac, nodeOfMac, nodeOfNumber, unbarCommand } from '../core/roster.ts';
import type { Roster } from '../core/roster.ts';
import { timeText } from '../core/unix-time.ts';
import { type Answerers, answerOrder } from './answer-rank.ts';
import { bootAnswer, needsOurLoader } from './boot-policy.ts';
import type { Client } from './boot-policy.ts';
import type { ClientSession } from './client-session.ts';
import { INFINITE_LEASE_SECONDS } from './reply.ts';

/** What an explanation is made of. */
export interface Explained extends Answerers {
  readonly mac: Mac;
  readonly roster: Roster;
  readonly self: number;
  readonly leaseSeconds: number;
  /** This node has the boot files for arm64. */
  readonly arm64: boolean;
  readonly session?: ClientSession;
}

/** One client of each kind, as it would ask. */
const kinds = (arm64: boolean): readonly (readonly [string, Client])[] => [
  ['iPXE, BIOS', { kind: 'ipxe', architectures: [0] }],
  ['iPXE, x64 UEFI', { kind: 'ipxe', architectures: [7] }],
  ['plain BIOS ROM', { kind: 'bios-rom', architectures: [0] }],
  ['x64 UEFI, PXE', { kind: 'uefi-x64', architectures: [7] }],
  ['x64 UEFI, HTTP boot', { kind: 'http-boot', architectures: [16] }],
  ['iPXE, arm64 UEFI', { kind: 'ipxe', architectures: [11] }],
  ['arm64 UEFI, PXE', { kind: arm64 ? 'uefi-arm64' : 'unsupported', architectures: [11] }],
  ['arm64 UEFI, HTTP boot', { kind: arm64 ? 'http-boot-arm64' : 'unsupported', architectures: [19] }],
  ['operating system', { kind: 'os', architectures: [] }],
];

const TURNS = ['at once', 'at the first retransmission'];

/** Lines of text: who the blade is, who answers it when, what each kind of boot program is told, what it last did. */
export function explainClient({ mac, roster, self, live, suspects, leaseSeconds, arm64, session }: Explained): string {
  const bar = barOfMac(roster, mac);
  if (bar) return `MM-DHCP-BARRED: ${mac} belongs to a machine that was node ${bar.node} of ${roster.clusterName} and was replaced. It is barred since ${timeText(bar.sinceUnixMs)}: it gets no answer until \`${unbarCommand(bar)}\`.\n`;
  const node = nodeOfMac(roster, mac);
  if (!node) return `${mac} is not in the roster of ${roster.clusterName}: it gets no answer.`;
  const lines = [`${mac} is ${node.name} (node ${node.number}): address ${node.address}, netmask ${roster.netmask}, ${leaseSeconds === INFINITE_LEASE_SECONDS ? 'lease without end' : `lease of ${leaseSeconds} s`}`];
  const order = answerOrder(roster, mac, node.number, { live, suspects }, session?.turn ?? 0);
  order.forEach((number, rank) => {
    const name = nodeOfNumber(roster, number)?.name ?? 'not in the roster';
    lines.push(`rank ${rank}: node ${number} (${name})${number === self ? ', this node' : ''} answers ${TURNS[rank] ?? 'at the second retransmission'}${suspects.includes(number) ? '; it may be dead, and stands behind the others' : ''}`);
  });
  const drained = roster.nodes.filter((each) => each.drained === true && live.includes(each.number) && !order.includes(each.number));
  for (const { number, name } of drained) lines.push(`drained: node ${number} (${name})${number === self ? ', this node' : ''} does not answer while another node serves`);
  if (session && session.turn > 0) lines.push(`the order is turned by ${session.turn}: the blade started over that often without getting further than DHCP`);
  const server = nodeOfNumber(roster, order[0] ?? self)?.address;
  for (const [name, client] of server ? kinds(arm64) : []) {
    const replaced = needsOurLoader(client, node.loader, undefined, arm64);
    const file = bootAnswer(client, server!, replaced).bootFile ?? 'no boot file';
    lines.push(`${name}: ${file}${replaced ? ', and the iPXE that comes out of it gets the boot script (loader: ours)' : ''}`);
  }
  const ours = session?.loader?.ours?.fingerprint;
  if (ours !== undefined) lines.push(`our loader is known on this card by its option 175: ${ours || 'none'}`);
  if (session) lines.push(`last heard: ${session.request}, ${session.tries} retransmissions, ${session.chosen ? 'a server chosen' : 'no server chosen'}, ${session.progressed ? 'got further than DHCP' : 'not seen further than DHCP here'}`);
  return `${lines.join('\n')}\n`;
}
