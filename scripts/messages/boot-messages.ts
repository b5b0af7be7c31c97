// Messages of a blade that boots, and of the storage agent in its root.

import { entry, type Messages } from './message.ts';

const CONSOLE = "the blade's console, and `mm-stage initrd STEP failed: …`";
const WARNS = "the blade's console as a warning, and the journal of `metamaster-storage`";
const AGENT = 'the journal of `metamaster-storage`';
const KEEPER = "the node's kernel log: `dmesg`, the journal";
const RESTART = "the blade's console, and `mm-stage restarting …`";
const LINE = "the blade's console before anything is touched; `metamaster boot plan`";
const LINE_WARNS = `${LINE}; a warning`;
const CHECK = '`metamaster san show` and `metamaster san check`';
const CLAIM = `${CONSOLE} at the step claim; some of them in \`metamaster san check\``;

export const BOOT_MESSAGES: Messages = {
  'MM-AGENT-ADDRESS': entry(AGENT, 'The address that a boot from the disc borrowed still has connections after a minute, so it is kept; the next boot from a disc may want it.', 'See with `ss -t src ADDRESS` what holds it; a reboot of the node over the network gives it back.'),
  'MM-AGENT-KEY-REMOVED': entry(AGENT, 'Somebody cleared the registrations (SCSI-3 persistent reservations) on the SAN\'s disk, or removed this node\'s: by it a node tells a restart of the target. It is registered again.', 'Find out what else uses persistent reservations on this disk: nothing should.'),
  'MM-AGENT-LOST-WRITES': entry(RESTART, 'The SAN lost writes that it had acknowledged: an owner record that is read back is older than the one that was written. So did the node\'s root, most likely. The node restarts, which replays the journals of its file systems. When the message says that a cache should survive, the answer `write-cache` or the SAN\'s own word for it is wrong.', 'Find out what happened to the SAN: a power cut, a fail-over to an older copy. Where a cache does not survive, switch it off at the SAN, and install without the answer `write-cache`.'),
  'MM-AGENT-NO-KEYS': entry(AGENT, 'The SAN has a volatile write cache, and its target keeps no registrations (SCSI-3 persistent reservations), by which a restart of it is told from a mere network outage. So the node restarts after each interruption of its second session.', 'Switch the SAN\'s write cache off, or persistent reservations on. If the cache survives a power cut, say `write-cache: nonvolatile` in the answers.'),
  'MM-AGENT-OWNER': entry("the blade's console, and `mm-stage stopped …`", 'The owner record of a volume names another blade: this one was replaced. It stops at once, so that nothing more of it reaches the SAN.', 'Nothing, if the replacement was meant. Else find out who claimed the volume: `metamaster san show`.'),
  'MM-AGENT-RENEW': entry(AGENT, 'An owner record could not be renewed within seconds: the SAN or the link to it is away.', 'It is tried again every 2 s. See the link and the SAN.'),
  'MM-AGENT-SESSION': entry(AGENT, 'The second session to the SAN cannot be opened, or shows no disk: the SAN is away, or does not let the initiator name that ends in `.control` in.', 'Open the target to this name as well; it is tried again.'),
  'MM-AGENT-STORE-FILL': entry(`the blade's console, and ${AGENT}; \`metamaster status\``, 'The node\'s exception store, which is smaller than its origin, is 70 % or 90 % full. Every part of the root that is changed for the first time takes a chunk of it, and none is ever given back. A full store loses the root.', 'Save what must be kept on the state volume or elsewhere, and reset the node with a larger `store-size`. Deleting files does not lower the fill, though what is written into their place costs nothing.'),
  'MM-AGENT-STORE-INVALID': entry("the blade's console, and `mm-stage stopped …`", 'The kernel gave the node\'s exception store up: it was full, or a read or write of it failed. The root answers everything with errors from then on, so the blade is reset at once.', 'Nothing at this moment: the blade boots anew, and its initrd says `MM-BOOT-STORE-FULL` or `MM-BOOT-STORE-INVALID` with what to do.'),
  'MM-AGENT-TAKE-OVER': entry(AGENT, 'iscsid did not take the initrd\'s session over within two minutes, so nobody would mend it.', 'See what iscsid says in `dmesg`; then boot the node again.'),
  'MM-AGENT-TARGET-RESTARTED': entry(RESTART, 'The SAN\'s target was restarted, or may have been, and its write cache is volatile: what it had acknowledged may be lost. All nodes restart, one by one in effect: the one with the lowest number that serves stays until another serves.', 'Nothing: the nodes come back by themselves. To be spared it, switch the SAN\'s write cache off; if the cache survives a power cut, say `write-cache: nonvolatile` in the answers.'),
  'MM-BOOT-ADDRESS': entry(CONSOLE, 'The interface refuses the address.', 'Check `sifip`, `sifnm` and the node\'s address in the roster.'),
  'MM-BOOT-ADDRESS-IN-USE': entry(CONSOLE, 'Another machine answered for the address that the disc\'s menu gives: often another blade that boots from a disc at the same time. The blade asks again and waits.', 'Give a free address with `sifip`, or wait until the other blade has its own.'),
  'MM-BOOT-CHECK': entry(CONSOLE, 'e2fsck found errors in root or state volume that it does not mend by itself.', 'Repair them at the debug console (Esc) with `e2fsck -f DEVICE`, or restore the node, which loses what its root holds.'),
  'MM-BOOT-CLOCK': entry(WARNS, 'The blade\'s clock is before the last writing of the registry, or ten years after it: a dead battery, a new board, or a registry that was written under a wrong clock. The boot goes on, for volumes are claimed by counters.', 'Set the clock in the firmware setup and change the battery.'),
  'MM-BOOT-DM': entry(CONSOLE, 'device-mapper refuses a table, mostly because the SAN was cut off or the snapshot\'s store is not as the kernel wants it.', 'See `dmesg` at the debug console; when the SAN is back it succeeds by itself.'),
  'MM-BOOT-FAULT': entry(CONSOLE, 'A step lacks what an earlier one should have left: a fault of metamaster itself.', 'Please report it, with the command line and the console\'s text.'),
  'MM-BOOT-INTERFACE': entry(CONSOLE, 'The storage interface cannot be started, or has no usable MAC address.', 'See `dmesg`; name another interface with `sif`.'),
  'MM-BOOT-KEEPER': entry(CONSOLE, 'What keeps the sessions to the SAN alive from memory cannot be started, or the root does not bring it.', 'A root that is not whole is restored; else see `dmesg` at the debug console (Esc).'),
  'MM-BOOT-LOGIN': entry(CONSOLE, 'The login to the SAN failed for a reason that is not known by its text.', 'Check that the SAN is on and reached, and `storage_ip`, `storage_port` and `ivid`. It is tried again.'),
  'MM-BOOT-LOGIN-DENIED': entry(CONSOLE, 'The SAN knows the target but does not let this initiator in.', 'Check its access list and CHAP settings: a blade\'s name is `iqn.2026-11.metamaster:` and its hardware id.'),
  'MM-BOOT-LOGIN-PORT': entry(CONSOLE, 'The SAN\'s address answers, and nothing listens on the port.', 'Check `storage_port`, and whether the target service runs.'),
  'MM-BOOT-LOGIN-TARGET': entry(CONSOLE, 'The SAN exports no target of the name in `ivid`: a spelling mistake, or another SAN.', 'Correct `ivid`; the SAN shows its targets\' names, and INSTALL.info on any node holds the right one.'),
  'MM-BOOT-LOGIN-UNREACHED': entry(CONSOLE, 'Nobody answers at the SAN\'s address: it is wrong, the SAN is off, or the network between is cut. The blade tries again with growing pauses, for ever.', 'Check `storage_ip`, `sifip` and `sifnm`, the cable, and whether the SAN is on.'),
  'MM-BOOT-MACHINE': entry(CONSOLE, 'The kernel refused a read or a write.', 'See `dmesg` at the debug console (Esc).'),
  'MM-BOOT-MEDIUM': entry(CONSOLE, 'The live system finds no medium with the disc\'s label.', 'Put the disc or stick in again; a BMC must keep its virtual medium attached.'),
  'MM-BOOT-MEDIUM-READ': entry(CONSOLE, 'The medium cannot be mounted or is damaged.', 'Check it against its SHA-256, and make it anew.'),
  'MM-BOOT-MEMORY': entry(CONSOLE, 'The blade has too little memory for the live system.', 'Give it 1 GiB at least.'),
  'MM-BOOT-MODULES': entry(CONSOLE, 'Kernel modules that the boot needs are not in the initrd: a spelling mistake in `sifm`, or a card that only the disc has a driver for.', 'Correct `sifm`, boot from the disc, or add the module to the recipe.'),
  'MM-BOOT-MOUNT': entry(CONSOLE, 'Root or state volume cannot be mounted.', 'See `dmesg`; mend it at the debug console, or restore the node.'),
  'MM-BOOT-NO-DISK': entry(CONSOLE, 'The login succeeded, and the target shows no disk to this blade.', 'Give the target a LUN, or open it to this initiator.'),
  'MM-BOOT-NO-INIT': entry("the blade's console", 'The mounted root holds no `/sbin/init`: it is not whole.', 'Restore the node.'),
  'MM-BOOT-NO-INTERFACE': entry(CONSOLE, 'There is no interface of the name in `sif`. The message lists those that are there.', 'Correct `sif`; with `sifm` name the module that drives the card.'),
  'MM-BOOT-NO-LINK': entry(CONSOLE, 'The interface has had no link for 10 s.', 'Check cable and switch port.'),
  'MM-BOOT-NO-SCRIPT': entry("the blade's console, from iPXE", 'No node has a boot script for this MAC address: the blade is not in the roster, or no node serves. It asks again, for ever.', 'Add the blade to the roster, or replace a node by it; `metamaster status` on a node lists it.'),
  'MM-BOOT-PROGRAM': entry("the blade's console", 'The boot program ended without a root: a fault of metamaster itself. It starts again after 10 s.', 'Please report it, with the console\'s text.'),
  'MM-BOOT-ROOT': entry(CONSOLE, 'The mounted root cannot be written to, or lacks folders.', 'Restore the node.'),
  'MM-BOOT-STANDBY': entry(WARNS, 'The small process that restarts the blade when the SAN lost writes, and the storage agent hangs in the middle of it, could not be started. The node runs without it.', 'Please report it with the reason shown; a later boot may start it.'),
  'MM-BOOT-STORE-FULL': entry(`${CONSOLE}, at the step claim`, 'The kernel marked the node\'s store invalid, and no more chunks are free than copies may have been under way: it overflowed, so that writes are missing from the middle of what was written. Nothing was mapped or written.', 'Reset the store, with more room: what the root held is lost, the state volume stays.'),
  'MM-BOOT-STORE-INVALID': entry(`${CONSOLE}, at the step claim`, 'The kernel marked the node\'s store invalid after an I/O error. Room is left, so it did not overflow: what was acknowledged is all there. Nothing was mapped or written.', 'Find out what failed (link, SAN), then set the store valid again, which checks its file system too.'),
  'MM-BOOT-STRANGER': entry(CONSOLE, 'None of this blade\'s MAC addresses is in the roster, or there is no node of the number in `mm.node`. The message lists the roster. The blade waits and reads the roster anew at each try.', 'Add the blade to the roster or replace a node by it; `mm.node=N` gives it the identity of node N for this boot.'),
  'MM-BOOT-PATH': entry(WARNS, 'One of several portals of the SAN does not let the blade in. It boots by the others; when they are lost as well, it stalls.', 'Mend the portal or the way to it, then boot the node again: a path that was missing at the boot is not added later.'),
  'MM-BOOT-PATHS': entry(CONSOLE, 'The paths to the SAN cannot be joined to one device.', 'See `dmesg` at the debug console (Esc). A LUN needs an identifier of its own (VPD page 0x83).'),
  'MM-BOOT-SWAP': entry(CONSOLE, 'The swap volume has no swap signature.', 'Make one at the debug console with `mkswap`.'),
  'MM-BOOT-VERSION': entry(WARNS, 'The kernel that runs is not the one that the node\'s root was installed with: a disc of another version than the cluster, or boot files of another version. The boot goes on into the cluster\'s own root; modules that the root loads later are missing.', 'Use the disc of the installation, or boot this blade again over the network once another node serves. Where the formats on the SAN differ, the boot stops with `MM-REGISTRY-VERSION` or `MM-BLOCK-VERSION` instead.'),
  'MM-BOOT-VLAN': entry(CONSOLE, 'The VLAN of `mm.vlan` cannot be made on the storage interface: the card carries no VLANs, or the module `8021q` is not there.', 'Correct `mm.vlan` or `sif`, or leave `mm.vlan` out where the switch port is untagged; see `dmesg`. It is tried again.'),
  'MM-CLAIM-CLUSTER': entry(CLAIM, 'The label in front of the volume names another cluster than the registry.', '`metamaster san check`; nothing was mapped.'),
  'MM-CLAIM-EMPTY': entry(CLAIM, 'A store that is in use begins with zeros. The kernel would initialise it and lose what it holds, so it is not mapped.', 'Find out who wrote zeros; reset the store if nothing is to be saved.'),
  'MM-CLAIM-FOREIGN': entry(CLAIM, 'The volume is owned by another machine: another mainboard or another boot card. Silence of that machine proves nothing.', 'Boot the machine that the message names, or power it off and hand the volume over.'),
  'MM-CLAIM-HEADER': entry(CLAIM, 'A store that is in use has no dm-snapshot header that the kernel would take.', 'Find out who wrote there. Save the state volume if need be, and reset the store.'),
  'MM-CLAIM-INVALID': entry(CHECK, 'The kernel gave the store up, after an I/O error or because it was full. A blade that boots looks closer, and says which: `MM-BOOT-STORE-INVALID` or `MM-BOOT-STORE-FULL`.', 'After an I/O error it can be set valid again (see `MM-REVALIDATE-FULL` for when not); after an overflow only a reset helps.'),
  'MM-CLAIM-NODE': entry(CLAIM, 'The label names another node than the registry.', '`metamaster san check`; nothing was mapped.'),
  'MM-CLAIM-ORIGIN': entry(CLAIM, 'The store belongs to another origin than the node is to boot: it fits its own only.', 'Point the node to its former origin, or reset the store, which loses what it holds.'),
  'MM-CLAIM-OWNER-VOLUME': entry(CLAIM, 'The owner record belongs to a volume that had these extents before, and its owner may still write to them.', 'Power that machine off, then reset this volume.'),
  'MM-CLAIM-RACE': entry(CLAIM, 'The owner record did not read back as it was written: another blade claims the same volume at this moment, or the SAN does not keep what it acknowledges.', 'Look for a second blade with this node\'s identity (`mm.node`); check the SAN\'s write cache.'),
  'MM-CLAIM-VOLUME': entry(CLAIM, 'The label names another volume than the registry.', '`metamaster san check`; nothing was mapped.'),
  'MM-CMDLINE-CLASH': entry(LINE, '`sifip` and `storage_ip` are one address.', 'Give the blade an address of its own.'),
  'MM-CMDLINE-HOST': entry(LINE, '`sifip` is its network\'s own or its broadcast address.', 'Give an address between the two, or correct `sifnm`.'),
  'MM-CMDLINE-LENGTH': entry(LINE_WARNS, 'The command line is as long as the kernel keeps: its end may be cut off.', 'Leave out what is not needed.'),
  'MM-CMDLINE-LIVE': entry(LINE, 'The live system is on the disc alone, and `mm.boot=net` says that this is a network boot.', 'Start from the disc, or leave out `mm.live` and `mm.mode`.'),
  'MM-CMDLINE-MISSING': entry(LINE, 'A parameter without which no node can boot is missing.', 'Give `ivid` and `root`, as the disc\'s menu shows them.'),
  'MM-CMDLINE-NETWORK': entry(LINE_WARNS, '`storage_ip` lies outside of the network of `sifip`, and no router is known this early.', 'Correct `storage_ip`, `sifip` or `sifnm`.'),
  'MM-CMDLINE-UNKNOWN': entry(LINE_WARNS, 'There is no `mm.` parameter of that name; it is ignored.', 'Correct its spelling.'),
  'MM-CMDLINE-VALUE': entry(LINE, 'The value of a parameter breaks its rule, which the message tells.', 'Reboot, and edit the menu entry.'),
  'MM-IDENTITY-HOST-KEY': entry(CONSOLE, 'The registry holds no SSH host key of this node.', 'Add the node to the roster again, which makes its key.'),
  'MM-KEEPER-FILES': entry(KEEPER, 'The keeper of the sessions could not copy iscsid and what it needs from the root into memory: nobody would mend a session that is lost.', 'Boot the node again; if it stays, restore it: its root is not whole.'),
  'MM-KEEPER-PATH-BACK': entry(KEEPER, 'A path to the SAN that had been given up can be used again.', 'Nothing is to be done.'),
  'MM-KEEPER-SWAP': entry(KEEPER, 'The kernel offers no way to keep the keeper\'s memory out of swap. Only when swap on the SAN is full of it, an outage may not be survived.', 'Boot with the kernel\'s memory controller on (no `cgroup_disable=memory`).'),
};
