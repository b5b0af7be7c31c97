// `metamaster install --answers FILE`: from the answers to a cluster on the SAN. Runs in the live system of the disc.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { InputError, problemLine, valueOf, type Problem } from '../../daemons/core/problem.ts';
import { uuidFromRandom } from '../../daemons/core/uuid.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { chapOfAnswers } from '../san-login-files.ts';
import { parseAnswers, rosterOf, type Answers } from './answers.ts';
import { decodeAnswersFile } from './answers-encoding.ts';
import { blockDeviceBytes, Disk } from './disk.ts';
import { imageSha256, Installation, INSTALL_STAGES } from './engine.ts';
import { installClockWarning } from './install-clock.ts';
import { formatLayout, planLayout, type OriginImage } from './layout.ts';
import { bootFilesOnMedium } from './medium-files.ts';
import { checkNetwork, type NetworkWishes } from './network-check.ts';
import { Progress } from './progress.ts';
import { describeContent, examineForInstall, keptTable, lossOf, refusal } from './san-content.ts';
import { readOwnerCounters, runningNodes, WATCH_MS } from './running-nodes.ts';
import { makeSecrets } from './secrets.ts';
import { openTarget } from './target.ts';
import { dropCache } from '../san-device.ts';

const MEDIUM = '/run/metamaster/medium/metamaster';
const PLACES = { rootImage: '/run/metamaster/squash/root.ext4', bootFolder: MEDIUM };

const HELP = `metamaster install --answers FILE [--yes] [--force] [--dry-run] [--disk sdX] [--no-address-probe] [--accept-foreign-dhcp] [--json]

Lays a cluster out on the SAN, as the answers say (docs/answers.example.yaml), from the live system of the disc.
  --answers FILE  YAML or JSON; every mistake in it is told at once, and nothing is touched before it has none
  --dry-run       shows what the SAN holds and what would be laid out, asks the network all the same, and changes nothing
  --yes           asks no question
  --force         goes on although the disk holds something that will be lost
  --disk sdX      which disk, where the target exports several
  --no-address-probe
                  does not ask the network whether somebody has the cluster's addresses, where ARP cannot be used
  --accept-foreign-dhcp
                  goes on although another DHCP server on the boot network offers boot files
  --json          prints the result as one object, warnings among it
Broken off at any point, it can be started again with the same command.`;

function readAnswers(path: string): Answers {
  return valueOf(parseAnswers(valueOf(decodeAnswersFile(readFileSync(path), path)), path));
}

/** What the disc says of itself (live-dvd/root-image.ts). */
interface DiscManifest extends OriginImage {
  readonly epochUnixMs: number;
}

function readManifest(): DiscManifest {
  const file = `${MEDIUM}/root.json`;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as DiscManifest;
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    throw new InputError([{ code: 'MM-INSTALL-MEDIUM', where: file, rule: "can be read, as on the disc's live system", seen, remedy: 'The installation runs in the live system of the disc: boot "Install cluster".' }]);
  }
}

function chooseDisk(disks: readonly string[], wanted: string | undefined): string {
  const chosen = wanted ?? (disks.length === 1 ? disks[0] : undefined);
  if (chosen !== undefined && disks.includes(chosen)) return chosen;
  throw new InputError([{
    code: 'MM-INSTALL-DISK', where: '--disk', rule: `one of the target's disks: ${disks.map((disk) => `${disk} (${Math.floor(blockDeviceBytes(disk) / 2 ** 30)} GiB)`).join(', ')}`,
    seen: wanted ?? 'none given', remedy: 'Say which with --disk.',
  }]);
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new InputError([{ code: 'MM-INSTALL-CONFIRM', where: 'standard input', rule: 'a terminal to ask on, or --yes', seen: 'neither', remedy: 'Say --yes if you are sure.' }]);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`${question}\nType yes to go on: `);
  prompt.close();
  return answer.trim() === 'yes';
}

/** @throws InputError when a boot file is missing, or the root image is another than was put on the medium */
function checkMedium(image: OriginImage): void {
  bootFilesOnMedium(PLACES.bootFolder);
  const progress = new Progress(1);
  progress.begin('checking the medium');
  const hash = imageSha256(PLACES.rootImage, image.imageBytes, (share) => progress.update(share));
  progress.end();
  if (hash === image.imageSha256) return;
  throw new InputError([{ code: 'MM-INSTALL-MEDIUM-DAMAGED', where: PLACES.rootImage, rule: `SHA-256 ${image.imageSha256}`, seen: hash, remedy: 'The medium is damaged; make it anew. Nothing was written.' }]);
}

