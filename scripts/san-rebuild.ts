// `metamaster san rebuild`: a registry that no blade can read any more, made anew from an exported copy or from what its own slots
// still hold. It shows what it found and what it would write, and writes nothing but registry slots.

import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Problem, problemLine, valueOf } from '../daemons/core/problem.ts';
import { SECTOR_BYTES } from '../daemons/storage/block.ts';
import { readContainer } from '../daemons/storage/container-on-disk.ts';
import { allExtents, scanFronts } from '../daemons/storage/label-scan.ts';
import { withoutSecrets } from '../daemons/storage/registry.ts';
import { decodeCopy, type RegistryCopy } from '../daemons/storage/registry-copy.ts';
import { draftOfLabels, NOT_IN_LABELS } from '../daemons/storage/registry-draft.ts';
import { examineForRebuild, planRebuild, type RebuildFindings, type RebuildPlan } from '../daemons/storage/registry-rebuild.ts';
import { formatFindings, formatRebuild } from '../daemons/storage/registry-rebuild-text.ts';
import type { SlotNumber } from '../daemons/storage/registry-layout.ts';
import { Disk } from './install/disk.ts';
import { EXTENT_BYTES } from './install/layout.ts';
import { freshSecrets } from './install/secrets.ts';
import { readSanLogin } from './san-login-files.ts';
import { containerOf, openSan, type OpenedSan, type SanOutput, UsageError } from './san-device.ts';

/** The verb's part of the help. */
export const REBUILD_HELP = `  san rebuild PATH [--from FILE] [--container NAME] [--slot W/S] [--new-secrets [--san-login FILE]] [--force] [--dry-run] [--yes] [--json]
                              writes a registry that cannot be read anew, into registry slots and nowhere else;
                              from an exported copy, or without --from from a slot whose body is still whole
                              --dry-run: shows what was found slot by slot and what would be written; --yes: writes it
                              --slot W/S: which body, where several are whole; --force: also over a valid registry
                              --new-secrets: for a copy without secrets, makes keys anew and locks root's password
                              --san-login FILE: with it, the SAN's CHAP login (/etc/metamaster/san-login.json of a node)
  san rebuild PATH --draft FILE [--extent-mib N]
                              writes what labels alone tell to a new FILE, to be completed and given with --from;
                              N: the size of an extent [${EXTENT_BYTES / 2 ** 20}]
`;

const OPTIONS = {
  from: { type: 'string' }, container: { type: 'string' }, slot: { type: 'string' }, 'new-secrets': { type: 'boolean', default: false }, 'san-login': { type: 'string' }, force: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false }, yes: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, draft: { type: 'string' }, 'extent-mib': { type: 'string' },
} as const;

function readArguments(argv: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    if (positionals.length !== 1) throw new UsageError(`'san rebuild' wants one PATH, ${positionals.length} given`);
    return { ...values, path: positionals[0]! };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function slotOf(text: string | undefined): { writer: number; slot: SlotNumber } | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,4})\/([01])$/.exec(text);
  if (match === null) throw new UsageError(`--slot ${text}: write it as W/S, e.g. 0/1`);
  return { writer: Number(match[1]), slot: Number(match[2]) as SlotNumber };
}

function extentBytesOf(text: string | undefined): number {
  if (text === undefined) return EXTENT_BYTES;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`--extent-mib ${text}: a whole number of MiB`);
  return Number(text) * 2 ** 20;
}

function refuse(problems: readonly Problem[], output: SanOutput): number {
  for (const problem of problems) output.error(`metamaster san: ${problemLine(problem)}\n`);
  return 1;
}

function writeDraft(san: OpenedSan, findings: RebuildFindings, file: string, extentBytes: number, output: SanOutput): number {
  const { superblock, ranges } = findings;
  const draft = draftOfLabels(superblock, scanFronts(san.read, ranges.container, extentBytes, allExtents(ranges.container, extentBytes)), extentBytes, ranges.container);
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(descriptor, `${JSON.stringify(draft, undefined, 2)}\n`);
  } finally {
    closeSync(descriptor);
  }
  output.error(`metamaster san: ${file}: what the labels tell. They do not tell:\n${NOT_IN_LABELS.map(([what, source]) => `  - ${what}: ${source}\n`).join('')}`);
  return 0;
}

/** Writes the plan and reads the registry back as a blade would. */
function carryOut(path: string, san: OpenedSan, findings: RebuildFindings, plan: RebuildPlan, output: SanOutput): number {
  const disk = new Disk(path, san.bytes);
  try {
    const base = findings.ranges.registry.firstSector * SECTOR_BYTES;
    disk.carryOut(plan.steps, (offset) => base + offset);
    const { header } = valueOf(readContainer(disk.read, disk.bytes, findings.container));
    output.error(`metamaster san: ${path}: written and read back: lease version ${header.leaseVersion}, generation ${header.generation}. Boot the blades, or run \`metamaster san check\` first.\n`);
    return 0;
  } finally {
    disk.close();
  }
}

/** Runs the verb with the words behind `rebuild`; returns the exit code. @throws UsageError, InputError, and what the system throws */
export async function sanRebuild(argv: readonly string[], output: SanOutput): Promise<number> {
  const values = readArguments(argv);
  const slot = slotOf(values.slot);
  const san = openSan(values.path, output);
  try {
    const examined = examineForRebuild(san.read, san.bytes, containerOf(san, values.container));
    if (!examined.ok) return refuse(examined.problems, output);
    const findings = examined.value;
    if (!values.json) output.out(formatFindings(findings));
    if (values.draft !== undefined) return writeDraft(san, findings, values.draft, extentBytesOf(values['extent-mib']), output);
    let copy: RegistryCopy | undefined;
    if (values.from !== undefined) {
      const decoded = decodeCopy(readFileSync(values.from), values.from);
      if (!decoded.ok) return refuse(decoded.problems, output);
      copy = decoded.value;
    }
    const request = { findings, read: san.read, force: values.force, nowUnixMs: Date.now(), ...(copy === undefined ? {} : { copy }), ...(slot === undefined ? {} : { slot }) };
    const wantsSecrets = values['new-secrets'] && copy !== undefined && copy.secret === undefined;
    const chap = values['san-login'] === undefined ? undefined : readSanLogin(values['san-login']);
    const freshSecret = wantsSecrets ? { ...(await freshSecrets('!', copy!.registry.roster.nodes, () => undefined)), ...(chap === undefined ? {} : { chap }) } : undefined;
    const plan = planRebuild({ ...request, ...(freshSecret === undefined ? {} : { freshSecret }) });
    if (!plan.ok) return refuse(plan.problems, output);
    const { steps, registry, ...rest } = plan.value;
    output.out(values.json ? `${JSON.stringify({ slots: findings.slots, plan: { ...rest, registry: withoutSecrets(registry), writes: steps.flatMap((step) => (step.kind === 'write' ? [{ offset: step.offset, bytes: step.bytes.length }] : [])) } }, undefined, 2)}\n` : formatRebuild(plan.value));
    if (values['dry-run']) return 0;
    if (!values.yes) return refuse([{ code: 'MM-REBUILD-YES', where: values.path, rule: '--yes, to write', seen: 'nothing written', remedy: 'Look at what would be written, and say --yes.' }], output);
    return carryOut(values.path, san, findings, plan.value, output);
  } finally {
    san.close();
  }
}
