// What the rack remembers in its state directory, and the context that its parts share.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Accelerator } from './blade-argv.ts';
import { writeWhole, type Processes } from './processes.ts';
import { fail } from './failure.ts';
import { namespaceOf, type RackIdentity, type Room } from './identity.ts';
import type { Changes } from './commands.ts';

/** What every part of the rack works with. */
export interface RackContext {
  readonly identity: RackIdentity;
  readonly changes: Changes;
  readonly processes: Processes;
  /** Takes one line a stage. */
  readonly progress: (line: string) => void;
}

/** The rack's settings, made by `up`. */
export interface RackSettings {
  /** The number of blades that `all` and `status` mean. */
  readonly blades: number;
  /** Of a blade that is given none of its own, in QEMU's spelling. */
  readonly memory: string;
  readonly target: string;
  /** The SAN acknowledges from a cache that its power takes along, until it is started without one. */
  readonly sanCached?: boolean;
  readonly accelerator: Accelerator;
  /** Why this accelerator. */
  readonly acceleratorReason: string;
  /** True when /run/netns was no mount before this rack made its namespaces: then `down` takes that mount away again. */
  readonly madeNetnsMount: boolean;
}

/** What is remembered of one blade. */
export interface BladeState {
  /** The medium in the drive; stays in over power cycles. */
  readonly dvd?: string;
  /** Of the last power-on. */
  readonly mac?: string;
  readonly uuid?: string;
  /** The VLAN of the switch port that it was switched on with, if that is tagged. */
  readonly vlan?: number;
}

const settingsPath = (identity: RackIdentity): string => join(identity.stateDir, 'rack.json');
const bladePath = (identity: RackIdentity, blade: number): string => join(identity.stateDir, `blade-${blade}.json`);

const readJson = (path: string): unknown => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

/** The settings; undefined when the rack was never up. */
export const readSettings = (identity: RackIdentity): RackSettings | undefined => readJson(settingsPath(identity)) as RackSettings | undefined;

export const writeSettings = (identity: RackIdentity, settings: RackSettings): void =>
  writeWhole(settingsPath(identity), `${JSON.stringify(settings, undefined, 2)}\n`);

export const readBlade = (identity: RackIdentity, blade: number): BladeState => (readJson(bladePath(identity, blade)) ?? {}) as BladeState;

export const writeBlade = (identity: RackIdentity, blade: number, state: BladeState): void =>
  writeWhole(bladePath(identity, blade), `${JSON.stringify(state, undefined, 2)}\n`);

export const lockPath = (identity: RackIdentity): string => join(identity.stateDir, 'lock');
/** What the SAN wants of a login, where it wants something. */
export const sanLoginPath = (identity: RackIdentity): string => join(identity.stateDir, 'san-login.json');
export const sanPath = (identity: RackIdentity): string => join(identity.stateDir, 'san.img');
export const logPath = (identity: RackIdentity, name: string): string => join(identity.stateDir, 'logs', `${name}.log`);

/** Makes the folders of the state directory and the one for sockets. */
export function makeFolders(identity: RackIdentity): void {
  mkdirSync(join(identity.stateDir, 'logs'), { recursive: true });
  mkdirSync(identity.runDir, { recursive: true, mode: 0o700 });
}

/** An argv that runs in one of the rack's namespaces. `ip` becomes the program, so the pid stays. */
export const inRoom = (identity: RackIdentity, room: Room, argv: readonly string[]): string[] =>
  ['ip', 'netns', 'exec', namespaceOf(identity, room), ...argv];

/** The settings of a rack that is up. Throws MM-RACK-DOWN when it is not. */
export function settingsWhenUp(identity: RackIdentity): RackSettings {
  const settings = readSettings(identity);
  if (settings === undefined || !existsSync(`/run/netns/${namespaceOf(identity, 'boot')}`)) {
    fail('MM-RACK-DOWN', identity.stateDir, 'the rack must be up', settings === undefined ? 'it was never made' : 'it is down', 'Run `scripts/rack up` first, with the same --name.');
  }
  return settings;
}
