// Messages about what stands on the SAN.

import { entry, type Messages } from './message.ts';

const EVERYWHERE = "the blade's console, `metamaster san`, `metamaster install`";
const BLOCK = `${EVERYWHERE}, the journal of \`metamaster-storage\``;
const CHECK = '`metamaster san show` and `metamaster san check`';
const WRITER = 'whatever writes the registry';
const REBUILD = '`metamaster san rebuild`';
const PLAN = '`metamaster install`';
const REVALIDATE = 'the revalidation of a store';

export const SAN_MESSAGES: Messages = {
  'MM-BLOCK-CHECKSUM': entry(BLOCK, 'A block of ours is torn or damaged: a power cut in the middle of a write, most likely.', 'Nothing where a copy or an older slot counts in its place; else `metamaster san check` tells what is lost.'),
  'MM-BLOCK-FIELD': entry(BLOCK, 'A block with a right checksum holds a value that no program of ours writes.', '`metamaster san check`; please report it if nothing else wrote there.'),
  'MM-BLOCK-LENGTH': entry(BLOCK, 'The device ended within a block.', 'Check that it is the right device, and its size.'),
  'MM-BLOCK-MAGIC': entry(BLOCK, 'Nothing of ours stands where a label, a slot or a superblock should: it was never written, or was overwritten, or the volume is gone.', '`metamaster san check`; restore or reset the volume that is named.'),
  'MM-BLOCK-VERSION': entry(BLOCK, 'A newer release of metamaster wrote the block. Nothing older is taken in its place.', 'Use that release or a newer one; the message names both versions.'),
  'MM-CONTAINER-ENTRIES': entry(PLAN, 'The disk\'s partition table has no room for three more partitions.', 'Use another LUN.'),
  'MM-CONTAINER-EXISTS': entry(PLAN, 'The disk has a container of that name.', 'Choose another container name, or remove the old container first.'),
  'MM-CONTAINER-NAME': entry(PLAN, 'The container\'s name breaks its rule.', 'A lower-case letter, then at most 15 lower-case letters, digits and hyphens.'),
  'MM-CONTAINER-NONE': entry(EVERYWHERE, 'The disk has no container of the name in `root=/dev/evms/default<container>`, or none at all. The message lists those that are there.', 'Correct the name, or install first.'),
  'MM-CONTAINER-PARTITION': entry(EVERYWHERE, 'A container lacks one of its three partitions, or has one twice or of a foreign type.', 'Mend the partition table; do not install over it before you know what happened.'),
  'MM-CONTAINER-ROOM': entry(PLAN, 'The disk has less room behind its last partition than the container needs.', 'Use a larger LUN, or give a smaller `container-size`.'),
  'MM-EXTENTS-ROOM': entry(PLAN, 'A volume is larger than what is free in the container, if only by one extent. Nothing is written.', 'Ask for smaller volumes or fewer nodes, or use a larger LUN.'),
  'MM-GPT-BACKUP-PLACE': entry(EVERYWHERE, 'The backup of the partition table is not in the disk\'s last sector: the LUN was grown. Nothing is lost.', 'Move it with `sgdisk -e`; for more room add another LUN.'),
  'MM-GPT-CHECKSUM': entry(EVERYWHERE, 'A copy of the partition table is torn or damaged; the other one counts.', 'Repair it with `sgdisk -e` or `gdisk`.'),
  'MM-GPT-COPIES': entry(EVERYWHERE, 'The two copies of the partition table differ; the first one counts.', 'Repair it with `gdisk`.'),
  'MM-GPT-DISK-SMALLER': entry(EVERYWHERE, 'The disk has fewer sectors than its partition table speaks of: the LUN was made smaller, or it is another disk. Nothing is read further.', 'Give the LUN its size back before anything is written.'),
  'MM-GPT-ENTRY': entry(EVERYWHERE, 'Partitions overlap or reach over the end of the disk.', 'Repair the table with `gdisk`.'),
  'MM-GPT-HEADER': entry(EVERYWHERE, 'The partition table has a form that metamaster does not read.', 'Make it with the usual 128 entries.'),
  'MM-GPT-MBR': entry(EVERYWHERE, 'The protective boot record in front of the table is missing; other programs may take the disk for empty.', 'Repair it with `gdisk`.'),
  'MM-GPT-NONE': entry(EVERYWHERE, 'The disk has no partition table: it is empty, another disk, or overwritten.', 'Is it the SAN\'s disk? If so, install, or repair the table.'),
  'MM-GPT-SECTOR-SIZE': entry(EVERYWHERE, 'The table was made for sectors of 4096 bytes.', 'Export the LUN with 512-byte logical sectors.'),
  'MM-LABEL-COPIES': entry(BLOCK, 'The two copies of a label are of one generation and differ, which no torn write can leave: two programs wrote at once.', 'Power off what is not this volume\'s node, then reset the volume.'),
  'MM-REBUILD-AMBIGUOUS': entry(REBUILD, 'Several slots hold a whole registry, they differ, and no header tells which is the newest.', 'Look at each with `--slot W/S --dry-run --json`, and choose one.'),
  'MM-REBUILD-CHAP': entry('`metamaster san rebuild`', 'The copy says that the SAN wants CHAP, and the secrets to be written have no such login; or the other way about.', 'Give the login with `--san-login FILE`, as in `/etc/metamaster/san-login.json` of a node; or use a copy with secrets.'),
  'MM-REBUILD-CLUSTER': entry(REBUILD, 'The copy is of another cluster or container than the superblock on the SAN.', 'Find the right copy.'),
  'MM-REBUILD-LABEL': entry(REBUILD, 'A label on the SAN contradicts the registry that was to be written: the copy is older than the SAN, or of another one. As a warning: the label cannot be read, and bears nothing out.', 'Use a newer copy. Nothing was written.'),
  'MM-REBUILD-NODE': entry(REBUILD, 'The copy has a node whose number has no slots in the registry on the SAN.', 'Find the right copy.'),
  'MM-REBUILD-SECRETS': entry(REBUILD, 'The copy was exported without secrets, and no slot still holds them.', 'Use a copy with secrets; or say `--new-secrets`, set root\'s password afterwards, and boot all nodes again.'),
  'MM-REBUILD-SOURCE': entry(REBUILD, 'No slot holds a whole registry and no copy was given.', 'Give a copy with `--from`. Without one, `--draft FILE` writes what the labels tell; complete it and give it with `--from`.'),
  'MM-REBUILD-UNCONFIRMED': entry(REBUILD, 'Not one label bears the copy out.', 'Check that copy and device belong together: nothing is written on such a ground.'),
  'MM-REBUILD-UNKNOWN': entry(REBUILD, 'The SAN holds a volume of this cluster where the copy has free room: it would be written over some day.', 'Use a newer copy. As a warning: most likely the rest of a volume that was dropped.'),
  'MM-REBUILD-VALID': entry(REBUILD, 'There is a registry that every blade takes.', 'Nothing is to be done; `--force` writes over it all the same.'),
  'MM-REBUILD-YES': entry(REBUILD, 'Nothing is written before you say so.', 'Look at what would be written, and say `--yes`.'),
  'MM-REGISTRY-BODY': entry(EVERYWHERE, 'The newest slot of the registry is torn, as after a power cut in the middle of a write. The next older one counts, and the boot goes on.', 'Nothing; the next writing mends it.'),
  'MM-REGISTRY-CLUSTER': entry(EVERYWHERE, 'The registry\'s superblock and its newest slot are of two installations.', '`metamaster san rebuild` from the right copy.'),
  'MM-REGISTRY-FORMAT': entry(EVERYWHERE, 'A value of the registry, or of a copy of it, breaks its rule.', 'Correct it and write the registry again, or go back to an export.'),
  'MM-REGISTRY-LENGTH': entry(`${WRITER}, ${REBUILD}`, 'The registry is larger than its slots.', 'Use fewer or shorter SSH keys, or install with a larger `maximum-nodes`.'),
  'MM-REGISTRY-NONE': entry(EVERYWHERE, 'All slots are torn or empty: an installation that was broken off, or a registry that was overwritten. A blade waits and looks again.', 'Finish the installation; or `metamaster san rebuild`, from an exported copy or from what the slots still hold.'),
  'MM-REGISTRY-PARTITION': entry(EVERYWHERE, 'The registry\'s partition is smaller than its superblock says.', 'Give it its size back before anything is written.'),
  'MM-REGISTRY-RELATION': entry(EVERYWHERE, 'Parts of the registry contradict each other: a volume that is missing, extents that overlap, an address that two nodes have.', 'Correct it and write the registry again, or go back to an export.'),
  'MM-REGISTRY-STALE': entry(WRITER, 'Somebody else wrote the registry meanwhile.', 'Read it again and repeat the change.'),
  'MM-REGISTRY-TEXT': entry(EVERYWHERE, 'The registry, or a copy of it, is no JSON in UTF-8.', 'Go back to an export.'),
  'MM-REGISTRY-TIE': entry(EVERYWHERE, 'Two writers were at work at once, without the lease.', 'Check that every node has a proven watchdog, compare an export with what is wanted, and write the registry once more.'),
  'MM-REGISTRY-VERSION': entry(EVERYWHERE, 'A newer release of metamaster wrote the registry; the message names its version and the newest that this release reads. Nothing is changed, and no older slot is taken.', 'Use that release or a newer one: for a blade, a disc or boot files of it.'),
  'MM-REGISTRY-WRITER': entry(WRITER, 'The registry was made for fewer nodes than this one\'s number.', 'Install with a larger `maximum-nodes`.'),
  'MM-REVALIDATE-CHANGED': entry(REVALIDATE, 'The store\'s header changed since it was examined: somebody writes to it.', 'Find out who, before anything else is done.'),
  'MM-REVALIDATE-FULL': entry(REVALIDATE, 'The store has so little room left that it may have overflowed. Writes are then missing from the middle of what was written, and no file system survives that for sure.', 'Save what can be read, reset the store, and give it more room.'),
  'MM-REVALIDATE-NONE': entry(REVALIDATE, 'There is nothing to set valid: the volume is no store, was never used, or is valid.', 'If the root does not mount, check its file system; a store without a header is to be reset.'),
  'MM-REVALIDATE-OWNER': entry(REVALIDATE, 'The store\'s owner may still run.', 'Power that blade off, or bar its session at the target, and claim the store first.'),
  'MM-SAN-BOOT-FILE': entry(CHECK, 'A boot file is damaged, or reaches over the end of its volume.', 'Write the boot volume again.'),
  'MM-SAN-BOOT-ORIGIN': entry(CHECK, 'A boot volume belongs to another origin: blades would boot a kernel that does not fit their root.', 'Write the boot volume again.'),
  'MM-SAN-CHUNK': entry(CHECK, 'Label and header of a store name different chunks; the kernel uses the header\'s.', 'A reset brings both together.'),
  'MM-SAN-CONTAINER': entry(`${CHECK}, ${REBUILD}, the blade's console`, 'The registry speaks of more extents than the container\'s partition has: the LUN was made smaller and its table adapted. A blade maps nothing and waits.', 'Give LUN and partition their size back before anything is written.'),
  'MM-SAN-LABEL': entry(CHECK, 'A label and the registry disagree.', 'Find out which is right before this node boots; a reset writes the label anew.'),
  'MM-SAN-NAME': entry(CHECK, 'The container\'s partitions and its superblock have different names: they were copied or renamed.', 'Give the partitions their names back.'),
  'MM-SAN-READ': entry(`${CHECK}, the blade's console`, 'The device refused a read.', 'Check the session to the SAN, the kernel\'s log, and the device\'s size.'),
  'MM-SAN-WRITER': entry(CHECK, 'A node\'s number has no slots in the registry: it can boot, and never write.', 'Give it a smaller number, or install with a larger `maximum-nodes`.'),
  'MM-SNAPSHOT-HEADER': entry(`${CHECK}, the blade's console`, 'What stands at the beginning of a store is no header of dm-snapshot.', 'Find out who wrote there; reset the store if nothing is to be saved.'),
  'MM-STORE-EXCEPTION': entry(REVALIDATE, 'The store\'s tables hold what no kernel writes: they are damaged.', 'Save what can be read, then reset the store.'),
  'MM-BOOT-INDEX': entry(CHECK, 'The index of a boot volume is damaged.', 'Write the boot volume again.'),
};
