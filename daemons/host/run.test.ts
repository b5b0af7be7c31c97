import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CommandError, run } from './run.ts';

describe('run', () => {
  test('gives back both outputs and the code', async () => {
    expect(await run(['sh', '-c', 'echo out; echo err >&2'])).toEqual({ code: 0, output: 'out\n', errorOutput: 'err\n' });
  });

  test('hands arguments over as they are: no shell looks at them', async () => {
    const odd = '$HOME; rm -rf "x" `y` *';
    expect((await run(['printf', '%s', odd])).output).toBe(odd);
  });

  test('feeds the input, and closes it', async () => {
    expect((await run(['cat'], { input: 'text äö\n' })).output).toBe('text äö\n');
    expect((await run(['cat'], { input: Uint8Array.of(104, 105) })).output).toBe('hi');
    expect((await run(['cat'])).output, 'without input there is an end of file, not a terminal').toBe('');
  });

  test('a program that reads nothing of a large input is no error', async () => {
    expect((await run(['true'], { input: 'x'.repeat(4_000_000) })).code).toBe(0);
  });

  test('a code that is not accepted is an error with the last lines it printed; one that is accepted is not', async () => {
    const argv = ['sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line $i >&2; done; exit 3'];
    const error = (await run(argv).catch((caught: unknown) => caught)) as CommandError;
    expect(error).toBeInstanceOf(CommandError);
    expect(error.code).toBe(3);
    expect(error.message).toMatch(/ended with exit code 3: line 3\n(line \d+\n){10}line 14$/);
    expect((await run(argv, { accept: [0, 3] })).code).toBe(3);
  });

  test('when it printed nothing on standard error, standard output is quoted', async () => {
    await expect(run(['sh', '-c', 'echo the reason; exit 1'])).rejects.toThrow('ended with exit code 1: the reason');
    await expect(run(['false'])).rejects.toThrow(/^false: ended with exit code 1$/);
  });

  test('whatever code there is can be accepted; a program that is not there is an error all the same', async () => {
    expect(await run(['sh', '-c', 'echo out; exit 9'], { accept: 'any' })).toEqual({ code: 9, output: 'out\n', errorOutput: '' });
    await expect(run(['no-such-program-anywhere'], { accept: 'any' })).rejects.toMatchObject({ code: 127 });
  });

  test('a limit of time ends a program, also one whose child holds its outputs open', async () => {
    await expect(run(['sh', '-c', 'sleep 3 & echo $!; wait'], { limits: { timeMs: 100, output: 100 }, accept: 'any' })).rejects.toMatchObject({ code: 124, message: expect.stringContaining('longer than 0.1 s') as string });
  });

  test.each(['yes', 'yes >&2'])('a limit of output ends %s', async (endless) => {
    await expect(run(['sh', '-c', endless], { limits: { timeMs: 600_000, output: 10_000 }, accept: 'any' })).rejects.toMatchObject({ code: 124, message: expect.stringContaining('more than 10000 characters') as string });
  });

  test('a program within its limits ends as without', async () => {
    expect((await run(['echo', 'out'], { limits: { timeMs: 600_000, output: 4 } })).output).toBe('out\n');
  });

  test('a program that is not there is an error with code 127', async () => {
    await expect(run(['no-such-program-anywhere'])).rejects.toMatchObject({ name: 'CommandError', code: 127 });
  });

  test.each([['KILL', 137], ['TERM', 143], ['ABRT', 134], ['HUP', 129]] as const)('a program that SIGNAL %s ended has code %i', async (signal, code) => {
    await expect(run(['sh', '-c', `kill -${signal} $$`])).rejects.toMatchObject({ code });
  });

  test('the environment is added to, the working folder is set', async () => {
    expect((await run(['sh', '-c', 'echo $METAMASTER_TEST; pwd; test -n "$PATH"'], { env: { METAMASTER_TEST: 'here' }, cwd: '/' })).output).toBe('here\n/\n');
  });

  test('standard error is passed on while the program runs', async () => {
    const pieces: string[] = [];
    await run(['sh', '-c', 'echo one >&2; sleep 0.1; echo two >&2'], { onErrorOutput: (text) => pieces.push(text) });
    expect(pieces).toEqual(['one\n', 'two\n']);
  });

  test('the log holds the command and all it printed, behind what was there; a log that cannot be written is an error, not a crash', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'run-'));
    try {
      const logFile = join(folder, 'log');
      await run(['echo', 'first'], { logFile });
      await run(['sh', '-c', 'echo second >&2'], { logFile });
      await expect.poll(() => readFileSync(logFile, 'utf8')).toBe('# echo first\nfirst\n# sh -c echo second >&2\nsecond\n');
      await expect(run(['true'], { logFile: join(folder, 'none/log') })).rejects.toThrow('ENOENT');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
