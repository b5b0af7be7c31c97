// A recipe says of which release and packages the nodes' system and the disc are made. It is data: live-dvd/recipes/*.json.

import { readFileSync } from 'node:fs';
import { z } from 'zod';

const names = z.array(z.string().min(1));
/** In a sub-folder of build/images/NAME/, beside which what is made of the recipe lies under names of its own. */
const broughtFile = z.string().regex(/^(?!(.*\/)?\.{1,2}\/)[\w.+-]+(\/[\w.+-]+)*\/[\w+-][\w.+-]*$/, 'must be a path in a sub-folder of build/images/NAME/, such as arm64/vmlinuz');

const schema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  suite: z.string().regex(/^[a-z]+$/),
  comment: z.string().optional(),
  /** Seconds since 1970: the newest time stamp in any image. */
  epoch: z.int().positive(),
  /** What the nodes run. */
  packages: names,
  /** What makes images; it never goes into one, except for the boot loaders. */
  tools: names,
  /** File patterns that are not unpacked. */
  leaveOut: names,
  /** Units linked to /dev/null: each was seen to cost boot time and to do nothing for a node whose root the initrd prepares. */
  mask: names,
  /** Units that wait until the boot services answer: on a cold start they fight for the same processor and the same disk. */
  afterServing: names,
  generatorsOff: names,
  /** Kernel modules of the network-boot initrd, and what the disc's has besides. */
  bootModules: names,
  dvdModules: names,
  dvdModuleFolders: names,
  /** Boot files for arm64 blades, made elsewhere; the loader comes from the tools' package ipxe. Without it arm64 blades are served nothing. */
  arm64: z.strictObject({ kernel: broughtFile, initrd: broughtFile }).optional(),
});

/** A checked recipe. */
export type Recipe = z.infer<typeof schema>;

/** Reads a recipe. @throws ZodError that names every wrong field. */
export function readRecipe(path: string): Recipe {
  return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
}
