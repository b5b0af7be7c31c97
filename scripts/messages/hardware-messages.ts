// Messages about what blades are made of (daemons/hardware).

import { entry, type Messages } from './message.ts';

const SHOWN = '`metamaster node hardware`';

export const HARDWARE_MESSAGES: Messages = {
  'MM-HARDWARE-FACTS': entry('`metamaster node hardware`, and the journal of `metamaster-hardware`', 'What a node tells of its hardware breaks a rule: a list or a string that is too long, a value out of its range. Another release of metamaster, or a fault of the collector.', 'Start the collector again on that node: `systemctl restart metamaster-hardware`.'),
  'MM-HARDWARE-SILENT': entry(SHOWN, 'A node of the roster does not tell what it is made of: it is off, does not serve yet, has not looked yet, or has another cluster key.', '`metamaster status` says which nodes are alive. `systemctl status metamaster-hardware` on that node says what became of the collector.'),
  'MM-HARDWARE-NODE': entry(SHOWN, 'The argument is no node of the roster, or there is more than one.', 'Take a name or a number that the message lists.'),
  'MM-HARDWARE-NO-NODE': entry(SHOWN, 'Roster or cluster key cannot be read: this machine is no node, or the command does not run as root.', 'Run it as root on a node that is up.'),
  'MM-HARDWARE-MAC': entry(SHOWN, 'A blade has a network card that may boot and that the roster does not know. When the blade boots by it, no node answers, and the blade goes on to what its firmware tries next.', 'Add its address to the MAC addresses of that node, behind those that it has, or take the card out of the firmware\'s boot order.'),
  'MM-HARDWARE-MAC-OTHER': entry(SHOWN, 'A card has a MAC address that the roster has for another node: it was moved from there, or its address was set by hand.', 'Correct the MAC addresses of both nodes. The card must not serve two.'),
  'MM-HARDWARE-MAC-GONE': entry(SHOWN, 'The roster has a MAC address for a node that no card of the blade has: the card was changed, is dead, or its driver did not load.', 'Where it was changed, correct the roster; else look for the card in the firmware\'s menu and in `dmesg`.'),
  'MM-HARDWARE-MODEL': entry(SHOWN, 'A blade calls itself by another model than most others.', 'Nothing, where that is meant. After a change of the board have the product name set by the maker\'s tool.'),
  'MM-HARDWARE-BIOS': entry(SHOWN, 'Among blades of one model, one has another version of its firmware than most.', 'Bring all to one version, and look through the settings afterwards.'),
  'MM-HARDWARE-BOOT-MODE': entry(SHOWN, 'A blade was started by BIOS where most were by UEFI, or the other way round: often its settings went back to their defaults.', 'Set the boot mode in the firmware\'s menu as with the others.'),
  'MM-HARDWARE-CPU': entry(SHOWN, 'A blade has other processors than most, or one less.', 'Look at the machine\'s event log where a processor is missing. Do not mix models where virtual machines are to move.'),
  'MM-HARDWARE-CORES': entry(SHOWN, 'A blade runs on another number of cores or threads than most: hyper-threading or cores are off in its firmware, or did not start.', 'Compare the processor settings in the firmware\'s menu; `dmesg` tells of cores that did not start.'),
  'MM-HARDWARE-VIRTUALISATION': entry(SHOWN, 'A blade\'s processors do not offer hardware virtualisation as most do: it is off in the firmware.', 'Switch it on in the firmware\'s menu (VT-x, SVM).'),
  'MM-HARDWARE-MEMORY': entry(SHOWN, 'A blade has another amount of memory than most. With less, a module is dead, loose or was taken out.', 'Compare the modules one by one: the command with the node\'s number lists them. Plug them in again; look at the machine\'s event log.'),
  'MM-HARDWARE-MEMORY-SPEED': entry(SHOWN, 'The slowest memory module of a blade runs at another speed than with most.', 'Compare the modules, and the memory settings in the firmware\'s menu.'),
  'MM-HARDWARE-NIC': entry(SHOWN, 'A blade has other network cards than most: one is dead, missing or of another kind, or its driver did not load.', 'Look for the card in the firmware\'s menu, and for its driver in `dmesg`.'),
  'MM-HARDWARE-NIC-SPEED': entry(SHOWN, 'The fastest link of a blade has another speed than with most: a cable, or the switch port.', 'Change the cable, then the port; `ip -s link` counts errors.'),
  'MM-HARDWARE-WATCHDOG': entry(SHOWN, 'A blade has no hardware watchdog, or another than most. Without one a hung kernel is reset by nobody.', 'Switch it on in the firmware\'s menu.'),
  'MM-HARDWARE-BMC': entry(SHOWN, 'A blade has no management controller where most have one, or the other way round.', 'Take the blade\'s power away for a minute, which starts the controller again; then look at it in the firmware\'s menu.'),
  'MM-HARDWARE-DISK': entry(SHOWN, 'A blade has other disks of its own than most; those of the SAN do not count. It may boot from a disk or stick that was left in it.', 'Take it out, or put the network before it in the firmware\'s boot order.'),
};