function tellWarnings(warnings: readonly (Problem | undefined)[]): readonly string[] {
  const lines = warnings.filter((warning) => warning !== undefined).map(problemLine);
  for (const line of lines) process.stderr.write(`metamaster: warning: ${line}\n`);
  return lines;
}

/** Asks the network; tells its warnings and returns them. @throws InputError with everything that forbids the installation */
async function refuseUnfitNetwork(answers: Answers, wishes: NetworkWishes): Promise<readonly string[]> {
  const { problems, warnings } = await checkNetwork(answers, wishes, new Progress(1));
  const told = tellWarnings(warnings);
  if (problems.length > 0) throw new InputError(problems);
  return told;
}

/** Looks at the owner records twice, past the page cache. @throws InputError when a node of the old cluster runs */
async function refuseRunningNodes(disk: Disk, container: string): Promise<void> {
  process.stderr.write(`Watching the old cluster's owner records for ${WATCH_MS / 1000} s …\n`);
  const look = async () => {
    await dropCache(disk.path);
    return readOwnerCounters(disk.read, valueOf(readContainer(disk.read, disk.bytes, container)));
  };
  const before = await look();
  await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  const problem = runningNodes(before, await look(), disk.path);
  if (problem !== undefined) throw new InputError([problem]);
}

/** Runs the command; returns the exit code. @throws InputError, CommandError or Error, each telling what to do */
export async function installCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      answers: { type: 'string' }, yes: { type: 'boolean', default: false }, force: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false },
      'no-address-probe': { type: 'boolean', default: false }, 'accept-foreign-dhcp': { type: 'boolean', default: false }, disk: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
    },
  });
  if (values.help || values.answers === undefined) {
    process.stdout.write(`${HELP}\n`);
    return values.help ? 0 : 2;
  }
  const answers = readAnswers(values.answers);
  const roster = rosterOf(answers);
  const chap = chapOfAnswers(answers);
  const image = readManifest();
  const clock = tellWarnings([installClockWarning(Date.now(), image.epochUnixMs)]);
  const disks = await openTarget(roster.san, chap);
  const name = chooseDisk(disks, values.disk);
  const disk = new Disk(`/dev/${name}`, blockDeviceBytes(name));
  try {
    const content = examineForInstall(disk.read, disk.bytes, roster.container);
    process.stderr.write(`${disk.path} (${(disk.bytes / 2 ** 30).toFixed(1)} GiB at ${roster.san.address}) holds ${describeContent(content)}.\n`);
    const refused = refusal(content, disk.path);
    if (refused !== undefined && !values.force) throw new InputError([refused]);
    const existing = keptTable(content, roster.container);
    const names = roster.nodes.map((node) => node.name);
    const secret = values['dry-run'] ? { rootPasswordHash: '!', clusterKey: '0'.repeat(64), sshHostKeys: {}, ...(chap === undefined ? {} : { chap }) } : await makeSecrets(answers, names, chap, () => undefined);
    const layout = valueOf(planLayout({ answers, image, diskBytes: disk.bytes, newUuid: () => uuidFromRandom(randomBytes(16)), secret, ...(existing === undefined ? {} : { existing }) }));
    process.stderr.write(`${formatLayout(layout)}\n`);
    const warnings = [...clock, ...(await refuseUnfitNetwork(answers, { probeAddresses: !values['no-address-probe'], acceptForeignDhcp: values['accept-foreign-dhcp'] }))];
    if (values['dry-run']) return 0;
    const loss = lossOf(content);
    if (!values.yes && !(await confirmed(loss === undefined ? 'Nothing will be lost.' : `This loses ${loss}.`))) return 1;
    if (content.kind === 'installed') await refuseRunningNodes(disk, roster.container);
    checkMedium(image);
    await new Installation(layout, disk, PLACES, new Progress(INSTALL_STAGES)).run();
    const result = { cluster: roster.clusterName, container: roster.container, nodes: names, disk: disk.path, kernelRelease: image.kernelRelease, warnings };
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `The cluster ${result.cluster} with ${names.length} nodes is installed. Boot this blade again: "Boot cluster" in the disc's menu.\n`);
    return 0;
  } finally {
    disk.close();
  }
}
