// A blade that is refused: what its console must show and the log of whoever served it, and that it neither goes on nor touches the SAN.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import type { LoneServer } from './lone-server.ts';
import { differing, type SanMarks } from './wrong-san.ts';

const REFUSED_MS = 120_000;
/** A report that is lost on its way comes again with the next try. */
const LOGGED_MS = 60_000;
const CONSOLE_MS = 30_000;
/** How much of a message is noted. */
const NOTE_MAX = 150;

/** One row of the table of wrong input. */
export interface Refusal {
  readonly what: string;
  /** The step of the boot that refuses. */
  readonly step: string;
  readonly code: string;
  /** What the message must name, on its line behind the code: the source of a regular expression. */
  readonly names: string;
  /** How the remedy begins; likewise. */
  readonly remedy: string;
}

/** The refusal as it stands on the console, the message as its first group; the kernel may put lines of its own between. */
export const refusalPattern = ({ step, code, names, remedy }: Refusal): RegExp =>
  new RegExp(`step ${step} FAILED \\(try \\d+\\)\\n(?:.*\\n){0,8}?\\s+why:  (${code}: .*${names}.*)\\n(?:.*\\n){0,40}?\\s+what to do: ${remedy}`);

/** What no blade may come to while it is refused: nothing of a volume is mapped, let alone mounted. */
const WENT_ON = /mm-stage (?:initrd (?:snapshot|check|mount|handover)|root|serving)/;

/** The code as the one that served the blade logs it. */
const reportPattern = (mac: string, { step, code }: Refusal): RegExp => new RegExp(`"mac":"${mac}".*"step":"${step}".*failed \\(try \\d+\\): ${code}`);

/** By Esc and Ctrl-D the next try comes at once: in between, the debug console answers. */
export async function tryNow(cluster: Cluster, blade: number): Promise<void> {
  const { rack } = cluster;
  const { length } = rack.consoleText(blade);
  await rack.type(blade, '\u001b');
  const opened = await rack.waitForConsole(blade, /debug console; Ctrl-D goes on/, { timeoutMs: CONSOLE_MS, after: length });
  await rack.type(blade, 'echo answer=$((6*7))\n');
  const answered = await rack.waitForConsole(blade, /answer=42/, { timeoutMs: CONSOLE_MS, after: opened.end });
  await rack.type(blade, '\u0004');
  await rack.waitForConsole(blade, /metamaster: going on/, { timeoutMs: CONSOLE_MS, after: answered.end });
}

export interface RefusalWatch {
  readonly blade: number;
  readonly refusal: Refusal;
  /** Who answers at the address of the server that the blade was booted by. */
  readonly server: LoneServer;
  readonly marks: () => SanMarks;
  /** Makes it wrong while the blade waits; none: it is wrong since power-on. */
  readonly change?: () => void | Promise<unknown>;
  /** Do not wait for the blade's next try. */
  readonly now?: boolean;
}

/** Waits for a refusal, and checks it. */
export async function expectRefusal(cluster: Cluster, journey: Journey, { blade, refusal, server, marks, change, now }: RefusalWatch): Promise<void> {
  const { rack } = cluster;
  const after = change === undefined ? 0 : rack.consoleText(blade).length;
  const logged = change === undefined ? 0 : server.logged;
  await change?.();
  const before = marks();
  if (now === true) await tryNow(cluster, blade);
  const { match } = await rack.waitForConsole(blade, refusalPattern(refusal), { timeoutMs: REFUSED_MS, after });
  await server.waitForLog(reportPattern(bladeMac(rack.identity.id, blade), refusal), logged, LOGGED_MS);
  expectEqual(`${refusal.what}: what of the SAN changed`, differing(before, marks()).join(', '), '');
  const text = rack.consoleText(blade);
  expectThat(`${refusal.what}: blade ${blade} waits`, !WENT_ON.test(text.slice(text.lastIndexOf('mm-stage initrd modules'))), text.slice(-1500));
  journey.note(`${refusal.what}: blade ${blade} at ${refusal.step}: ${match[1]!.slice(0, NOTE_MAX)}`);
}
