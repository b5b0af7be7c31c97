// What every journey is made of: named stages with their times, and the total that is printed at the end.

/** A stage of a journey as it is reported. */
export interface StageResult {
  readonly name: string;
  readonly seconds: number;
}

/** A journey as it is reported by `scripts/test rack --json`. */
export interface JourneyResult {
  readonly id: string;
  readonly title: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly stages: readonly StageResult[];
  readonly error?: string;
  /** Figures that were taken on the way; none of them decides whether the journey passed. */
  readonly measured?: Readonly<Record<string, number | string>>;
}

/** What a journey is given: stages, checks, and a place for figures. */
export class Journey {
  readonly #id: string;
  readonly stages: StageResult[] = [];
  readonly measured: Record<string, number | string> = {};

  constructor(id: string) {
    this.#id = id;
  }

  /** Runs one stage with a line of progress. */
  async stage<T>(name: string, work: () => Promise<T>): Promise<T> {
    process.stderr.write(`${this.#id}: ${name} …\n`);
    const start = performance.now();
    const value = await work();
    const seconds = Math.round((performance.now() - start) / 10) / 100;
    this.stages.push({ name, seconds });
    process.stderr.write(`${this.#id}: ${name}: ${seconds.toFixed(1)} s\n`);
    return value;
  }

  note(line: string): void {
    process.stderr.write(`${this.#id}:   ${line}\n`);
  }
}

/** A check of a journey that did not hold. */
export class JourneyError extends Error {
  override readonly name = 'JourneyError';
}

/** @throws JourneyError with both values when they differ */
export function expectEqual(what: string, seen: string, wanted: string): void {
  if (seen !== wanted) throw new JourneyError(`${what}: expected ${JSON.stringify(wanted)}, seen ${JSON.stringify(seen)}`);
}

/** @throws JourneyError that shows what was seen */
export function expectThat(what: string, holds: boolean, seen: unknown): void {
  if (!holds) throw new JourneyError(`${what} does not hold; seen ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
}

/** Runs a journey and never throws: a failure is a result. */
export async function runJourney(id: string, title: string, work: (journey: Journey) => Promise<void>): Promise<JourneyResult> {
  const journey = new Journey(id);
  const start = performance.now();
  process.stderr.write(`${id}: ${title}\n`);
  let error: string | undefined;
  try {
    await work(journey);
  } catch (caught) {
    error = caught instanceof Error ? caught.message : String(caught);
    process.stderr.write(`${id}: FAILED: ${error}\n`);
  }
  const seconds = Math.round((performance.now() - start) / 10) / 100;
  process.stderr.write(`${id}: ${error === undefined ? 'passed' : 'failed'} after ${seconds.toFixed(0)} s\n`);
  const base = { id, title, passed: error === undefined, seconds, stages: journey.stages };
  const measured = Object.keys(journey.measured).length > 0 ? { measured: journey.measured } : {};
  return error === undefined ? { ...base, ...measured } : { ...base, ...measured, error };
}
