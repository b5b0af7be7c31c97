// After the boot: a portal of the SAN that did not answer then has no session, and no place in the multipath device on which the root
// lies. As soon as it answers it gets both. What fails is said once and tried again.

import { type MultipathTable, multipathTable, parseMultipathTable } from '../../daemons/storage/dm-table.ts';
import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import { isControl, isLoggedIn, logInByRecord } from './control-session.ts';
import type { BootRecord } from './handover.ts';
import { disksOfSession, giveUpSoon, identityOf, LOGIN_SECONDS, numberOf, PATH_RECOVERY_SECONDS, portalOfSession, sessionsOf } from './san-login.ts';

/** How often every portal is looked at. */
const LOOK_SECONDS = 60;
/** How long after its login a portal may take to show its disk. */
const DISK_WAIT_SECONDS = 20;
const MAPPER = '/dev/mapper/';
const REMEDY = 'Mend the portal or the way to it; dmesg says more.';
/**
 * The blade's own initiator name is iscsid's, which the default interface goes by. Recovery and noop times are the keeper's (san-keeper,
 * PATH_...), for iscsid logs in anew by this record. A portal that is dead may hold the agent up for one login only: the owner records
 * must be renewed meanwhile.
 */
const INTERFACE = 'default';
const SETTINGS = [
  ['node.session.timeo.replacement_timeout', String(PATH_RECOVERY_SECONDS)], ['node.conn[0].timeo.noop_out_interval', '2'], ['node.conn[0].timeo.noop_out_timeout', '2'],
  ['node.conn[0].timeo.login_timeout', String(LOGIN_SECONDS)], ['node.session.initial_login_retry_max', '1'],
] as const;

const refused = (text: string): StepError => new StepError('MM-AGENT-PATH', text, REMEDY);

export class MissingPaths {
  readonly #host: BootHost;
  readonly #target: string;
  readonly #portals: readonly string[];
  /** The multipath device; undefined where the SAN has one portal. */
  readonly #device: string | undefined;
  /** What was said last of each portal that is no path. */
  readonly #said = new Map<string, string>();
  readonly #openedAt = new Map<string, number>();
  #dueAt: number | undefined;
  /** Portals that are still to be looked at in this minute. */
  #turns: string[] = [];

  constructor(host: BootHost, { target, portals, disk }: Pick<BootRecord, 'target' | 'portals' | 'disk'>) {
    this.#host = host;
    this.#target = target ?? '';
    this.#portals = portals;
    this.#device = portals.length > 1 && disk?.startsWith(MAPPER) === true ? disk.slice(MAPPER.length) : undefined;
  }

