// The step `configure`: what makes the mounted root this node's is written into it, as far as it differs; and the node takes its
// own addresses; one that the boot began with steps aside.

import { prefixLength } from '../../daemons/core/ipv4.ts';
import { clusterPrefix, nodeIpv6 } from '../../daemons/wire/router-advertisement.ts';
import { mustRun, type BootHost } from '../boot-host.ts';
import { changedFiles, renderIdentity, SECRET_FOLDERS, shadowWithRootHash } from '../identity.ts';
import { found, type BootState } from './boot-state.ts';
import { preferOwnAddress } from './borrowed-address.ts';

const ROOT = '/sysroot';

function writeIdentity(host: BootHost, state: BootState): void {
  const registry = found(state.registry, 'the registry');
  const rendered = renderIdentity({
    registry, node: found(state.node, 'the node'), generation: found(state.generation, 'the generation'), bootNonce: state.bootNonce,
    interfaceName: found(state.interfaceName, 'the interface'), initiator: found(state.initiator, 'the initiator name'),
  });
  for (const folder of SECRET_FOLDERS.filter((one) => !host.exists(`${ROOT}${one}`))) {
    mustRun(host, 'MM-BOOT-ROOT', ['mkdir', '-p', '-m', '700', `${ROOT}${folder}`], 'The root is not whole: restore the node.');
  }
  for (const file of changedFiles(rendered, (path) => host.readText(`${ROOT}${path}`))) {
    const path = `${ROOT}${file.path}`;
    host.makeFolder(path.slice(0, path.lastIndexOf('/')));
    host.writeText(path, file.text, file.mode);
  }
  const shadow = host.readText(`${ROOT}/etc/shadow`) ?? '';
  const wanted = shadowWithRootHash(shadow, registry.secret.rootPasswordHash);
  if (wanted !== shadow) host.writeText(`${ROOT}/etc/shadow`, wanted, 0o640);
}

/** Writes the identity and sets the node's addresses. @throws StepError or Error */
export function configureRoot(host: BootHost, state: BootState): void {
  writeIdentity(host, state);
  const { roster } = found(state.registry, 'the registry');
  const node = found(state.node, 'the node');
  const device = found(state.interfaceName, 'the interface');
  const { sifIp, sifNetmask } = state.parameters;
  if (node.address !== sifIp) {
    preferOwnAddress(host, device, { address: node.address, prefixLength: prefixLength(roster.netmask)! }, { address: sifIp, prefixLength: prefixLength(sifNetmask)! });
  }
  // For the router advertisements that save an iPXE its wait; a kernel without IPv6 serves without them.
  host.run(['ip', '-6', 'addr', 'add', `${nodeIpv6(clusterPrefix(roster.clusterName), node.number)}/64`, 'dev', device, 'nodad']);
}
