// The step `configure`: what makes the mounted root this node's is written into it, as far as it differs; and the node takes its
// own addresses; one that the boot began with steps aside.

import { clusterPrefix, nodeIpv6 } from '../../daemons/core/inside-ipv6.ts';
import { prefixLength } from '../../daemons/core/ipv4.ts';
import type { BootHost } from '../boot-host.ts';
import { renderIdentity } from '../identity.ts';
import { found, type BootState } from './boot-state.ts';
import { preferOwnAddress } from './borrowed-address.ts';
import { isCandidate, setWayOut, setWayOut6, startOutside } from './way-out.ts';
import { writeIdentity } from './write-identity.ts';

const ROOT = '/sysroot';

function writeOwnFiles(host: BootHost, state: BootState): void {
  const registry = found(state.registry, 'the registry');
  const files = renderIdentity({
    registry, node: found(state.node, 'the node'), generation: found(state.generation, 'the generation'), bootNonce: state.bootNonce,
    interfaceName: found(state.interfaceName, 'the interface'), initiator: found(state.initiator, 'the initiator name'),
  });
  for (const { path } of files.filter(({ leaving }) => leaving === true)) if (host.exists(`${ROOT}${path}`)) host.run(['rm', '-f', `${ROOT}${path}`]);
  writeIdentity(host, ROOT, { files, rootPasswordHash: registry.secret.rootPasswordHash }, (path, text, mode) => host.writeText(path, text, mode));
}

/** Writes the identity and sets the node's addresses. @throws StepError or Error */
export function configureRoot(host: BootHost, state: BootState): void {
  writeOwnFiles(host, state);
  const registry = found(state.registry, 'the registry');
  const { roster } = registry;
  const node = found(state.node, 'the node');
  const device = found(state.interfaceName, 'the interface');
  const { sifIp, sifNetmask } = state.parameters;
  if (node.address !== sifIp) {
    preferOwnAddress(host, device, { address: node.address, prefixLength: prefixLength(roster.netmask)! }, { address: sifIp, prefixLength: prefixLength(sifNetmask)! });
  }
  setWayOut(host, registry, device);
  if (isCandidate(registry, node.number)) startOutside(host, registry, device);
  // For the router advertisements that save an iPXE its wait, and for the way out by IPv6; a kernel without IPv6 serves without them.
  host.run(['ip', '-6', 'addr', 'add', `${nodeIpv6(clusterPrefix(roster.clusterName), node.number)}/64`, 'dev', device, 'nodad']);
  setWayOut6(host, registry, device);
}
