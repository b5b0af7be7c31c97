// Messages of the installer, of the daemons, and of the commands on a node.

import { entry, type Messages } from './message.ts';

const ANSWERS = '`metamaster install`, all of them together, before anything is touched';
const INSTALL = '`metamaster install`';
const START = "the start of a daemon: its journal, and `mm-stage failed …` on the console; `--check-config`";
const LOG = 'the journal of metamasterd, once a minute at most';

export const NODE_MESSAGES: Messages = {
  'MM-POWER-CONFIG': entry('`metamaster power`', 'The file of power controllers cannot be read, or holds mistakes; all of them are told at once.', 'Correct it at the places named: docs/administration.md describes the file.'),
  'MM-POWER-NODE': entry('`metamaster power`', 'The file of power controllers has no entry for this node.', 'Name its controller in the file, or leave the node out.'),
  'MM-POWER-SELF': entry('`metamaster power`', 'A node was asked to cycle its own power or to prove itself off: it would be gone before the answer.', 'Run the command on another node.'),
  'MM-POWER-USAGE': entry('`metamaster power`', 'The words behind the command are wrong: an unknown verb or option, or nodes that are no numbers.', 'See `metamaster power --help`.'),
  'MM-SECRET-FILE': entry('`metamaster power`', 'A file with a secret is missing, is no regular file, or can be read or written by others than its owner; or its first line is no such secret.', 'Make it yours alone: `chmod 600 FILE`; the message says what else it lacks.'),
  'MM-BOOT-NO-FACTS': entry('`metamaster boot show` and `boot watch`', 'Neither does metamasterd answer on this machine nor are there files of its recorder that can be read.', 'Run it as root on a node that is up.'),
  'MM-BOOT-NODE': entry('`metamaster boot show` and `boot watch`', 'The argument is no node of the roster: neither name nor number nor MAC address.', 'Take one of those that the message lists.'),
  'MM-BOOT-NONE': entry('`metamaster boot show`', 'This node has not seen that blade boot, or not so often: it keeps the last boots, and knows what happened while it was up itself.', 'Ask on another node, or on one that has been up for longer.'),
  'MM-BOOT-NUMBER': entry('`metamaster boot show`', '`--boot` counts boots back from the last, which is 1.', 'Give a number from 1, or leave it out.'),
  'MM-ANSWERS-COUNT': entry(ANSWERS, '`number-of-nodes` or `maximum-nodes` does not fit the list of nodes.', 'Correct the number, or complete the list.'),
  'MM-ANSWERS-ENCODING': entry(ANSWERS, 'The answers file is not UTF-8: an editor saved it as UTF-16 or Latin-1, or it is another file. The message names the byte where it begins.', 'Save it as UTF-8 text; the message shows the command that converts it.'),
  'MM-ANSWERS-GATEWAY': entry(ANSWERS, 'A gateway\'s address is no node\'s, or both gateways are one.', 'Give the addresses of two nodes.'),
  'MM-ANSWERS-HOST': entry(ANSWERS, 'An address is its network\'s own or its broadcast address.', 'Give an address between the two.'),
  'MM-ANSWERS-LOGIN': entry(ANSWERS, 'Nobody could log in to the nodes, or root\'s password is given twice.', 'Give one of `root-password-hash` and `root-password-file`, or `authorized-keys`.'),
  'MM-ANSWERS-MISSING': entry(ANSWERS, 'A required answer is missing.', 'Begin with docs/answers.example.yaml.'),
  'MM-ANSWERS-NETWORK': entry(ANSWERS, 'An address lies outside of the storage network.', 'Correct it, or `storage-ip` or `storage-netmask`.'),
  'MM-ANSWERS-OVERLAP': entry(ANSWERS, 'Storage network and public network overlap: nodes could not tell on which side an address lies.', 'Correct `public-netmask`, or move one of the two networks.'),
  'MM-ANSWERS-PUBLIC': entry(ANSWERS, '`public-IP` or `public-router` does not fit the public network, or lies in the storage network.', 'Correct `public-IP`, `public-netmask` or `public-router`.'),
  'MM-ANSWERS-SAME-ADDRESS': entry(ANSWERS, 'Two nodes, or a node and the SAN or the meta-master, have one address. Addresses that were left out follow `first-node-IP-netboot-netstorage` and may meet a given one.', 'Give free addresses.'),
  'MM-ANSWERS-SAME-MAC': entry(ANSWERS, 'Two nodes have one MAC address.', 'Correct one of the two.'),
  'MM-ANSWERS-SPARE': entry(ANSWERS, '`spare-local-IP` and `meta-master-ip` are two names of one address, and differ.', 'Leave one of the two out.'),
  'MM-ANSWERS-SYNTAX': entry(ANSWERS, 'The file is neither YAML nor JSON at the line and column that are named.', 'Correct this line.'),
  'MM-ANSWERS-UNKNOWN': entry(ANSWERS, 'There is no answer of that name.', 'Correct its spelling, or leave it out.'),
  'MM-ANSWERS-VALUE': entry(ANSWERS, 'An answer breaks its rule, which the message tells.', 'Correct it; docs/answers.example.yaml shows each.'),
  'MM-ARGUMENTS': entry(START, 'A daemon was called wrongly.', 'See `--help`.'),
  'MM-BOOT-FILES': entry(START, 'Kernel or initrd is not among the boot files, or a boot file is damaged.', 'Write the boot volume again.'),
  'MM-CLUSTER-KEY': entry(START, 'The cluster\'s key is no key. It is never shown.', 'Boot the node again, which writes it afresh from the registry.'),
  'MM-DHCP-ADDRESS-IN-USE': entry(`${LOG}, \`dhcp.address-declined\``, 'A blade found that another machine uses the address which the roster gives it.', 'Find that machine (`arping ADDRESS`) and give it another address, or change the roster.'),
  'MM-DHCP-FOREIGN': entry(`${LOG}, \`dhcp.foreign-server\`; \`metamaster status\``, 'A DHCP server that is no node answers on the boot network: a router, a forgotten service, another cluster. Blades may take its offer and not boot, or boot something else. It is named with its address and MAC address, and not outbid.', 'Switch it off, or part the networks; the switch\'s address table tells the port of a MAC address.'),
  'MM-DHCP-UNKNOWN': entry(`${LOG}, \`dhcp.unknown-mac\`; \`metamaster status\``, 'A MAC address outside of the roster asked for a boot. It gets no answer.', 'Add the blade to the roster, or replace a node by it; nothing, if it is a stranger.'),
  'MM-FILE': entry(START, 'A file that an argument names cannot be read.', 'Check the path and its permissions.'),
  'MM-INSTALL-CONFIRM': entry(INSTALL, 'There is no terminal to ask on, and `--yes` was not said.', 'Say `--yes` if you are sure.'),
  'MM-INSTALL-DAMAGED': entry(INSTALL, 'The disk holds this container with a registry that cannot be read, as no broken-off installation leaves it: perhaps a cluster.', '`metamaster san check` and `metamaster san rebuild` first; `--force` loses it.'),
  'MM-INSTALL-DISK': entry(INSTALL, 'The target has several disks, or not the one that was named.', 'Say which with `--disk`.'),
  'MM-INSTALL-EXISTS': entry(INSTALL, 'A cluster is installed in this container.', 'Choose another disk or container name; `--force` loses the cluster.'),
  'MM-INSTALL-MEDIUM': entry(INSTALL, 'The disc\'s files are not there: this is no live system of the disc.', 'Boot *Install cluster* from the disc.'),
  'MM-INSTALL-MEDIUM-DAMAGED': entry(INSTALL, 'The disc\'s root image is not what was put on it. Nothing was written.', 'Make the medium anew.'),
  'MM-INSTALL-NO-DISK': entry(INSTALL, 'The target shows no disk.', 'Give it a LUN of at least 4 GiB.'),
  'MM-INSTALL-ORIGIN-SIZE': entry(INSTALL, '`volume-size` is smaller than the disc\'s root file system.', 'Give a larger one; twice the least leaves room for what is installed later.'),
  'MM-INSTALL-PASSWORD': entry(INSTALL, 'The file of `root-password-file` has an empty first line.', 'Write root\'s password there.'),
  'MM-INSTALL-REGISTRY-SIZE': entry(INSTALL, 'The registry would not fit into its slots.', 'Give fewer or shorter `authorized-keys`, or a larger `maximum-nodes`.'),
  'MM-INSTALL-RUNNING': entry(INSTALL, 'A node of the cluster that would be lost still runs: its owner records change.', 'Switch all blades off first.'),
  'MM-INSTALL-TARGET': entry(INSTALL, 'The SAN exports no target of the name in `iscsi-target`. The message lists those it does.', 'Correct the name, or export it to this initiator.'),
  'MM-INSTALL-UNKNOWN': entry(INSTALL, 'The disk holds something that is not known.', 'Choose another disk; `--force` loses whatever it is.'),
  'MM-NODE-CONFIG': entry(START, '/etc/metamaster/node.json breaks a rule.', 'Boot the node again, which writes it afresh from the registry.'),
  'MM-STATUS-NO-DAEMON': entry('`metamaster status`', 'No metamasterd answers on its socket.', 'Run it as root on a node that is up; see `systemctl status metamasterd`.'),
};
