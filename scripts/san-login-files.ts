// The files from which the installing machine takes the SAN's CHAP login: secrets of one line each, that nobody else may read.

import { CHAP_MAX_BYTES, CHAP_MUTUAL_RULE, CHAP_SECRET_RULE, type ChapLogin, isChapSecret, parseChapLogin, secretsDiffer } from '../daemons/core/chap.ts';
import { InputError, type Problem, valueOf } from '../daemons/core/problem.ts';
import { readSecretFile } from '../daemons/host/secret-file.ts';

/** Two accounts of the longest names and secrets in JSON, every character of them escaped. */
const LOGIN_FILE_MAX_BYTES = 2048;

/** Which of the answers' files hold what. */
export interface ChapAnswers {
  readonly 'chap-user'?: string | undefined;
  readonly 'chap-password-file'?: string | undefined;
  readonly 'chap-mutual-user'?: string | undefined;
  readonly 'chap-mutual-password-file'?: string | undefined;
}

/**
 * The login that the answers ask for; undefined when they ask for none. Their relations have been checked.
 * @throws InputError MM-SECRET-FILE or MM-CHAP with the problems of both files; no secret is shown
 */
export function chapOfAnswers(answers: ChapAnswers): ChapLogin | undefined {
  const { 'chap-user': user, 'chap-password-file': file, 'chap-mutual-user': mutualUser, 'chap-mutual-password-file': mutualFile } = answers;
  if (user === undefined || file === undefined) return undefined;
  const problems: Problem[] = [];
  const refuse = (where: string, rule: string, seen: string): void => void problems.push({ code: 'MM-CHAP', where, rule, seen, remedy: 'Choose another secret, and set it at the SAN as well.' });
  const secretIn = (path: string): string => {
    const read = readSecretFile(path, CHAP_MAX_BYTES);
    if (!read.ok) problems.push(...read.problems);
    else if (!isChapSecret(read.value)) refuse(path, CHAP_SECRET_RULE, `${read.value.length} characters`);
    return read.ok ? read.value : '';
  };
  const login: ChapLogin = { user, password: secretIn(file), ...(mutualUser === undefined || mutualFile === undefined ? {} : { mutual: { user: mutualUser, password: secretIn(mutualFile) } }) };
  if (problems.length === 0 && !secretsDiffer(login)) refuse(mutualFile!, CHAP_MUTUAL_RULE, `that of ${file}`);
  if (problems.length > 0) throw new InputError(problems);
  return login;
}

/** Reads a san-login.json that is this user's alone. @throws InputError MM-SECRET-FILE or MM-CHAP; nothing of it is shown */
export function readSanLogin(path: string): ChapLogin | undefined {
  return valueOf(parseChapLogin(valueOf(readSecretFile(path, LOGIN_FILE_MAX_BYTES)), path));
}
