// Asks the rack's SAN, from within its namespace, whether its write cache is off, and how fast it writes.
//
//   node san-probe.ts TARGET WRITES|- [LOGIN-FILE]      prints one line of JSON: SanProbe; with a login it proves itself by CHAP

import process from 'node:process';
import { readSanLogin } from '../san-login-files.ts';
import { IscsiSession, SECTOR } from './iscsi-session.ts';
import { messageOf } from './failure.ts';
import { SAN_ADDRESS } from './network-plan.ts';
import { SAN_PORT } from './san-plan.ts';

/** What the probe prints. */
export interface SanProbe {
  readonly writeCache: 'on' | 'off' | 'unknown';
  readonly sectors: number;
  /** Of single 4 KiB writes, one after the other, each acknowledged by the SAN. */
  readonly writes?: { readonly count: number; readonly perSecond: number; readonly medianMs: number; readonly p99Ms: number };
}

const BLOCK_SECTORS = 8;

/** Writes what already stands in the middle of the disk, so that nothing changes as long as nobody else is logged in. */
async function bench(session: IscsiSession, sectors: number, count: number): Promise<NonNullable<SanProbe['writes']>> {
  const sector = Math.floor(sectors / 2 / BLOCK_SECTORS) * BLOCK_SECTORS;
  const block = await session.read(sector, BLOCK_SECTORS);
  if (block.length !== BLOCK_SECTORS * SECTOR) throw new Error(`a read of ${BLOCK_SECTORS} sectors gave ${block.length} bytes`);
  const took: number[] = [];
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const before = performance.now();
    await session.write(sector, block);
    took.push(performance.now() - before);
  }
  const seconds = (performance.now() - start) / 1000;
  took.sort((a, b) => a - b);
  const at = (share: number): number => Number(took[Math.min(count - 1, Math.floor(count * share))]!.toFixed(2));
  return { count, perSecond: Math.round(count / seconds), medianMs: at(0.5), p99Ms: at(0.99) };
}

const [target, count, loginFile] = process.argv.slice(2);
const writes = count === '-' ? undefined : count;
try {
  const session = await IscsiSession.open(SAN_ADDRESS, SAN_PORT, 'iqn.2026-11.metamaster:rack-probe', target!, loginFile === undefined ? undefined : readSanLogin(loginFile));
  const cache = await session.writeCache();
  const sectors = await session.capacity();
  const answer: SanProbe = {
    writeCache: cache === undefined ? 'unknown' : cache ? 'on' : 'off',
    sectors,
    ...(writes === undefined ? {} : { writes: await bench(session, sectors, Number(writes)) }),
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  session.close();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
