// Shows that the same recorded list of packages gives the same bytes: makes every image of a recipe a second time, from the list
// that the first build recorded, and compares. `node live-dvd/reproducible.ts [--recipe debian-13]`.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { ARM64_FILE_NAMES } from '../daemons/core/boot-file-names.ts';
import { imageFolder, makeImages } from './images.ts';

/** What is compared: the recorded lists, and everything that a blade reads. */
const COMPARED = ['packages.list', 'tools.list', 'vmlinuz', 'initrd.img', 'initrd-dvd.img', 'undionly.kpxe', 'snponly.efi', 'root.json', 'root.squashfs', 'metamaster.iso'];

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

const { values } = parseArgs({ options: { recipe: { type: 'string', default: 'debian-13' } } });
const first = imageFolder(values.recipe);
const second = `${first}-again`;
rmSync(second, { recursive: true, force: true });
await makeImages({ recipe: values.recipe, locked: join(first, 'packages.list'), lockedTools: join(first, 'tools.list'), folder: second });
let different = 0;
const compared = [...COMPARED, ...ARM64_FILE_NAMES.filter((name) => existsSync(join(first, name)))];
for (const file of compared) {
  const [a, b] = [await sha256(join(first, file)), await sha256(join(second, file))];
  if (a !== b) different++;
  process.stdout.write(`${a === b ? 'same     ' : 'DIFFERENT'} ${file} ${a}${a === b ? '' : ` ${b}`}\n`);
}
if (different === 0) rmSync(second, { recursive: true });
else process.stderr.write(`${different} of ${compared.length} differ: compare ${first} with ${second}\n`);
process.exitCode = different === 0 ? 0 : 1;
