// The boot volume: an archive of the few read-only files that boot a blade into one origin (kernel, initrd, loaders). A header block,
// an index in canonical JSON, then the files, each at a multiple of 4096 bytes, so that it can be written and read as a stream.

import { concatBytes, decodeUtf8, encodeUtf8, fromHex, toHex } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import { sha256 } from '../core/sha256.ts';
import type { Uuid } from '../core/uuid.ts';
import type { BlockCodec } from './block.ts';
import { BLOCK_BYTES, decodeBlock, encodeBlock, roundUp } from './block.ts';
import { canonicalJson } from './canonical-json.ts';
import { gather, list, object, text, whole } from './json-shape.ts';

/** Kernel, initrd, Xen and a dozen loaders fit several times. */
export const MAX_BOOT_FILES = 64;
/** 64 entries of some 200 bytes, and room. */
export const MAX_BOOT_INDEX_BYTES = 64 * 1024;
/** Every node keeps the files in memory: larger ones are a mistake. */
export const MAX_BOOT_FILE_BYTES = 2 ** 30;
/** Names are requested over TFTP and HTTP: no slash, no blank, nothing to be quoted. */
const BOOT_FILE_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** What a file is, before it has a place. */
export interface BootFile {
  readonly name: string;
  /** Its size. */
  readonly bytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** A file's place in the boot volume; `offset` is from the volume's start. */
export interface BootFilePlacement extends BootFile {
  readonly offset: number;
}

/** What the first block says. */
export interface BootVolumeHeader {
  readonly originUuid: Uuid;
  /** Bytes of the index, which begins at 4096. */
  readonly indexBytes: number;
  readonly indexSha256: string;
}

const HEADER: BlockCodec<BootVolumeHeader> = {
  what: 'boot volume header',
  magic: 'MMBOOTVL',
  version: 1,
  write(fields, header) {
    fields.u32(12, header.indexBytes);
    fields.uuid(16, header.originUuid);
    fields.raw(32, 32, fromHex(header.indexSha256) ?? new Uint8Array(0));
  },
  read(fields) {
    return { indexBytes: fields.u32(12, 'indexBytes', 2, MAX_BOOT_INDEX_BYTES), originUuid: fields.uuid(16), indexSha256: toHex(fields.raw(32, 32)) };
  },
};

/** The offset of the index in the volume. */
export const BOOT_INDEX_OFFSET = BLOCK_BYTES;

/**
 * Lays a boot volume out: `head` (header and index, padded to whole blocks) belongs at offset 0, each file at its placement's offset;
 * `totalBytes` is what the volume needs. Throws RangeError for files that break a rule: names, counts and sizes are the caller's.
 */
export function encodeBootVolume(originUuid: Uuid, files: readonly BootFile[]): { head: Uint8Array; placements: BootFilePlacement[]; totalBytes: number } {
  // Offsets stand in the index, so its length depends on them: the head grows until it holds the index that it leads to.
  for (let headBytes = 2 * BLOCK_BYTES; headBytes <= BLOCK_BYTES + MAX_BOOT_INDEX_BYTES; headBytes += BLOCK_BYTES) {
    let end = headBytes;
    const placements = files.map(({ name, bytes, sha256 }) => {
      const offset = end;
      end = roundUp(offset + bytes, BLOCK_BYTES);
      return { name, offset, bytes, sha256 };
    });
    const index = encodeUtf8(canonicalJson(placements));
    if (BLOCK_BYTES + index.length > headBytes) continue;
    const header = { originUuid, indexBytes: index.length, indexSha256: toHex(sha256(index)) };
    const checked = decodeBootVolumeIndex(header, index);
    if (!checked.ok) throw new RangeError(`these files make no boot volume: ${checked.problems.map((p) => `${p.where}: ${p.rule}`).join('; ')}`);
    const padding = new Uint8Array(headBytes - BLOCK_BYTES - index.length);
    return { head: concatBytes(encodeBootVolumeHeader(header), index, padding), placements, totalBytes: end };
  }
  throw new RangeError(`${files.length} files do not fit an index of ${MAX_BOOT_INDEX_BYTES} bytes`);
}

/** The first block. Throws RangeError for values that do not fit. */
export const encodeBootVolumeHeader = (header: BootVolumeHeader): Uint8Array => encodeBlock(HEADER, header);

/** Reads the first block; problems as of `decodeBlock`. */
export const decodeBootVolumeHeader = (block: Uint8Array, where = 'boot volume header'): Result<BootVolumeHeader> => decodeBlock(HEADER, block, where);

const indexShape = list(
  object<BootFilePlacement>({
    name: text('a name of 1 to 64 letters, digits, dots, underscores and hyphens', (name) => BOOT_FILE_NAME.test(name) && name !== '.' && name !== '..'),
    offset: whole(2 * BLOCK_BYTES, Number.MAX_SAFE_INTEGER - MAX_BOOT_FILE_BYTES),
    bytes: whole(0, MAX_BOOT_FILE_BYTES),
    sha256: text('64 lower-case hexadecimal digits', (value) => /^[0-9a-f]{64}$/.test(value)),
  }),
);

/**
 * Reads the index: `indexBytes` are the `header.indexBytes` bytes at BOOT_INDEX_OFFSET; more may follow. Problem MM-BOOT-INDEX for
 * a wrong SHA-256, too many files, a name twice, a file that is not on a block of its own behind the one before.
 */
export function decodeBootVolumeIndex(header: BootVolumeHeader, indexBytes: Uint8Array): Result<BootFilePlacement[]> {
  const problems: Problem[] = [];
  const report = gather(problems, 'MM-BOOT-INDEX', 'The boot volume is damaged: write it again with `metamaster upgrade` or install anew.');
  const index = indexBytes.subarray(0, header.indexBytes);
  if (index.length < header.indexBytes || toHex(sha256(index)) !== header.indexSha256) {
    report('boot volume index', `${header.indexBytes} bytes with SHA-256 ${header.indexSha256}`, 'other bytes');
    return { ok: false, problems };
  }
  const files = indexShape(parseJson(index), 'index', report);
  if (files === undefined) return { ok: false, problems };
  if (files.length > MAX_BOOT_FILES) report('index', `at most ${MAX_BOOT_FILES} files`, files.length);
  let end = roundUp(BLOCK_BYTES + header.indexBytes, BLOCK_BYTES);
  files.forEach((file, i) => {
    if (file.offset % BLOCK_BYTES !== 0 || file.offset < end) report(`index[${i}].offset`, `a multiple of ${BLOCK_BYTES}, not below ${end}`, file.offset);
    if (files.findIndex((other) => other.name === file.name) !== i) report(`index[${i}].name`, 'a name of its own', file.name);
    end = Math.max(end, roundUp(file.offset + file.bytes, BLOCK_BYTES));
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: [...files] };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes) ?? '');
  } catch {
    return undefined;
  }
}