  /** One portal's turn, if it is time: at most one login, or one new table, so that the agent's other work goes on in between. */
  look(): void {
    if (this.#device === undefined) return;
    const now = this.#host.uptimeSeconds();
    // The boot has just tried.
    this.#dueAt ??= now + LOOK_SECONDS;
    if (now >= this.#dueAt) {
      this.#dueAt = now + LOOK_SECONDS;
      this.#turns = [...this.#portals];
    }
    const portal = this.#turns.shift();
    if (portal === undefined) return;
    try {
      // What was begun is gone on with at the next turn.
      if (this.#visit(this.#device, portal, now) === 'begun') this.#turns.unshift(portal);
      else this.#said.delete(portal);
    } catch (error) {
      this.#complain(portal, error instanceof StepError ? error.message : `MM-AGENT-PATH: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #complain(portal: string, text: string): void {
    if (this.#said.get(portal) === text) return;
    this.#said.set(portal, text);
    this.#host.print(`storage-agent: ${text}; the portal ${portal} is tried again every minute`);
  }

  /** @throws StepError */
  #visit(device: string, portal: string, now: number): 'begun' | 'done' {
    const session = this.#sessionAt(portal);
    if (session === undefined) {
      logInByRecord(this.#host, 'MM-AGENT-PATH', { target: this.#target, portal, iface: INTERFACE, settings: SETTINGS });
      if (this.#sessionAt(portal) === undefined) throw refused(`there is no session to ${portal} after the login`);
      this.#openedAt.set(portal, now);
      return 'begun';
    }
    const table = this.#table(device);
    const disks = disksOfSession(this.#host, session);
    if (disks.some((disk) => table.paths.includes(numberOf(this.#host, disk)))) return 'done';
    const disk = this.#ownDisk(session, this.#identity(device, table));
    if (disk === undefined) {
      if (now - (this.#openedAt.get(portal) ?? -Infinity) < DISK_WAIT_SECONDS) return 'begun';
      throw refused(disks.length === 0 ? `the portal ${portal} shows no disk` : `the portal ${portal} shows another disk than the others: ${disks.map((each) => `${each} ${identityOf(this.#host, each)}`).join(', ')}`);
    }
    // A session that was lost meanwhile is mended by iscsid.
    if (!isLoggedIn(this.#host, session)) return 'done';
    giveUpSoon(this.#host, session);
    this.#putIn(device, table, disk);
    this.#host.print(`storage-agent: the portal ${portal} is a path to the SAN now: ${disk}`);
    return 'done';
  }

  #patient(): readonly string[] {
    return sessionsOf(this.#host, this.#target).filter((session) => !isControl(this.#host, session));
  }

  #sessionAt(portal: string): string | undefined {
    return this.#patient().find((session) => portalOfSession(this.#host, session) === portal);
  }

  /** The session's disk that is the same one as the multipath device's. */
  #ownDisk(session: string, identity: string): string | undefined {
    return disksOfSession(this.#host, session).find((disk) => identityOf(this.#host, disk) === identity && numberOf(this.#host, disk) !== '');
  }

  #table(device: string): MultipathTable {
    const { said } = mustRun(this.#host, 'MM-AGENT-PATH', ['dmsetup', 'table', device], REMEDY);
    const table = parseMultipathTable(said);
    if (table === undefined) throw refused(`${device} is no multipath device: ${said.trim()}`);
    return table;
  }

  /** Which disk it is, by any of the paths that are in the table. */
  #identity(device: string, { paths }: MultipathTable): string {
    const disk = this.#patient().flatMap((session) => disksOfSession(this.#host, session)).find((each) => paths.includes(numberOf(this.#host, each)));
    const identity = disk === undefined ? '' : identityOf(this.#host, disk);
    if (identity === '') throw refused(`none of the paths of ${device} says which disk it is (${paths.join(', ')})`);
    return identity;
  }

  /**
   * Gives the device a table with one path more, in the order of the portals. The root lies on this device, so nothing may run between
   * suspending and resuming it, and nothing may be waited for that a dead path owes: a resume that finds a new table does all three in one
   * call of the kernel (drivers/md/dm-ioctl.c, do_resume), with --noflush keeps what is queued, and freezes no file system. udev, whose
   * programs lie on the root, is not waited for.
   * @throws StepError
   */
  #putIn(device: string, { sectors, paths }: MultipathTable, disk: string): void {
    const identity = identityOf(this.#host, disk);
    const number = numberOf(this.#host, disk);
    const inOrder = this.#portals.flatMap((portal) => {
      const session = this.#sessionAt(portal);
      const own = session === undefined ? undefined : this.#ownDisk(session, identity);
      return own === undefined ? [] : [numberOf(this.#host, own)];
    }).filter((each) => each === number || paths.includes(each));
    // A path whose disk is gone from the machine stays away; any other stays, whichever way it came.
    const others = paths.filter((each) => this.#host.exists(`/sys/dev/block/${each}`));
    mustRun(this.#host, 'MM-AGENT-PATH', ['dmsetup', 'load', device, '--table', multipathTable(sectors, [...new Set([...inOrder, ...others])])], REMEDY);
    const resume = ['dmsetup', 'resume', '--noflush', '--nolockfs', '--noudevsync', device];
    try {
      mustRun(this.#host, 'MM-AGENT-PATH', resume, REMEDY);
    } catch (error) {
      // A table that is refused at this point is dropped, and the device left suspended: resumed once more it goes on with the old one.
      this.#host.run(resume);
      throw error;
    }
  }
}
