// What must hold between the answers, each of which may be well formed on its own. Whatever is missing or wrong in itself is
// left out by the caller, and nothing is said about it a second time.

import { isHostOf, networkOf, sameNetwork } from '../../daemons/core/ipv4.ts';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { MessageCode, Problem } from '../../daemons/core/problem.ts';
import { parsePortal } from '../../daemons/core/san-portal.ts';
import type { AnsweredNode, Answers } from './answers.ts';
import { GATEWAY_RELATIONS } from './answers-gateway.ts';

/** A node as far as it is sound; without a number it is its place in the list, counted from 1. */
type SoundNode = Partial<AnsweredNode> & { readonly number?: number };

/** The answers as far as they are sound; a node that is not sound keeps its place in the list. */
export type SoundAnswers = { readonly [K in keyof Omit<Answers, 'nodes'>]?: Answers[K] | undefined } & { readonly nodes?: readonly (SoundNode | undefined)[] | undefined };

/** What one relation has against the answers. */
export type Relation = (answers: SoundAnswers) => readonly Problem[];

const problemOf = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem => ({ code, where, rule, seen, remedy });

const counts: Relation = ({ nodes, 'number-of-nodes': count, 'maximum-nodes': maximum }) => {
  const problems: Problem[] = [];
  if (nodes && count !== undefined && count !== nodes.length) {
    problems.push(problemOf('MM-ANSWERS-COUNT', 'number-of-nodes', `must be the length of the list of nodes, ${nodes.length}`, String(count), 'Correct the number, or complete the list.'));
  }
  if (nodes && maximum !== undefined && maximum < nodes.length) {
    problems.push(problemOf('MM-ANSWERS-COUNT', 'maximum-nodes', `must be at least the number of nodes, ${nodes.length}`, String(maximum), 'Give a larger maximum-nodes.'));
  }
  return problems;
};

const vlanOnEthernet: Relation = ({ 'boot-vlan': vlan, 'connection-kind': kind }) =>
  vlan === undefined || kind !== 'infiniband' ? [] : [problemOf('MM-ANSWERS-VLAN', 'boot-vlan', 'must be left out with connection-kind infiniband, which knows partitions and no VLANs', String(vlan), 'Leave boot-vlan out, or correct connection-kind.')];

const uniqueMacs: Relation = ({ nodes = [] }) => {
  const problems: Problem[] = [];
  const first = new Map<string, string>();
  nodes.forEach((node, at) => {
    for (const mac of node?.macs ?? []) {
      const owner = first.get(mac);
      if (owner === undefined) first.set(mac, `nodes[${at}]`);
      else problems.push(problemOf('MM-ANSWERS-SAME-MAC', `nodes[${at}]`, `must have MAC addresses of its own, and ${owner} has this one`, mac, 'Correct one of the two.'));
    }
  });
  return problems;
};

/** Every address of the storage network, where it stands and what for. */
function localAddresses({ nodes = [], ...answers }: SoundAnswers): readonly { where: string; address: Ipv4 }[] {
  const named = (['storage-ip', 'meta-master-ip'] as const).map((where) => ({ where: where as string, address: answers[where] }));
  const portals = (answers['storage-portals'] ?? []).map((text, at) => ({ where: `storage-portals[${at}]`, address: parsePortal(text)?.address })).filter(({ address }) => address !== answers['storage-ip']);
  const ofNodes = nodes.map((node, at) => ({ where: `nodes[${at}].address`, address: node?.address }));
  return [...named, ...portals, ...ofNodes].flatMap(({ where, address }) => (address === undefined ? [] : [{ where, address }]));
}

const localNetwork: Relation = (answers) => {
  const netmask = answers['storage-netmask'];
  const storage = answers['storage-ip'];
  if (netmask === undefined || storage === undefined) return [];
  const network = `${networkOf(storage, netmask)} with netmask ${netmask}`;
  return localAddresses(answers).flatMap(({ where, address }) => {
    if (!sameNetwork(address, storage, netmask)) return [problemOf('MM-ANSWERS-NETWORK', where, `must lie in the storage network, ${network}`, address, 'Give an address of that network, or correct storage-ip or storage-netmask.')];
    if (!isHostOf(address, netmask)) return [problemOf('MM-ANSWERS-HOST', where, `must be neither the network's own nor its broadcast address (${network})`, address, 'Give an address between the two.')];
    return [];
  });
};

const distinctAddresses: Relation = (answers) => {
  const first = new Map<string, string>();
  return localAddresses(answers).flatMap(({ where, address }) => {
    const owner = first.get(address);
    if (owner === undefined) first.set(address, where);
    return owner === undefined ? [] : [problemOf('MM-ANSWERS-SAME-ADDRESS', where, `must be an address of its own, and ${owner} is this one`, address, 'Give a free address; a node without one gets that which follows first-node-IP-netboot-netstorage.')];
  });
};

export const spareAddress: Relation = ({ 'spare-local-IP': spare, 'meta-master-ip': metaMaster }) =>
  spare === undefined || metaMaster === undefined || spare === metaMaster
    ? []
    : [problemOf('MM-ANSWERS-SPARE', 'spare-local-IP', `must be meta-master-ip, ${metaMaster}: one address moves with the gateway`, spare, 'Leave one of the two out.')];

const waysIn: Relation = (answers) => {
  const [hash, file, keys] = [answers['root-password-hash'], answers['root-password-file'], answers['authorized-keys']];
  if (hash !== undefined && file !== undefined) return [problemOf('MM-ANSWERS-LOGIN', 'root-password-file', 'must not be given together with root-password-hash', 'both', 'Leave one of the two out.')];
  if (hash === undefined && file === undefined && keys?.length === 0) {
    return [problemOf('MM-ANSWERS-LOGIN', 'root-password-hash', 'or root-password-file or authorized-keys is required: nobody could log in', 'nothing', 'Give one of them.')];
  }
  return [];
};

/** A name needs its secret and a secret its name; and the SAN proves itself only to blades that prove themselves. */
const sanLogin: Relation = (answers) => {
  const required = [
    ['chap-password-file', 'chap-user'], ['chap-user', 'chap-password-file'], ['chap-mutual-password-file', 'chap-mutual-user'], ['chap-mutual-user', 'chap-mutual-password-file'], ['chap-user', 'chap-mutual-user'],
  ] as const;
  const missing = required.filter(([key, other], at) => answers[key] === undefined && answers[other] !== undefined && !required.slice(0, at).some(([before, its]) => before === key && answers[its] !== undefined));
  if (missing.length > 0) return missing.map(([key, other]) => problemOf('MM-ANSWERS-MISSING', key, `is required when ${other} is given`, 'nothing', 'Give name and secret together, the blades\' own first, or none of them.'));
  const [own, mutual] = [answers['chap-password-file'], answers['chap-mutual-password-file']];
  return own !== undefined && own === mutual ? [problemOf('MM-ANSWERS-CHAP', 'chap-mutual-password-file', 'must not be chap-password-file: the two secrets have to differ', own, 'Give the SAN a secret of its own.')] : [];
};

const RELATIONS: readonly Relation[] = [counts, vlanOnEthernet, uniqueMacs, localNetwork, distinctAddresses, spareAddress, ...GATEWAY_RELATIONS, waysIn, sanLogin];

/** Everything that is wrong between answers that are sound in themselves. */
export function relationProblems(answers: SoundAnswers): readonly Problem[] {
  return RELATIONS.flatMap((relation) => relation(answers));
}
