// The boot program: command line → plan → steps. Started by the stub that is PID 1; ends with code 42 when /sysroot is ready.
// `qjs -m boot.js --dry-run ["COMMAND LINE"]` prints the plan and changes nothing.

import * as os from 'os';
import * as std from 'std';
import { toHex } from '../daemons/core/bytes.ts';
import type { ChapLogin } from '../daemons/core/chap.ts';
import { problemLine } from '../daemons/core/problem.ts';
import { bootPlan, formatPlan } from './boot-plan.ts';
import { parseCommandLine } from './command-line.ts';
import { ConsoleLine } from './console-line.ts';
import { quickjsHost as host } from './quickjs-host.ts';
import { runPlan } from './run-plan.ts';
import { runStep } from './run-step.ts';
import type { BootState } from './steps/boot-state.ts';
import { askSanLogin } from './steps/san-secret.ts';

/** The exit code that tells the stub (init.sh) to go on into the root. */
const READY = 42;
const ESCAPE = 27;
const POLL_MS = 100;
/** How long a command line with mistakes stays on the console before it is shown again. */
const WRONG_LINE_MS = 30_000;

/** Writes a piece of a line. */
function show(text: string): void {
  std.out.puts(text);
  std.out.flush();
}

/** The console's keyboard: it answers questions; else Esc asks for the debug console, at the next step or in the middle of a wait. */
class DebugConsole {
  #asked = false;
  /** The line that is being typed. */
  #line: ConsoleLine | undefined;

  start(): void {
    if (!os.isatty(0)) return;
    os.ttySetRaw(0);
    os.setReadHandler(0, () => {
      const buffer = new ArrayBuffer(16);
      const count = os.read(0, buffer, 0, 16);
      if (count > 0) this.#keys(new Uint8Array(buffer, 0, count));
    });
  }

  #keys(bytes: Uint8Array): void {
    if (this.#line === undefined) {
      if (bytes.includes(ESCAPE)) this.#asked = true;
    } else show(this.#line.type(bytes));
  }

  open(): void {
    this.#asked = false;
    os.setReadHandler(0, null);
    host.print('metamaster: debug console; Ctrl-D goes on with the boot.');
    os.exec(['stty', 'sane'], { block: true });
    os.exec(['setsid', 'cttyhack', 'sh'], { block: true });
    host.print('metamaster: going on');
    this.start();
  }

  async betweenSteps(): Promise<void> {
    await host.sleep(0);
    if (this.#asked) this.open();
  }

  async pause(ms: number): Promise<void> {
    for (let waited = 0; waited < ms; waited += POLL_MS) {
      await host.sleep(POLL_MS);
      if (this.#asked) return this.open();
    }
  }

  print(line: string): void {
    host.print(line);
  }

  /** The terminal is in raw mode: it shows what is written to it, and nothing of what is typed. */
  async ask(prompt: string, hidden: boolean, waitMs?: number): Promise<string | undefined> {
    const line = new ConsoleLine(hidden);
    show(prompt);
    this.#line = line;
    for (let left = waitMs ?? Infinity; !line.ended && (line.touched || left > 0); left -= POLL_MS) await host.sleep(POLL_MS);
    this.#line = undefined;
    show('\n');
    return line.text;
  }

  async askSanLogin(): Promise<ChapLogin | undefined> {
    return os.isatty(0) ? askSanLogin(this) : undefined;
  }

  stop(): void {
    os.setReadHandler(0, null);
    if (os.isatty(0)) os.exec(['stty', 'sane'], { block: true });
  }
}

async function boot(): Promise<void> {
  const line = parseCommandLine(host.readText('/proc/cmdline') ?? '');
  const admin = new DebugConsole();
  admin.start();
  for (const name of line.repeated) host.print(`metamaster: ${name} is given more than once; the first value counts.`);
  for (const warning of line.warnings) host.print(`metamaster: warning: ${problemLine(warning)}`);
  if (line.parameters.debug) admin.open();
  while (line.problems.length > 0) {
    host.print('metamaster: the command line has mistakes; nothing is touched until they are mended. Reboot, and edit the menu entry:');
    for (const problem of line.problems) host.print(`    ${problemLine(problem)}`);
    host.print(`mm-stage initrd command-line failed: ${problemLine(line.problems[0]!)}`);
    await admin.pause(WRONG_LINE_MS);
  }
  const state: BootState = { parameters: line.parameters, bootNonce: toHex(host.randomBytes(16)), stages: [], warnings: line.warnings.map(problemLine) };
  await runPlan(host, bootPlan(line.parameters), state, (step, tries) => runStep(host, state, step, tries), admin);
  host.print(`mm-stage root ${state.node?.name ?? 'live'}`);
  admin.stop();
  std.exit(READY);
}

function dryRun(text: string): void {
  const line = parseCommandLine(text);
  for (const problem of [...line.problems, ...line.warnings]) host.print(problemLine(problem));
  if (line.problems.length === 0) host.print(formatPlan(bootPlan(line.parameters)));
  std.exit(line.problems.length === 0 ? 0 : 2);
}

const scriptArguments = (globalThis as { scriptArgs?: readonly string[] }).scriptArgs ?? [];
if (scriptArguments[1] === '--dry-run') dryRun(scriptArguments[2] ?? host.readText('/proc/cmdline') ?? '');
else {
  boot().catch((error: unknown) => {
    host.print(`metamaster: MM-BOOT-PROGRAM: the boot program failed by a fault of its own: ${error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error)}`);
    std.exit(1);
  });
}
