// What `metamaster san rebuild` found and would write, for people.

import { problemLine } from '../core/problem.ts';
import type { RebuildFindings, RebuildPlan } from './registry-rebuild.ts';

/** Slot by slot what stands there; slots that were never written are counted. Lines ended by a newline. */
export function formatFindings({ container, superblock, slots, valid, problems, salvage }: RebuildFindings): string {
  const whole = new Map(salvage.bodies.map((body) => [`${body.writer}/${body.slot}`, body]));
  const empty = slots.filter(({ writer, slot, state }) => state === 'empty' && !whole.has(`${writer}/${slot}`)).length;
  const lines = [`Container ${container}: cluster ${superblock.clusterUuid}, ${superblock.writers} writers, ${valid ? 'a valid registry' : 'no valid registry'}`];
  for (const { writer, slot, state, header } of slots) {
    const name = `${writer}/${slot}`;
    const body = whole.get(name);
    if (state === 'empty' && body === undefined) continue;
    const known = header ?? body?.header;
    const counted = known === undefined ? '' : `  lease version ${known.leaseVersion}, generation ${known.generation}`;
    const found = body === undefined ? '' : `  body whole: ${body.registry.roster.nodes.length} nodes, ${body.registry.volumes.length} volumes`;
    lines.push(`  slot ${name}  ${state.padEnd(14)}${counted}${found}`.trimEnd());
  }
  lines.push(`  ${empty} of ${slots.length} slots were never written`, ...problems.map((problem) => `  ${problemLine(problem)}`));
  return `${lines.join('\n')}\n`;
}

/** What would be written. Lines ended by a newline; no secret among them. */
export function formatRebuild({ source, registry, leaseVersion, generation, bodyBytes, confirmed, warnings, steps }: RebuildPlan): string {
  const writes = steps.flatMap((step) => (step.kind === 'write' ? [`  write  ${step.bytes.length} bytes at byte ${step.offset} of the registry partition`] : ['  flush']));
  const lines = [
    `To be written: the registry of ${source.kind === 'copy' ? 'the copy' : `slot ${source.writer}/${source.slot}`}, ${bodyBytes} bytes, as lease version ${leaseVersion}, generation ${generation}`,
    `  cluster ${registry.roster.clusterName}: ${registry.roster.nodes.map(({ name }) => name).join(', ')}`,
    `  borne out by the labels of ${confirmed.join(', ') || 'nothing'}`,
    ...warnings.map((warning) => `  warning: ${problemLine(warning)}`),
    ...writes,
  ];
  return `${lines.join('\n')}\n`;
}
