// The file that tells a node who it is and who belongs to the cluster: the initrd lays it down at each boot, from the registry.
// It is read into types; everything that is wrong with it is said at once.

import { fromHex } from '../core/bytes.ts';
import { isInterfaceName } from '../core/names.ts';
import type { Problem, Result } from '../core/problem.ts';
import { nodeOfNumber, type Roster } from '../core/roster.ts';
import { gather, object, text, whole } from '../storage/json-shape.ts';
import { checkRoster, nodeNumberShape, ONE_LINE, rosterShape } from '../storage/roster-shape.ts';

/** A boot nonce has 16 bytes. */
const NONCE_BYTES = 16;
const REMEDY = 'Boot the node again, which writes the file afresh from the registry, or correct the roster there.';

/** What a node knows of itself. */
export interface NodeConfig {
  readonly number: number;
  readonly roster: Roster;
  /** The interface on the boot network. */
  readonly interface: string;
  /** The registry generation that the roster was read from. */
  readonly rosterGeneration: number;
  /** Drawn anew at each boot: 32 hexadecimal digits. */
  readonly bootNonce: string;
  /** Why this machine is not the node any more that it was booted as: it runs on, and serves nobody. The roster is then the one of before. */
  readonly standDown?: string;
}

/**
 * What the storage agent puts in the place of a newer configuration when by the registry this machine is not the node any more that it was
 * booted as: it was barred, its number is gone, or is another machine's. It holds no roster, for none of it is this machine's business.
 */
export interface StandDown extends Pick<NodeConfig, 'number' | 'interface' | 'rosterGeneration' | 'bootNonce'> {
  /** A code and a clause, for people. */
  readonly standDown: string;
}

const bootShapes = {
  number: nodeNumberShape,
  interface: text('the name of a network interface', isInterfaceName),
  rosterGeneration: whole(0, Number.MAX_SAFE_INTEGER),
  bootNonce: text(`${2 * NONCE_BYTES} lower-case hexadecimal digits`, (value) => fromHex(value)?.length === NONCE_BYTES && value === value.toLowerCase()),
};
const configShape = object<Omit<NodeConfig, 'standDown'>>({ ...bootShapes, roster: rosterShape });
const standDownShape = object<StandDown>({ ...bootShapes, standDown: text('a reason on one line', (value) => value !== '' && ONE_LINE.test(value)) });

/**
 * Reads what JSON.parse made of `/etc/metamaster/node.json`. All problems (MM-NODE-CONFIG) are reported together, relations
 * between fields once every field is good by itself.
 */
export function parseNodeConfig(json: unknown): Result<NodeConfig> {
  const problems: Problem[] = [];
  const report = gather(problems, 'MM-NODE-CONFIG', REMEDY);
  const config = configShape(json, '', report);
  if (config === undefined) return { ok: false, problems };
  checkRoster(config.roster, report);
  if (nodeOfNumber(config.roster, config.number) === undefined) report('number', 'the number of a node of the roster', config.number);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: config };
}

/** The configuration of a node that stands down: as before, but for what the storage agent says. */
function parseStandDown(json: unknown, running: NodeConfig): Result<NodeConfig> {
  const problems: Problem[] = [];
  const read = standDownShape(json, '', gather(problems, 'MM-NODE-CONFIG', REMEDY));
  return read === undefined ? { ok: false, problems } : { ok: true, value: { ...running, ...read } };
}

/**
 * Reads the text of the file. Problems: MM-NODE-CONFIG.
 * @param where the file's path
 * @param running what is followed now, where the file may say that this node is to stand down
 */
export function parseNodeConfigText(content: string, where: string, running?: NodeConfig): Result<NodeConfig> {
  try {
    const json: unknown = JSON.parse(content);
    if (running !== undefined && typeof json === 'object' && json !== null && 'standDown' in json) return parseStandDown(json, running);
    return parseNodeConfig(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ok: false, problems: [{ code: 'MM-NODE-CONFIG', where, rule: 'must be JSON', seen: error.message, remedy: 'Boot the node again, which writes the file afresh.' }] };
  }
}
