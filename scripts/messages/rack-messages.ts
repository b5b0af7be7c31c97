// Messages of the virtual rack.

import { entry, type Messages } from './message.ts';

const RACK = '`scripts/rack`';

export const RACK_MESSAGES: Messages = {
  'MM-RACK-ATTACH': entry(RACK, 'The program that logs a blade\'s console died.', '`scripts/rack up` starts it again.'),
  'MM-RACK-BLADE': entry(RACK, 'There is no blade of that number.', '`scripts/rack status` lists them.'),
  'MM-RACK-BUSY': entry(RACK, 'Another command changes this rack.', 'Wait for it, or end it.'),
  'MM-RACK-CAPTURE': entry(RACK, 'A recording runs already, or tcpdump does not record.', 'Stop the running one; install tcpdump.'),
  'MM-RACK-COMMAND': entry(RACK, 'A program that the rack needs failed.', '`scripts/rack down` and `scripts/rack up` start from a clean state.'),
  'MM-RACK-CONSOLE': entry(RACK, 'A console did not show in time what was waited for.', 'See the log that is named.'),
  'MM-RACK-DEAD': entry(RACK, 'The blade whose console is waited for has no power.', 'See its log, and the qemu log beside it.'),
  'MM-RACK-DOWN': entry(RACK, 'The rack is not up.', '`scripts/rack up` first, with the same `--name`.'),
  'MM-RACK-DVD': entry(RACK, 'The medium for the drive does not exist.', 'Give the path of an ISO image, or take the old one out.'),
  'MM-RACK-FIRMWARE': entry(RACK, 'The UEFI firmware that a blade is to have is not there, or the variables that belong to it are not beside it.', 'Install the package `ovmf` for `debian-12`; make the images with their recipe for `debian-13`; or name a code image.'),
  'MM-RACK-HARDWARE': entry(RACK, 'An option describes no machine that QEMU can be.', '`scripts/rack power --help`.'),
  'MM-RACK-LOG': entry(RACK, 'The blade never had power, so it has no log.', 'Switch it on.'),
  'MM-RACK-NAME': entry(RACK, 'The rack\'s name breaks its rule.', 'Lower-case letters, digits, dots and hyphens, 40 at most.'),
  'MM-RACK-NAMESPACE': entry(RACK, 'A network namespace did not go.', 'Run `scripts/rack down` again.'),
  'MM-RACK-OFF': entry(RACK, 'The blade has no power.', 'Switch it on.'),
  'MM-RACK-OPTION': entry(RACK, 'The value of an option breaks its rule.', 'See the verb\'s `--help`.'),
  'MM-RACK-POWER': entry(RACK, 'QEMU did not come up in time.', 'See the two logs that are named.'),
  'MM-RACK-QMP': entry(RACK, 'QEMU refused a command.', '`scripts/rack status`, and the qemu log.'),
  'MM-RACK-ROOT': entry(RACK, 'Network namespaces need root.', 'Run it with sudo.'),
  'MM-RACK-SAN': entry(RACK, 'The SAN\'s daemon does not answer.', 'See the log that is named.'),
  'MM-RACK-SAN-BUSY': entry(RACK, 'A measurement writes to the SAN, and blades are logged in.', 'Switch the blades off first.'),
  'MM-RACK-SAN-CACHE': entry(RACK, 'The SAN\'s write cache is not as it was asked for: it would acknowledge what is not on its disk, or has no cache where one is to be tried.', 'Install the distribution\'s tgt package.'),
  'MM-RACK-SAN-CHAP': entry(RACK, 'tgtd did not take the CHAP accounts, or not give them back.', 'Switch the blades off, then `scripts/rack san stop` and `scripts/rack san start`.'),
  'MM-RACK-SAN-PROBE': entry(RACK, 'The SAN does not answer by iSCSI.', 'See the log that is named.'),
  'MM-RACK-SAN-SIZE': entry(RACK, 'The SAN\'s file has another size than asked for.', 'Leave `--san-size` out, or begin with an empty one.'),
  'MM-RACK-START': entry(RACK, 'A program of the rack did not start.', 'See the log that is named.'),
  'MM-RACK-STOP': entry(RACK, 'A killed process did not go: its disk may hang.', 'Look at its stack in /proc, then run the command again.'),
  'MM-RACK-TOOLS': entry(RACK, 'Programs that the rack needs are not installed.', 'Install the packages that are named.'),
  'MM-RACK-USAGE': entry(RACK, 'The command was called wrongly.', 'See `scripts/rack --help`.'),
};
