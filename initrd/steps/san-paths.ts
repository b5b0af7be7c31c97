// The step `paths`: a SAN of several portals shows its disk once by each. One multipath device stands for all of them, and everything
// else is mapped on that: a path that is lost is a matter of seconds, and only when all are lost the blade stalls, as with one.

import { multipathTable } from '../../daemons/storage/dm-table.ts';
import { distinctPortals, portalText, type SanPortal } from '../../daemons/core/san-portal.ts';
import { portalsOf } from '../../daemons/core/roster.ts';
import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import { MULTIPATH_MODULES } from '../boot-plan.ts';
import { found, type BootState } from './boot-state.ts';
import { requireModules } from './load-modules.ts';
import { diskBytes, disksOfSession, giveUpSoon, identityOf, logIn, numberOf, sessionsOf } from './san-login.ts';

const SECTOR = 512;
const TABLE_FILE = '/run/metamaster.table';
const REMEDY = 'See dmesg at the debug console (Esc); without mm.portals= and with one portal in the answers the blade boots by one path.';

/** Joins all paths to the disk that holds the container; with one portal there is nothing to join. @throws StepError */
export async function joinPaths(host: BootHost, state: BootState, { portals, target }: { portals: readonly SanPortal[]; target: string }): Promise<void> {
  const { roster } = found(state.registry, 'the registry');
  const all = distinctPortals([...portals, ...portalsOf(roster.san)]);
  const name = `${roster.container}-san`;
  if (all.length === 1 || state.multipath === name) return;
  // A boot from the disc knows one portal only; the others stand in the registry. What the step `login` has tried is not tried again.
  const tried = new Set(portals.map(portalText));
  await logIn(host, state, { portals: all.filter((portal) => !tried.has(portalText(portal))), target });
  requireModules(host, MULTIPATH_MODULES);
  const device = found(state.disk, 'the disk');
  const own = device.slice('/dev/'.length);
  const identity = identityOf(host, own);
  if (identity === '') throw new StepError('MM-BOOT-PATHS', `the disk ${own} does not say which one it is, so its paths cannot be told apart from other disks`, 'Give the LUN an identifier (VPD page 0x83) at the target, or leave the further portals out.');
  const sessions = sessionsOf(host, target);
  const disks = sessions.flatMap((session) => disksOfSession(host, session)).filter((disk) => identityOf(host, disk) === identity);
  const numbers = disks.map((disk) => numberOf(host, disk));
  host.writeText(TABLE_FILE, `${multipathTable(diskBytes(host, own) / SECTOR, numbers)}\n`, 0o600);
  const path = `/dev/mapper/${name}`;
  if (!host.exists(path)) mustRun(host, 'MM-BOOT-PATHS', ['dmsetup', 'create', name, TABLE_FILE], REMEDY);
  if (!host.exists(path)) mustRun(host, 'MM-BOOT-PATHS', ['dmsetup', 'mknodes', name], REMEDY);
  for (const session of sessions) giveUpSoon(host, session);
  host.print(`metamaster: ${disks.length} paths to the SAN: ${disks.join(', ')}`);
  state.disk = path;
  state.multipath = name;
}
