// Who may have the shared volume mounted, and so whether it may be written over: a pure decision over the owner records of all nodes, for a
// node that maps its own volumes runs, and one that runs may have mounted the shared one. Silence decides nothing (ownership.ts).

import type { Problem } from '../core/problem.ts';
import type { SectorRange } from './container-partitions.ts';
import { heldVolumes, type HandOverRequest, mappedVolumes, planHandOver } from './hand-over.ts';
import { OWNER_STILL_MS } from './ownership.ts';
import type { Registry, VolumeRecord } from './registry-model.ts';
import type { SharedContent } from './shared-volume.ts';
import type { VolumeFront } from './volume-front.ts';

/** What the decision rests on. */
export interface SharedUseRequest {
  readonly registry: Registry;
  readonly container: SectorRange;
  readonly volume: VolumeRecord;
  readonly content: SharedContent;
  /** Go on although nobody knows what the volume holds. */
  readonly force: boolean;
  readonly frontOf: (volume: VolumeRecord) => VolumeFront;
  /** Since how many milliseconds the owner block of a volume has not changed, by its name, and of the shared volume its heartbeat area; what was not watched is not in it. */
  readonly stillMs: ReadonlyMap<string, number>;
  /** Nodes whose machines are proved off or barred. */
  readonly fenced: ReadonlySet<number>;
  /** Who asks; `node`: which node this machine runs as at this moment. Whether it has the volume itself it finds out otherwise. */
  readonly claimant: { readonly hardwareId: string; readonly node?: number };
}

/** A machine that may have it: a node of the roster; or what nobody could fence, whose volumes are in quarantine. */
interface Suspect {
  readonly where: string;
  readonly request: HandOverRequest;
  readonly remedy: string;
}

/** True when nobody can have mounted what the volume holds. */
const isNobodys = ({ kind }: SharedContent): boolean => kind === 'blank' || kind === 'unfinished';

function suspects({ registry, container, frontOf, stillMs, fenced, claimant }: SharedUseRequest): readonly Suspect[] {
  const request = (volumes: readonly VolumeRecord[], proven: boolean): HandOverRequest => ({ registry, container, volumes, frontOf, stillMs, fenced: proven, hardwareId: claimant.hardwareId });
  const nodes = registry.roster.nodes.filter(({ number }) => number !== claimant.node).map(({ number }): Suspect => ({
    where: `node ${number}`, request: request(mappedVolumes(registry, number), fenced.has(number)),
    remedy: `Shut it down with \`metamaster power shutdown ${number}\`, which gives its volumes back. Of a machine that is off or barred from the SAN without having done so, say --fenced ${number}.`,
  }));
  const left = registry.volumes.filter(({ retired }) => retired === 'quarantined').map((volume): Suspect => ({
    where: `${volume.name}, in quarantine`, request: request([volume], false),
    remedy: `The machine that had it may run, and have the shared volume mounted. Once it is off for good: \`metamaster node release ${volume.uuid} --fenced\`.`,
  }));
  return [...nodes, ...left];
}

/** What has to be watched before `sharedUseProblems` can say that nothing speaks against it: owner records of fenced nodes, and the heartbeat of an OCFS2. */
export function sharedVolumesToWatch(request: SharedUseRequest): readonly VolumeRecord[] {
  if (isNobodys(request.content)) return [];
  const owners = suspects(request).filter((suspect) => suspect.request.fenced).flatMap((suspect) => heldVolumes(suspect.request));
  return request.content.kind === 'ocfs2' ? [...owners, request.volume] : owners;
}

/**
 * What speaks against writing over the volume; nothing, when it is nobody's. Problems: MM-SHARED-CONTENT (not ours to judge), MM-SHARED-NODE
 * (a machine may have it mounted), MM-SHARED-MOUNTED (one has), and those of labels that are not what the registry says.
 */
export function sharedUseProblems(request: SharedUseRequest): readonly Problem[] {
  const { volume, content, force, stillMs } = request;
  if (isNobodys(content)) return [];
  const problems: Problem[] = [];
  if (content.kind === 'unknown' && !force) problems.push({
    code: 'MM-SHARED-CONTENT', where: volume.name, rule: 'blank, or an OCFS2', seen: content.what, remedy: 'Look at what it is, and whose. If it may be lost, say --force.',
  });
  for (const suspect of suspects(request)) {
    const plan = planHandOver(suspect.request);
    if (plan.ok) continue;
    const owned = plan.problems.filter(({ code }) => code === 'MM-HANDOVER-OWNER');
    problems.push(...plan.problems.filter((problem) => !owned.includes(problem)));
    if (owned.length > 0) problems.push({
      code: 'MM-SHARED-NODE', where: suspect.where, rule: `down by its owner records, or fenced and its owner records still for ${OWNER_STILL_MS / 1000} s`, seen: owned.map(({ where, seen }) => `${where}: ${seen}`).join('; '), remedy: suspect.remedy,
    });
  }
  if (content.kind === 'ocfs2' && (stillMs.get(volume.name) ?? 0) < OWNER_STILL_MS) problems.push(mounted(volume, 'a node writes its heartbeat there, or did within 30 s'));
  return problems;
}

/** A machine has the volume in use. */
export function mounted(volume: VolumeRecord, seen: string): Problem {
  return { code: 'MM-SHARED-MOUNTED', where: volume.name, rule: 'in use by nobody', seen, remedy: 'Unmount it on every node and remove what maps it, then begin again. Nothing was written.' };
}
