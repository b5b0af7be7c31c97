// Whether a volume may be given back at the end of an orderly shutdown: a pure decision. `down` lets any blade in at once, so it may be
// written when nothing of this kernel can write to the volume any more, and not before. docs/decisions/2026-11-21-orderly-shutdown.md

import type { MessageCode, Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import type { OwnerRecord } from './owner-record.ts';
import { labelSteps, type ChosenLabel } from './volume-label.ts';
import type { WriteStep } from './write-step.ts';

/** A volume of this node's as its boot mapped it. */
export interface MappedVolume {
  readonly name: string;
  readonly uuid: Uuid;
  /** Where it begins on the SAN's disk, in bytes: label and owner record stand in its first blocks. */
  readonly offset: number;
  /** The devices of this kernel that write to it, by the names of device-mapper; each lies upon the next. */
  readonly devices: readonly string[];
}

/** Whose volumes they are, and which. */
export interface HandBackPlan {
  readonly clusterUuid: Uuid;
  readonly node: number;
  readonly hardwareId: string;
  readonly bootNonce: string;
  /** The target of the sessions to the SAN. */
  readonly target: string;
  /** The device through which the boot read and wrote. */
  readonly disk: string;
  /** The name of the multipath device, where there is one: it stays, for it writes nothing by itself. */
  readonly multipath?: string;
  /** In the order in which they are given back; the store is the last. */
  readonly volumes: readonly MappedVolume[];
}

/** What stands on the SAN, and what is left in the kernel. */
export interface HandBackRequest {
  readonly plan: HandBackPlan;
  readonly volume: MappedVolume;
  readonly label: Result<ChosenLabel>;
  /** undefined: the block is zero; `damaged`: it does not decode. */
  readonly owner: OwnerRecord | 'damaged' | undefined;
  /** The devices of device-mapper that can be written and are still there. */
  readonly left: readonly string[];
}

/** `leave`: the label says `new` or `down` already, and stays as it is. Offsets of steps count from the volume's beginning. */
export type HandBackDecision = { readonly kind: 'give-back'; readonly steps: readonly WriteStep[] } | { readonly kind: 'leave' } | { readonly kind: 'keep'; readonly problem: Problem };

/** Devices that may still write to a volume: its own, and those that no volume of the plan accounts for, which may write anywhere. */
export function devicesInTheWay(plan: HandBackPlan, volume: MappedVolume, left: readonly string[]): readonly string[] {
  const ofOthers = new Set(plan.volumes.filter((other) => other !== volume).flatMap(({ devices }) => devices));
  return left.filter((name) => name !== plan.multipath && !ofOthers.has(name));
}

/**
 * Decides about one volume. It is kept, its label as it is, with MM-DOWN-HELD (a device is left that can write to it), MM-DOWN-LABEL (no
 * label, or another volume's), MM-DOWN-OWNER (the owner record is not the one of this boot: then it is not ours to give).
 */
export function decideHandBack({ plan, volume, label, owner, left }: HandBackRequest): HandBackDecision {
  const keep = (code: MessageCode, rule: string, seen: string, remedy: string): HandBackDecision => ({ kind: 'keep', problem: { code, where: volume.name, rule, seen, remedy } });
  const held = devicesInTheWay(plan, volume, left);
  if (held.length > 0) return keep('MM-DOWN-HELD', 'no device of this kernel can write to it', held.join(', '), 'The label stays live: the same blade boots as ever, another one needs a fence.');
  if (!label.ok) return keep('MM-DOWN-LABEL', 'a label stands in front of it', label.problems[0]!.seen, 'Run `metamaster san check`.');
  const seen = label.value.label;
  if (seen.volumeUuid !== volume.uuid || seen.clusterUuid !== plan.clusterUuid || seen.node !== plan.node) {
    return keep('MM-DOWN-LABEL', `the label names volume ${volume.uuid} of node ${plan.node}`, `${seen.volumeUuid} of node ${seen.node}`, 'Run `metamaster san check`.');
  }
  const isOurs = owner !== undefined && owner !== 'damaged' && owner.hardwareId === plan.hardwareId && owner.bootNonce === plan.bootNonce && owner.volumeUuid === volume.uuid;
  if (!isOurs) {
    const who = owner === undefined ? 'no owner' : owner === 'damaged' ? 'a record that cannot be read' : `machine ${owner.hardwareId}, epoch ${owner.epoch}`;
    return keep('MM-DOWN-OWNER', 'the owner record is the one of this boot', who, 'Another blade may own it now: see `metamaster san show`.');
  }
  if (seen.state !== 'live') return { kind: 'leave' };
  return { kind: 'give-back', steps: labelSteps({ ...seen, state: 'down', generation: seen.generation + 1 }, label.value.copy) };
}
