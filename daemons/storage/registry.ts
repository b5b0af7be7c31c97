// The registry's body: canonical JSON in UTF-8. What it holds: registry-model.ts; the form of its values: registry-shape.ts; how they
// must fit together: registry-relations.ts.

import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts';
import type { MessageCode, Problem, Result } from '../core/problem.ts';
import { canonicalJson } from './canonical-json.ts';
import { gather } from './json-shape.ts';
import { MAX_SLOT_BYTES } from './registry-layout.ts';
import type { OriginRecord, PublicRegistry, Registry, VolumeRecord } from './registry-model.ts';
import { REGISTRY_FORMAT, REGISTRY_VERSION } from './registry-model.ts';
import { checkRelations } from './registry-relations.ts';
import { registryShape } from './registry-shape.ts';

export type { InstallAnswer, OriginRecord, PublicRegistry, Registry, RegistrySecret, VolumeKind, VolumeRecord } from './registry-model.ts';

const REMEDY = 'Correct it and write the registry again, or go back to an export of before (`metamaster san export`).';

/** The registry's body: canonical JSON in UTF-8. It is not checked again here; `decodeRegistry` refuses what breaks a rule. */
export function encodeRegistry(registry: Registry): Uint8Array {
  return encodeUtf8(canonicalJson(registry));
}

/**
 * Reads a body. Problems: MM-REGISTRY-TEXT (no JSON in UTF-8), MM-REGISTRY-VERSION (a newer program wrote it), MM-REGISTRY-FORMAT
 * (values: all of them together), MM-REGISTRY-RELATION (parts that contradict each other: all together, once the values are right).
 */
export function decodeRegistry(bytes: Uint8Array): Result<Registry> {
  const parsed = parse(bytes);
  if (!parsed.ok) return parsed;
  const problems: Problem[] = [];
  const registry = registryShape(parsed.value, '', gather(problems, 'MM-REGISTRY-FORMAT', REMEDY));
  if (registry === undefined) return { ok: false, problems };
  checkRelations(registry, gather(problems, 'MM-REGISTRY-RELATION', REMEDY));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: registry };
}

function parse(bytes: Uint8Array): Result<unknown> {
  const fail = (code: MessageCode, rule: string, seen: string, remedy: string): Result<unknown> => ({ ok: false, problems: [{ code, where: 'registry', rule, seen, remedy }] });
  if (bytes.length > MAX_SLOT_BYTES) return fail('MM-REGISTRY-TEXT', `at most ${MAX_SLOT_BYTES} bytes`, `${bytes.length} bytes`, REMEDY);
  const json = decodeUtf8(bytes);
  if (json === undefined) return fail('MM-REGISTRY-TEXT', 'text in UTF-8', 'other bytes', REMEDY);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own message may quote the text, and with it a secret.
    return fail('MM-REGISTRY-TEXT', 'JSON', `${bytes.length} bytes that are none`, REMEDY);
  }
  const head = typeof value === 'object' && value !== null ? (value as { format?: unknown; version?: unknown }) : {};
  if (head.format === REGISTRY_FORMAT && typeof head.version === 'number' && head.version > REGISTRY_VERSION) {
    return fail('MM-REGISTRY-VERSION', `version ${REGISTRY_VERSION} at most`, `version ${head.version}`, 'A newer metamaster wrote it: use that release or a newer one.');
  }
  return { ok: true, value };
}

/** The registry without its secret part, for people and reports. */
export function withoutSecrets(registry: Registry): PublicRegistry {
  const { secret: _, ...shown } = registry;
  return shown;
}

/** The store that a node boots from; retired ones do not count. */
export function storeOf(registry: Pick<Registry, 'volumes'>, node: number): VolumeRecord | undefined {
  return registry.volumes.find((volume) => volume.kind === 'store' && volume.node === node && volume.retired === undefined);
}

/** A node's state volume; quarantined ones do not count. */
export function stateVolumeOf(registry: Pick<Registry, 'volumes'>, node: number): VolumeRecord | undefined {
  return registry.volumes.find((volume) => volume.kind === 'state' && volume.node === node && volume.retired === undefined);
}

/** A node's swap volume, where it has one; quarantined ones do not count. */
export function swapVolumeOf(registry: Pick<Registry, 'volumes'>, node: number): VolumeRecord | undefined {
  return registry.volumes.find((volume) => volume.kind === 'swap' && volume.node === node && volume.retired === undefined);
}

/** The origin record whose root file system lies in that volume. */
export function originOfVolume(registry: Pick<Registry, 'origins'>, volume: string): OriginRecord | undefined {
  return registry.origins.find((origin) => origin.volume === volume);
}
