// The virtual rack as an object: what `scripts/rack` and the journeys use.

import { existsSync, mkdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import type { ChapLogin } from '../../daemons/core/chap.ts';
import { Changes } from './commands.ts';
import { ConsoleReader, type ConsoleMatch } from './console-reader.ts';
import { fail } from './failure.ts';
import { bladeFiles, identityOf, isRackName, type BladeFiles, type RackIdentity } from './identity.ts';
import { keyBytes } from './keystrokes.ts';
import { Processes } from './processes.ts';
import { bladeRole, checkBlade, dvdIn, dvdOut, freezeBlade, loggerRole, powerOff, powerOn, pressButton, requirePower, reset, type PowerOnOptions } from './rack-blade.ts';
import { listCaptures, startCapture, stopCapture, type Capture } from './rack-capture.ts';
import { bringUp, takeDown, type UpOptions } from './rack-lifecycle.ts';
import { withLock } from './rack-lock.ts';
import { cableSan, chooseCache, cutOff, cutPath, keptLogin, probeSan, sanStatus, setSanChap, startSan, stopSan, type SanStatus } from './rack-san.ts';
import { inRoom, lockPath, sanPath, settingsWhenUp, type RackContext } from './rack-state.ts';
import { rackStatus, type RackStatus } from './rack-status.ts';
import type { SanProbe } from './san-probe.ts';

/** The scripts' folder is one below the checkout, this one two. */
const CHECKOUT = resolve(import.meta.dirname, '../..');

/** A journey that gives no time-out waits this long. */
const WAIT_MS = 120_000;

export interface OpenOptions {
  /** The default is `default`. */
  readonly name?: string | undefined;
  /** Absolute; the default is `build/rack/NAME` in the checkout. */
  readonly stateDir?: string | undefined;
  readonly dryRun?: boolean | undefined;
  /** Takes a line a stage. */
  readonly progress?: (line: string) => void;
  /** Takes what a dry run would do. */
  readonly say?: (line: string) => void;
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  /** False: only what comes from now on counts. The default is everything since power-on. */
  readonly sincePowerOn?: boolean;
  /** Where to begin, in characters since power-on: the `end` of an earlier match. */
  readonly after?: number;
}

/** One rack. Every method throws core's InputError, which says what to do next. */
export class VirtualRack {
  readonly identity: RackIdentity;
  readonly #context: RackContext;

  constructor(context: RackContext) {
    this.#context = context;
    this.identity = context.identity;
  }

  /** The SAN's disk. While the SAN runs, only the SAN may write to it. */
  get sanPath(): string {
    return sanPath(this.identity);
  }

  up(options: UpOptions = {}): Promise<void> {
    if (!this.#context.changes.dryRun) mkdirSync(this.identity.stateDir, { recursive: true });
    return this.#alone(() => bringUp(this.#context, options));
  }

  /** Leaves no process, namespace or socket. The SAN's file and the logs stay unless `wipe`. */
  down(options: { wipe?: boolean } = {}): Promise<void> {
    return this.#alone(() => takeDown(this.#context, options.wipe === true));
  }

  /** @returns false when the blade was on already */
  powerOn(blade: number, options: PowerOnOptions = {}): Promise<boolean> {
    return this.#alone(() => powerOn(this.#context, blade, options));
  }

  /** Cuts the power. @returns false when the blade was off */
  powerOff(blade: number): Promise<boolean> {
    return this.#alone(() => powerOff(this.#context, blade));
  }

  reset(blade: number): Promise<void> {
    return this.#alone(() => reset(this.#context, blade));
  }

  /** Presses the power button. */
  button(blade: number): Promise<void> {
    return this.#alone(() => pressButton(this.#context, blade));
  }

  /** Holds a blade's processors (true), or lets them go on (false). */
  freeze(blade: number, frozen: boolean): Promise<void> {
    return this.#alone(() => freezeBlade(this.#context, blade, frozen));
  }

  dvdIn(blade: number, iso: string): Promise<void> {
    return this.#alone(() => dvdIn(this.#context, blade, iso));
  }

  dvdOut(blade: number): Promise<void> {
    return this.#alone(() => dvdOut(this.#context, blade));
  }

  /** Types on the blade's serial console; a line feed is the Enter key. */
  async type(blade: number, text: string): Promise<void> {
    requirePower(this.#context, blade);
    await this.#context.changes.act(`type ${JSON.stringify(text)} on blade ${blade}`, async () => {
      const socket = await this.attach(blade);
      // Read on, or what the socket shows would hold up its end.
      socket.resume();
      await new Promise<void>((done) => {
        socket.once('close', () => done());
        socket.end(keyBytes(text));
      });
    });
  }

  /** A connection to the blade's serial console, both ways; the last screens come first. */
  attach(blade: number): Promise<Socket> {
    requirePower(this.#context, blade);
    const { consoleSocket } = this.files(blade);
    const socket = connect(consoleSocket);
    return new Promise((done, reject) => {
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        socket.on('error', () => socket.destroy());
        done(socket);
      });
      socket.once('error', (error) => {
        try {
          fail('MM-RACK-ATTACH', consoleSocket, 'the console logger must listen', error.message, 'Run `scripts/rack up`: it starts a logger that died.');
        } catch (problem) {
          reject(problem);
        }
      });
    });
  }

  /**
   * Waits until the pattern stands on the blade's console. The text has no control sequences; every remark of the rack
   * (`# reset (guest-reset)`) is a line of it. Throws MM-RACK-DEAD at once when the blade has no power (any more).
   */
  waitForConsole(blade: number, pattern: RegExp, options: WaitOptions = {}): Promise<ConsoleMatch> {
    checkBlade(blade);
    const reader = new ConsoleReader(this.files(blade).consoleLog);
    const after = options.after ?? (options.sincePowerOn === false ? reader.text().text.length : 0);
    const { processes } = this.#context;
    const alive = (): boolean => processes.find(bladeRole(blade)) !== undefined || processes.find(loggerRole(blade)) !== undefined;
    return reader.waitFor(`blade ${blade}`, pattern, { timeoutMs: options.timeoutMs ?? WAIT_MS, after, alive });
  }

  /** What the blade has said since its last power-on. */
  consoleText(blade: number): string {
    checkBlade(blade);
    return new ConsoleReader(this.files(blade).consoleLog).text().text;
  }

  files(blade: number): BladeFiles {
    checkBlade(blade);
    return bladeFiles(this.identity, blade);
  }

  status(): Promise<RackStatus> {
    return rackStatus(this.#context, Date.now());
  }

  /** The numbers of the rack's blades, as `up` was told. */
  bladeNumbers(): number[] {
    return Array.from({ length: settingsWhenUp(this.identity).blades }, (_, i) => i + 1);
  }

  /**
   * @param options `writeCache`: from now on the SAN has a write cache, or none; left out, it stays as it was, which is none in a new rack
   * @returns false when it ran already
   */
  sanStart(options: { readonly writeCache?: boolean | undefined } = {}): Promise<boolean> {
    return this.#alone(async () => {
      if (options.writeCache !== undefined) await chooseCache(this.#context, options.writeCache);
      const { target, sanCached } = settingsWhenUp(this.identity);
      return startSan(this.#context, { target, cached: this.#context.changes.dryRun ? (options.writeCache ?? sanCached ?? false) : (sanCached ?? false) });
    });
  }

  /** Cuts the SAN's power. @returns false when it was off */
  sanStop(): Promise<boolean> {
    return this.#alone(() => stopSan(this.#context));
  }

  /** Pulls (false) or plugs (true) the SAN's network cable. */
  sanCable(plugged: boolean): Promise<void> {
    return this.#alone(async () => {
      settingsWhenUp(this.identity);
      await cableSan(this.#context, plugged);
    });
  }

  /** Cuts a blade off from one portal of the SAN (true), or lets it pass again (false). */
  cutPath(blade: number, portal: string, cut: boolean): Promise<void> {
    return this.#alone(async () => {
      checkBlade(blade);
      settingsWhenUp(this.identity);
      await cutPath(this.#context, blade, portal, cut);
    });
  }

  /** Cuts a blade off from all other blades, but not from the SAN (true), or lets it pass again (false). */
  cutOff(blade: number, cut: boolean): Promise<void> {
    return this.#alone(async () => {
      checkBlade(blade);
      settingsWhenUp(this.identity);
      await cutOff(this.#context, blade, cut);
    });
  }

  /** Makes the SAN want this login, or none, from the next login on; kept over its power cuts. */
  sanChap(login: ChapLogin | undefined): Promise<void> {
    return this.#alone(async () => {
      settingsWhenUp(this.identity);
      await setSanChap(this.#context, login);
    });
  }

  /** What the SAN wants of a login, for who is to log in. */
  sanLogin(): ChapLogin | undefined {
    return keptLogin(this.#context);
  }

  sanStatus(): Promise<SanStatus> {
    return sanStatus(this.#context);
  }

  /** Asks the SAN by iSCSI; with `writes` it measures so many 4 KiB writes, for which nobody may be logged in. */
  async sanProbe(writes?: number): Promise<SanProbe> {
    const { target } = settingsWhenUp(this.identity);
    const { initiators } = await this.sanStatus();
    if (writes !== undefined && initiators.length > 0) {
      fail('MM-RACK-SAN-BUSY', this.sanPath, 'a measurement writes, so nobody may be logged in', initiators.join(', '), 'Switch the blades off first.');
    }
    return probeSan(this.#context, target, writes);
  }

  captureStart(file?: string): Promise<Capture> {
    return this.#alone(() => startCapture(this.#context, file));
  }

  captureStop(): Promise<Capture | undefined> {
    return this.#alone(() => stopCapture(this.#context));
  }

  captures(): Capture[] {
    return listCaptures(this.#context);
  }

  /** An argv that runs in a namespace of the rack, for tests that look from within. */
  inRoom(room: 'boot' | 'san' | 'out', argv: readonly string[]): string[] {
    return inRoom(this.identity, room, argv);
  }

  #alone<T>(act: () => Promise<T>): Promise<T> {
    // A dry run changes nothing, not even by a lock file; and only `up` makes the state directory of a rack that never was.
    return this.#context.changes.dryRun || !existsSync(this.identity.stateDir) ? act() : withLock(lockPath(this.identity), act);
  }
}

/** The rack of that name or state directory. It need not exist: `up` makes it. */
export function openRack(options: OpenOptions = {}): VirtualRack {
  const name = options.name ?? 'default';
  if (!isRackName(name)) fail('MM-RACK-NAME', '--name', 'lower-case letters, digits, dots and hyphens, 40 at most', name, 'Choose another name.');
  const identity = identityOf(options.stateDir === undefined ? join(CHECKOUT, 'build/rack', name) : resolve(options.stateDir));
  const context: RackContext = {
    identity,
    changes: new Changes(options.dryRun === true, options.say ?? (() => undefined)),
    processes: new Processes(identity.stateDir),
    progress: options.progress ?? (() => undefined),
  };
  return new VirtualRack(context);
}

