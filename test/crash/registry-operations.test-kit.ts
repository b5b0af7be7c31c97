// For tests: writings of the registry, recorded: by the installer's writer, by a node, as it is by `metamaster restore -d 1`, and made anew by
// `metamaster san rebuild`.

import { valueOf } from '../../daemons/core/problem.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { twiceWrittenSan, type DamagedSan } from '../../daemons/storage/damaged-registry.test-kit.ts';
import { examineForRebuild, planRebuild, type RebuildRequest } from '../../daemons/storage/registry-rebuild.ts';
import { encodeRegistry, withoutSecrets, type Registry } from '../../daemons/storage/registry.ts';
import { planChange } from '../../daemons/storage/registry-change.ts';
import { planRegistryWrite, registryPartitionBytes } from '../../daemons/storage/registry-layout.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK } from '../../daemons/storage/sample-san.test-kit.ts';
import { journalOfSteps } from './crash-journal.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

const textOf = (registry: Registry): string => Buffer.from(encodeRegistry(registry)).toString();

/** The registry that a blade would take; undefined: none. */
function registryOn(read: ReadAt): string | undefined {
  const found = readContainer(read, SAMPLE_DISK_BYTES, 'debian');
  return found.ok ? textOf(found.value.registry) : undefined;
}

/** What differs from a valid registry to the next: a kernel parameter, and so many further keys that its body takes many sectors. */
const changed = (registry: Registry): Registry => ({
  ...registry, roster: { ...registry.roster, kernelParameters: 'panic=10' },
  authorizedKeys: Array.from({ length: 60 }, (_, i) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${String(i).padStart(43, '0')} admin${i}`),
});

const ownOf = (san: DamagedSan): Operation['own'] => [{ offset: san.registryAt, length: registryPartitionBytes(SAMPLE_SUPERBLOCK) }];

/** One generation more, by the writer of that number, over a valid registry. */
function slotWrite(writer: number): Operation {
  const san = twiceWrittenSan();
  const { headers, broken } = valueOf(readContainer(san.disk.read, SAMPLE_DISK_BYTES, 'debian'));
  const next = changed(san.registry);
  const steps = valueOf(planRegistryWrite({ superblock: SAMPLE_SUPERBLOCK, headers, broken, writer, leaseVersion: 0, generation: 3, body: encodeRegistry(next) }));
  const [old, fresh] = [textOf(san.registry), textOf(next)];
  const judge = (read: ReadAt): Outcome => {
    const seen = registryOn(read);
    if (seen !== old && seen !== fresh) throw new Error(seen === undefined ? 'no registry can be read' : 'a registry that is neither the old nor the new one');
    return seen === old ? 'old' : 'new';
  };
  return { name: `registry write, writer ${writer}`, before: imageOf(san.disk), events: journalOfSteps(steps, (offset) => san.registryAt + offset), own: ownOf(san), judge };
}

/** The registry written once more as it is, so that who follows it renders everything anew: it says the same on every disk. */
function rewrite(): Operation {
  const san = twiceWrittenSan();
  const foundOn = (read: ReadAt) => valueOf(readContainer(read, SAMPLE_DISK_BYTES, 'debian'));
  const plan = (read: ReadAt) => {
    const found = foundOn(read);
    return valueOf(planChange({ found, edited: found.registry, writer: 1, leaseVersion: 1, rewrite: true })).steps;
  };
  const { generation } = foundOn(san.disk.read).header;
  const judge = (read: ReadAt): Outcome => {
    const { registry, header } = foundOn(read);
    if (textOf(registry) !== textOf(san.registry)) throw new Error('what the registry says has changed');
    if (header.generation === generation + 1) return 'new';
    if (header.generation !== generation) throw new Error(`generation ${header.generation}`);
    const again = new OverlayDisk(read);
    again.apply(plan(read), san.registryAt);
    const after = foundOn(again.read);
    // A torn slot in front is passed over, so that its late rest does not win.
    if (after.header.generation <= generation || textOf(after.registry) !== textOf(registry)) throw new Error('the command given again does not end it');
    return 'old';
  };
  return { name: 'registry rewritten, restore -d 1', before: imageOf(san.disk), events: journalOfSteps(plan(san.disk.read), (offset) => san.registryAt + offset), own: ownOf(san), judge };
}

/** A registry made anew; until it is there, the same command makes the same one. */
function rebuild(name: string, san: DamagedSan, wanted: Registry, more: Partial<RebuildRequest> = {}): Operation {
  const plan = (read: ReadAt) => valueOf(planRebuild({ findings: valueOf(examineForRebuild(read, SAMPLE_DISK_BYTES, 'debian')), read, force: false, ...more }));
  const before = registryOn(san.disk.read);
  const fresh = textOf(wanted);
  const { steps } = plan(san.disk.read);
  const judge = (read: ReadAt): Outcome => {
    const seen = registryOn(read);
    if (seen === fresh) return 'new';
    if (seen !== before) throw new Error(seen === undefined ? 'the registry that was there cannot be read any more' : 'a registry that is neither the old nor the new one');
    const again = plan(read);
    const disk = new OverlayDisk(read);
    disk.apply(again.steps, san.registryAt);
    if (registryOn(disk.read) !== fresh) throw new Error('the rebuild that is done again makes another registry');
    return before === undefined ? 'completable' : 'old';
  };
  return { name, before: imageOf(san.disk), events: journalOfSteps(steps, (offset) => san.registryAt + offset), own: ownOf(san), judge };
}

/** Every writing of a registry. */
export function registryOperations(): readonly Operation[] {
  const broken = (...damages: Parameters<DamagedSan['damage']>[]): DamagedSan => {
    const san = twiceWrittenSan();
    for (const damage of damages) san.damage(...damage);
    return san;
  };
  const lost = broken([0, 'both'], [1, 'both']);
  const salvaged = broken([0, 'both'], [1, 'header']);
  const whole = twiceWrittenSan();
  const next = changed(whole.registry);
  const copyOf = (registry: Registry) => ({ registry: withoutSecrets(registry), secret: registry.secret });
  return [
    slotWrite(0), slotWrite(1), rewrite(),
    rebuild('registry rebuild, from a copy', lost, lost.registry, { copy: copyOf(lost.registry) }),
    rebuild('registry rebuild, from a slot', salvaged, salvaged.registry),
    rebuild('registry rebuild, over a valid one', whole, next, { copy: copyOf(next), force: true }),
  ];
}
