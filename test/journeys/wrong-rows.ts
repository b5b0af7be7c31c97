// The rows of the table of wrong input that a blade's own console shows: the message, what it names, and the remedy's beginning.

import { CLUSTER } from '../../scripts/virtual-rack/cluster.ts';
import type { Refusal } from './refusal.ts';
import { NOBODYS_MAC } from './wrong-san.ts';

/** What is wrong in rosters: nobody has this address, no target this name, no container this one, and no router leads to that network. */
export const WRONG = { address: '192.168.0.249', target: 'iqn.2026-11.metamaster:another', container: 'another', network: '192.168.1.252' } as const;

const SAN = '192\\.168\\.0\\.252';
const CHECK_ADDRESS = 'Check storage_ip=, sifip= and sifnm=';
const MEND_REGISTRY = 'Correct it and write the registry again';
const escaped = (text: string): string => text.replaceAll('.', '\\.');

export const LOGIN = {
  address: { what: 'a wrong SAN address', step: 'login', code: 'MM-BOOT-LOGIN-UNREACHED', names: `at ${escaped(WRONG.address)}, port 3260`, remedy: CHECK_ADDRESS },
  target: { what: 'a wrong ivid', step: 'login', code: 'MM-BOOT-LOGIN-TARGET', names: `${escaped(WRONG.target)} at ${SAN}`, remedy: '.*check ivid=' },
  network: { what: 'a SAN address in another network', step: 'login', code: 'MM-BOOT-LOGIN-UNREACHED', names: `at ${escaped(WRONG.network)}, port 3260`, remedy: CHECK_ADDRESS },
  port: { what: 'a SAN without an iSCSI service', step: 'login', code: 'MM-BOOT-LOGIN-PORT', names: `at ${SAN}, port 3260.*Connection refused`, remedy: 'The SAN answers but has no iSCSI service on that port' },
} as const satisfies Record<string, Refusal>;

export const DISK = {
  smaller: { what: 'a LUN that shrank', step: 'registry', code: 'MM-GPT-DISK-SMALLER', names: 'seen \\d+ sectors', remedy: 'The LUN was made smaller' },
  container: { what: 'a wrong container name', step: 'registry', code: 'MM-CONTAINER-NONE', names: `a container '${WRONG.container}'; seen ${CLUSTER.container}`, remedy: 'Name one that is there' },
} as const satisfies Record<string, Refusal>;

export const REGISTRY = {
  torn: { what: 'all registry slots torn', step: 'registry', code: 'MM-REGISTRY-NONE', names: '[1-9]\\d* with damaged bodies', remedy: '.*metamaster san rebuild' },
  version: { what: 'a registry of a newer version', step: 'registry', code: 'MM-REGISTRY-VERSION', names: 'version 1 at most; seen version 2', remedy: 'A newer metamaster wrote it' },
  store: { what: "a registry without node 3's store", step: 'registry', code: 'MM-REGISTRY-RELATION', names: 'exactly one store volume for node 3; seen 0', remedy: MEND_REGISTRY },
  extent: { what: 'a volume too large by one extent', step: 'registry', code: 'MM-REGISTRY-RELATION', names: "within the container's \\d+ extents", remedy: MEND_REGISTRY },
  mac: { what: 'two nodes with one MAC address', step: 'registry', code: 'MM-REGISTRY-RELATION', names: 'a MAC address of its own; roster\\.nodes\\[\\d+\\]\\.macs\\[0\\] has it too', remedy: MEND_REGISTRY },
  stranger: { what: 'a roster without the blade', step: 'identity', code: 'MM-BOOT-STRANGER', names: `is not in the roster of ${CLUSTER.name}: .*${NOBODYS_MAC}`, remedy: 'Add the blade to the roster' },
} as const satisfies Record<string, Refusal>;

export const CLAIM = {
  foreign: { what: "a foreign owner of node 2's store", step: 'claim', code: 'MM-CLAIM-FOREIGN', names: `store of node 2 .*seen machine no-uuid/${NOBODYS_MAC}`, remedy: 'Power the old machine off' },
  invalid: { what: 'a store that the kernel gave up', step: 'claim', code: 'MM-BOOT-STORE-INVALID', names: 'store node2.*: .*it did not overflow', remedy: 'Set it valid again' },
  label: { what: "node 2's state volume without its label", step: 'claim', code: 'MM-BLOCK-MAGIC', names: 'label in block 0', remedy: '.*restore what is missing' },
} as const satisfies Record<string, Refusal>;
