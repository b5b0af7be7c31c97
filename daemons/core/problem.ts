// What is wrong with somebody's input, said so that it can be mended: what, where, the rule, the value seen, what to do.

/** The stable code of a message. Each stands in full where it is used and has its entry in docs/troubleshooting.md (scripts/messages/). */
export type MessageCode = `MM-${string}`;

/** One thing that is wrong with an input. */
export interface Problem {
  /** E.g. `MM-ANSWERS-SAME-MAC`; documentation and tests refer to it. */
  readonly code: MessageCode;
  /** Where it stands: a path within the input, a sector, a parameter's name. */
  readonly where: string;
  /** The rule that is broken. */
  readonly rule: string;
  /** The value seen, as text; never a secret. */
  readonly seen: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** One line for a console or a log. */
export function problemLine(problem: Problem): string {
  return `${problem.code}: ${problem.where}: ${problem.rule}; seen ${problem.seen}. ${problem.remedy}`;
}

/** Thrown at an edge when an input cannot be used; carries every problem found, not only the first. */
export class InputError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(problemLine).join('\n'));
    this.name = 'InputError';
    this.problems = problems;
  }
}

/** Either a value or what is wrong. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

/** The value of a result, or an InputError with all its problems. */
export function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new InputError(result.problems);
  return result.value;
}
