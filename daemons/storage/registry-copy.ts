// A registry that was exported (`metamaster san export`): the whole of it, or without its secret part.

import { CHAP_SECRET_MIN_BYTES } from '../core/chap.ts';
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import type { PublicRegistry, RegistrySecret } from './registry.ts';
import { decodeRegistry, withoutSecrets } from './registry.ts';

/** A copy, checked as a registry is. */
export interface RegistryCopy {
  readonly registry: PublicRegistry;
  /** Missing in a copy that was exported without secrets. */
  readonly secret?: RegistrySecret;
}

/** Stands for a secret part that is not there, so that the rest can be judged. */
const NO_SECRET: RegistrySecret = { rootPasswordHash: '!', clusterKey: '0'.repeat(64), sshHostKeys: {} };

/** The same where the roster says that the SAN wants CHAP: a login of that kind. */
function standIn(value: Readonly<Record<string, unknown>>): RegistrySecret {
  const { chap } = ((value['roster'] as { readonly san?: { readonly chap?: unknown } } | undefined)?.san ?? {}) as { readonly chap?: unknown };
  if (chap !== 'one-way' && chap !== 'mutual') return NO_SECRET;
  const own = { user: '-', password: '-'.repeat(CHAP_SECRET_MIN_BYTES) };
  return { ...NO_SECRET, chap: chap === 'one-way' ? own : { ...own, mutual: { user: '-', password: '='.repeat(CHAP_SECRET_MIN_BYTES) } } };
}

/** Reads an exported copy. Problems: those of `decodeRegistry`, under the file's name. Never throws. */
export function decodeCopy(bytes: Uint8Array, fileName: string): Result<RegistryCopy> {
  const named = (problems: readonly Problem[]): Result<RegistryCopy> => ({ ok: false, problems: problems.map((problem) => ({ ...problem, where: `${fileName}: ${problem.where}`, remedy: 'Use another copy, or correct this one.' })) });
  const value = jsonObject(bytes);
  const hasSecret = value === undefined || Object.hasOwn(value, 'secret');
  const decoded = decodeRegistry(hasSecret ? bytes : encodeUtf8(JSON.stringify({ ...value, secret: standIn(value) })));
  if (!decoded.ok) return named(decoded.problems);
  return { ok: true, value: { registry: withoutSecrets(decoded.value), ...(hasSecret ? { secret: decoded.value.secret } : {}) } };
}

/** The object that the bytes spell; undefined for anything else, which decodeRegistry has the words for. */
function jsonObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(decodeUtf8(bytes) ?? '');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
