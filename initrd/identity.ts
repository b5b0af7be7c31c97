// What makes a root node 3: the origin is nobody's, so everything that tells one node from another is rendered from the registry,
// at each boot before switch_root, and by the agent when the registry changes. Pure: it says what the files shall hold.

import { encodeUtf8, toHex } from '../daemons/core/bytes.ts';
import { formatChapLogin } from '../daemons/core/chap.ts';
import { InputError } from '../daemons/core/problem.ts';
import type { RosterNode } from '../daemons/core/roster.ts';
import { sha256 } from '../daemons/core/sha256.ts';
import { clusterKeyText } from '../daemons/storage/cluster-keys.ts';
import { gatewayAnswers, gatewayCandidates } from '../daemons/storage/gateway-answers.ts';
import { formatInstallInfo } from '../daemons/storage/install-info.ts';
import type { Registry } from '../daemons/storage/registry.ts';
import { timeSettings, timeSources } from '../daemons/storage/time-service.ts';

/** A file of the root; its owner is root. */
export interface IdentityFile {
  /** From the top of the root. */
  readonly path: string;
  readonly mode: number;
  readonly text: string;
  /**
   * Set where the node has no use for the file: the boot removes it. On a running node a file that is there is kept up, for a daemon that was
   * started with it learns from it that it is to stop; one that is not there is not made.
   */
  readonly leaving?: true;
}

/** Whose identity, from which registry, and what only this boot knows. */
export interface IdentityRequest {
  readonly registry: Registry;
  readonly node: RosterNode;
  /** The generation of the registry. */
  readonly generation: number;
  /** 32 hexadecimal digits, drawn anew at each boot. */
  readonly bootNonce: string;
  /** The interface on the boot network. */
  readonly interfaceName: string;
  /** The blade's iSCSI name, `iqn.2026-11.metamaster:<hardware>`: the hardware's, never the node's. */
  readonly initiator: string;
}

const PUBLIC = 0o644;
const SECRET = 0o600;

/** The folder that must not be open to others, or sshd refuses what is in it. */
export const SECRET_FOLDERS: readonly string[] = ['/root/.ssh'];

/** The answers that gatewayd goes by; a node that boots as a candidate for the gateway has it. */
export const GATEWAY_JSON = '/etc/metamaster/gateway.json';
/** Whom chronyd asks; it looks there again when it is told to. */
export const TIME_SOURCES = '/etc/chrony/sources.d/metamaster.sources';

/**
 * The machine-id (machine-id(5)) of a node: stable over resets, upgrades and hot swaps, different for every node of every cluster.
 * The first half of the SHA-256 of the cluster's UUID and the node's number: 32 hexadecimal digits.
 */
export function machineIdOf(clusterUuid: string, node: number): string {
  return toHex(sha256(encodeUtf8(`${clusterUuid}/${node}`))).slice(0, 32);
}

function hostsText({ roster }: Registry): string {
  const taken = new Set(roster.nodes.map(({ name }) => name));
  const line = (address: string, name: string): string => `${address} ${name}.${roster.domain} ${name}`;
  const services = [[roster.metaMasterAddress, 'metamaster'], [roster.san.address, 'san']] as const;
  return [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    ...roster.nodes.map(({ address, name }) => line(address, name)),
    // A node may have been given one of these names; then it is the node's.
    ...services.filter(([, name]) => !taken.has(name)).map(([address, name]) => line(address, name)),
    '',
  ].join('\n');
}

/** The type and the key of a public key's line, without its comment. */
const bareKey = (publicKey: string): string => publicKey.trim().split(/\s+/).slice(0, 2).join(' ');

function knownHostsText({ roster, secret }: Registry): string {
  const lines = roster.nodes.flatMap(({ number, name, address }) => {
    const key = secret.sshHostKeys[String(number)];
    return key === undefined ? [] : [`${name},${name}.${roster.domain},${address} ${bareKey(key.publicKey)}\n`];
  });
  return lines.join('');
}

function resolvText({ roster, install }: Registry): string {
  const outside = install['public-DNS'];
  // One second, for the address moves within less, and the next server is worth more than waiting for this one.
  const servers = [roster.metaMasterAddress, ...(typeof outside === 'string' ? [outside] : [])];
  return [`search ${roster.domain}`, ...servers.map((server) => `nameserver ${server}`), 'options timeout:1 attempts:2', ''].join('\n');
}

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

