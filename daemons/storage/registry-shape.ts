// The form of every value of the registry, by itself. How they must fit together: registry-relations.ts.

import { type ChapAccount, CHAP_SECRET_RULE, CHAP_USER_RULE, type ChapLogin, isChapSecret, isChapUser } from '../core/chap.ts';
import { fromHex } from '../core/bytes.ts';
import { NIL_UUID, parseUuid } from '../core/uuid.ts';
import { VOLUME_NAME } from './volume-name.ts';
import { CONTAINER_NAME } from './container-partitions.ts';
import type { Extent } from './extents.ts';
import type { Fields, Shape } from './json-shape.ts';
import { either, list, literal, object, record, secret, text, whole } from './json-shape.ts';
import type { InstallAnswer, OriginRecord, Registry, RegistrySecret, VolumeRecord } from './registry-model.ts';
import { REGISTRY_FORMAT, REGISTRY_VERSION, VOLUME_KINDS } from './registry-model.ts';
import { nodeNumberShape, ONE_LINE, rosterShape } from './roster-shape.ts';
import { MAX_CHUNK_SECTORS, MIN_CHUNK_SECTORS, isChunkSectors } from './volume-label.ts';

/** Keys of tables: property names of our own making, never `__proto__`. */
export const TABLE_KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** What `uname -r` may say. */
export const KERNEL_RELEASE = /^[A-Za-z0-9][A-Za-z0-9.+~_-]{0,127}$/;
/** crypt(3)'s alphabet: no colon (a field of /etc/shadow), no white space, not empty (which would be no password at all). */
const PASSWORD_HASH = /^[!-9;-~]{1,256}$/;
const MAX_BYTES = Number.MAX_SAFE_INTEGER;

const uuid = text('a UUID that is not nil', (value) => (parseUuid(value) === NIL_UUID ? undefined : parseUuid(value)));
const hexBytes = (bytes: number): Shape<string> => text(`${2 * bytes} lower-case hexadecimal digits`, (value) => fromHex(value)?.length === bytes && value === value.toLowerCase());
const volumeName = text(`a volume name (${VOLUME_NAME.source})`, (value) => VOLUME_NAME.test(value));

const origin = object<OriginRecord>({
  name: text('a name of lower-case letters, digits and hyphens', (value) => CONTAINER_NAME.test(value)),
  version: whole(1, 0xffffffff),
  uuid,
  volume: volumeName,
  bootVolume: volumeName,
  imageBytes: whole(1, MAX_BYTES),
  imageSha256: hexBytes(32),
  kernelRelease: text('a kernel release, e.g. 6.12.48+deb13-amd64', (value) => KERNEL_RELEASE.test(value)),
});

const extent = object<Extent>({ start: whole(0, MAX_BYTES), count: whole(1, MAX_BYTES) });

const chunkSectors: Shape<number> = (value, at, report) => {
  if (typeof value === 'number' && isChunkSectors(value)) return value;
  report(at, `a power of two from ${MIN_CHUNK_SECTORS} to ${MAX_CHUNK_SECTORS}`, value);
  return undefined;
};

const volume = object<VolumeRecord>({
  name: volumeName,
  kind: literal(...VOLUME_KINDS),
  uuid,
  sizeBytes: whole(1, MAX_BYTES),
  node: { optional: nodeNumberShape },
  origin: { optional: volumeName },
  chunkSectors: { optional: chunkSectors },
  extents: list(extent, 1),
  retired: { optional: literal('rollback', 'checkpoint', 'quarantined') },
  madeAtUnixMs: { optional: whole(0, MAX_BYTES) },
});

const answer = either<InstallAnswer>(
  'a text, a number, true or false, or a list of texts',
  text('a text', () => true),
  (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined),
  (value) => (typeof value === 'boolean' ? value : undefined),
  list(text('a text', () => true)),
);

const anyText = text('a text that is not empty', (value) => value.length > 0);

const chapAccount = { user: text(CHAP_USER_RULE, isChapUser), password: text(CHAP_SECRET_RULE, isChapSecret) };

const secretPart = object<RegistrySecret>({
  rootPasswordHash: text('a hash in the form of crypt(3)', (value) => PASSWORD_HASH.test(value)),
  clusterKey: hexBytes(32),
  nextClusterKey: { optional: hexBytes(32) },
  formerClusterKey: { optional: hexBytes(32) },
  sshHostKeys: record(TABLE_KEY, object<RegistrySecret['sshHostKeys'][string]>({ privateKey: anyText, publicKey: anyText })),
  chap: { optional: object<ChapLogin>({ ...chapAccount, mutual: { optional: object<ChapAccount>(chapAccount) } }) },
});

const fields: Fields<Registry> = {
  format: literal(REGISTRY_FORMAT),
  version: literal(REGISTRY_VERSION),
  clusterUuid: uuid,
  roster: rosterShape,
  origins: list(origin),
  extentBytes: whole(1, MAX_BYTES),
  extentCount: whole(1, MAX_BYTES),
  volumes: list(volume),
  authorizedKeys: list(text('one line of authorized_keys', (value) => value.trim() !== '' && ONE_LINE.test(value))),
  install: record(TABLE_KEY, answer),
  secret: secret(secretPart),
};

/** Reads a registry value by value. */
export const registryShape: Shape<Registry> = object<Registry>(fields);
