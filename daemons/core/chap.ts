// CHAP, by which initiator and target of an iSCSI login prove that they know a secret (RFC 7143 section 12.1.3, RFC 1994): what a
// login's names and secrets may be, and the file in which a blade has them.

import type { Problem, Result } from './problem.ts';

/** A name and the secret that goes with it. */
export interface ChapAccount {
  readonly user: string;
  readonly password: string;
}

/** What a blade logs in with. */
export interface ChapLogin extends ChapAccount {
  /** What the target proves itself with; missing: it need not. */
  readonly mutual?: ChapAccount;
}

/** How a login is proved, without the secret: by the blade alone, or by both sides. */
export type ChapKind = 'one-way' | 'mutual';

/** open-iscsi keeps 256 bytes with the closing zero (AUTH_STR_MAX_LEN), and reads attributes of at most 255 (NAME_SIZE). */
export const CHAP_MAX_BYTES = 255;
/** RFC 7143 section 9.2.1: a secret of less than 96 bits must not be used on a connection without IPsec. */
export const CHAP_SECRET_MIN_BYTES = 12;

export const CHAP_USER_RULE = `1 to ${CHAP_MAX_BYTES} printable ASCII characters without blanks`;
export const CHAP_SECRET_RULE = `${CHAP_SECRET_MIN_BYTES} to ${CHAP_MAX_BYTES} printable ASCII characters without blanks (RFC 7143 section 9.2.1 asks for 96 bits at the least)`;
export const CHAP_MUTUAL_RULE = 'another secret than the one that the blade proves itself with (RFC 7143 section 9.2.1)';

/** Texts that open-iscsi takes for none at all when a value begins with them (sysfs_get_value), or that its records show for one. */
const READ_AS_NONE = /^(<NULL>|\(null\)|<empty>)/;

const isPlain = (text: string, least: number): boolean => text.length >= least && text.length <= CHAP_MAX_BYTES && /^[!-~]*$/.test(text) && !READ_AS_NONE.test(text);

/** True for a name that CHAP, tgt and open-iscsi all take. */
export const isChapUser = (text: string): boolean => isPlain(text, 1);

/** True for a secret that they take, and that is long enough. */
export const isChapSecret = (text: string): boolean => isPlain(text, CHAP_SECRET_MIN_BYTES);

/** True when the two sides prove themselves with different secrets, or only one does: one secret for both lets a challenge be sent back as it came. */
export const secretsDiffer = ({ password, mutual }: ChapLogin): boolean => mutual?.password !== password;

/** What everybody may know of it. */
export const chapKind = (login: ChapLogin): ChapKind => (login.mutual === undefined ? 'one-way' : 'mutual');

const REMEDY = 'Write it as {"user": …, "password": …}, with "mutual": {"user": …, "password": …} where the target proves itself as well.';

/** Reads one account; says what is wrong with it, and never what it is. */
function accountOf(value: unknown, at: string, more: readonly string[], wrong: (where: string, rule: string, seen: string) => void): ChapAccount | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    wrong(at, 'an object with user and password', 'something else');
    return undefined;
  }
  const { user, password } = value as Readonly<Record<string, unknown>>;
  const path = (name: string): string => (at === '' ? name : `${at}.${name}`);
  const seen = (text: unknown): string => (typeof text === 'string' ? `a text of ${text.length} characters` : text === undefined ? 'nothing' : 'no text');
  const userFits = typeof user === 'string' && isChapUser(user);
  const passwordFits = typeof password === 'string' && isChapSecret(password);
  if (!userFits) wrong(path('user'), CHAP_USER_RULE, seen(user));
  if (!passwordFits) wrong(path('password'), CHAP_SECRET_RULE, seen(password));
  const strangers = Object.keys(value).filter((name) => !['user', 'password', ...more].includes(name));
  if (strangers.length > 0) wrong(at === '' ? 'login' : at, `nothing but ${['user', 'password', ...more].join(', ')}`, `${strangers.length} more`);
  return userFits && passwordFits && strangers.length === 0 ? { user, password } : undefined;
}

/**
 * Reads what a san-login.json holds: an account, or an empty object where the SAN wants none. Problems (MM-CHAP) never show a name or
 * a secret; `where` is the file. Never throws.
 */
export function parseChapLogin(text: string, where: string): Result<ChapLogin | undefined> {
  const problems: Problem[] = [];
  const wrong = (at: string, rule: string, seen: string): void => void problems.push({ code: 'MM-CHAP', where: at === '' ? where : `${where}: ${at}`, rule, seen, remedy: REMEDY });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message may quote the text, and with it the secret.
    wrong('', 'JSON', `${text.length} characters that are none`);
    return { ok: false, problems };
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0) return { ok: true, value: undefined };
  const own = accountOf(value, '', ['mutual'], wrong);
  const given = typeof value === 'object' && value !== null ? (value as { readonly mutual?: unknown }).mutual : undefined;
  const mutual = given === undefined ? undefined : accountOf(given, 'mutual', [], wrong);
  if (own === undefined || problems.length > 0) return { ok: false, problems };
  const login: ChapLogin = { ...own, ...(mutual === undefined ? {} : { mutual }) };
  if (secretsDiffer(login)) return { ok: true, value: login };
  wrong('mutual.password', CHAP_MUTUAL_RULE, 'the same');
  return { ok: false, problems };
}

/** The text of such a file. */
export const formatChapLogin = (login: ChapLogin | undefined): string => `${JSON.stringify(login ?? {})}\n`;