/**
 * The files that make a root the node's, sorted by path; folders above them may be missing. Root's password is not among them: it
 * is one field of a file that is otherwise the origin's (`shadowWithRootHash`).
 * @throws InputError MM-IDENTITY-HOST-KEY when the registry holds no SSH host key of this node
 */
export function renderIdentity({ registry, node, generation, bootNonce, interfaceName, initiator }: IdentityRequest): readonly IdentityFile[] {
  const { roster, secret } = registry;
  const hostKey = secret.sshHostKeys[String(node.number)];
  if (hostKey === undefined) {
    const known = Object.keys(secret.sshHostKeys).join(', ') || 'none';
    throw new InputError([{
      code: 'MM-IDENTITY-HOST-KEY', where: `secret.sshHostKeys.${node.number}`, rule: 'every node must have an SSH host key in the registry', seen: `keys of nodes ${known}`, remedy: 'Add the node to the roster again, which makes its key.',
    }]);
  }
  const config = { number: node.number, roster, interface: interfaceName, rosterGeneration: generation, bootNonce };
  const isCandidate = gatewayCandidates(registry.install, roster).includes(node.number);
  const gateway = `${JSON.stringify(gatewayAnswers(registry.install, interfaceName), undefined, 1)}\n`;
  const file = (path: string, mode: number, text: string): IdentityFile => ({ path, mode, text });
  return [
    // The origin's own chrony.conf names both folders (live-dvd/overlay/etc/chrony).
    file('/etc/chrony/conf.d/metamaster.conf', PUBLIC, timeSettings(roster)),
    file(TIME_SOURCES, PUBLIC, timeSources(roster, registry.install, node.number)),
    file('/etc/hostname', PUBLIC, `${node.name}\n`),
    file('/etc/hosts', PUBLIC, hostsText(registry)),
    file('/etc/install/INSTALL.info', PUBLIC, formatInstallInfo(registry)),
    file('/etc/iscsi/initiatorname.iscsi', SECRET, `InitiatorName=${initiator}\n`),
    file('/etc/machine-id', 0o444, `${machineIdOf(registry.clusterUuid, node.number)}\n`),
    file('/etc/metamaster/cluster-key', SECRET, clusterKeyText(secret)),
    { ...file(GATEWAY_JSON, PUBLIC, gateway), ...(isCandidate ? {} : { leaving: true }) },
    file('/etc/metamaster/node.json', PUBLIC, `${JSON.stringify(config, undefined, 1)}\n`),
    // Always there, for systemd does not start a unit whose credential is missing: an empty object where the SAN wants no CHAP.
    file('/etc/metamaster/san-login.json', SECRET, formatChapLogin(secret.chap)),
    file('/etc/resolv.conf', PUBLIC, resolvText(registry)),
    file('/etc/ssh/ssh_host_ed25519_key', SECRET, withNewline(hostKey.privateKey)),
    file('/etc/ssh/ssh_host_ed25519_key.pub', PUBLIC, withNewline(hostKey.publicKey)),
    file('/etc/ssh/ssh_known_hosts', PUBLIC, knownHostsText(registry)),
    file('/root/.ssh/authorized_keys', SECRET, registry.authorizedKeys.map(withNewline).join('')),
  ];
}

/**
 * The files whose text differs from what stands there; `readCurrent` gives undefined for a file that is not there, and one that is leaving may
 * be so. An unchanged
 * file is never written again: on a snapshot that would cost chunks of the store at each boot.
 */
export function changedFiles(rendered: readonly IdentityFile[], readCurrent: (path: string) => string | undefined): readonly IdentityFile[] {
  return rendered.filter(({ path, text, leaving }) => {
    const current = readCurrent(path);
    return current !== text && !(leaving === true && current === undefined);
  });
}

/**
 * The text of /etc/shadow (shadow(5)) with root's password replaced by `hash`, and everything else as it was; a file without
 * root gets a line, without password ageing.
 * @throws RangeError for a hash that would break the file's form
 */
export function shadowWithRootHash(shadowText: string, hash: string): string {
  if (!/^[!-9;-~]+$/.test(hash)) throw new RangeError(`a password hash of ${hash.length} characters that has no place in /etc/shadow`);
  const root = /^root:[^:\n]*/m;
  // A function, for `$` in a replacement text has a meaning of its own, and every hash begins with it.
  return root.test(shadowText) ? shadowText.replace(root, () => `root:${hash}`) : `root:${hash}:::::::\n${shadowText}`;
}
