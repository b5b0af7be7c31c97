// The leases as the installer makes them, with the real sanlock, on a file.

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { withRegistryLease } from '../../daemons/host/sanlock.ts';
import { LeaseBench, NO_SANLOCK } from '../../daemons/host/sanlock.test-kit.ts';
import { LEASE_SECTOR_BYTES, leaseAreaOf, registryLease } from '../../daemons/storage/lease-layout.ts';
import { hostTimestamps, readLeases, renewedHosts } from '../../daemons/storage/lease-record.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { planRegistryWrite } from '../../daemons/storage/registry-layout.ts';
import { encodeRegistry } from '../../daemons/storage/registry.ts';
import { sanCommand } from '../san.ts';
import { Disk } from './disk.ts';
import { Installation } from './engine.ts';
import { DISK_BYTES, layoutFor, makeDisc, SilentProgress } from './install.test-kit.ts';
import { makeLeases } from './lease-area.ts';

// Of an installation only sanlock is run; device-mapper needs a block device.
vi.mock('../../daemons/host/run.ts', async (original) => {
  const real = await original<typeof import('../../daemons/host/run.ts')>();
  return { ...real, run: (argv: string[], options: object) => (['sanlock', 'false'].includes(argv[0]!) ? real.run(argv, options) : Promise.resolve({ code: 0, output: '', errorOutput: '' })) };
});

const LONG = 60_000;

describe.skipIf(NO_SANLOCK !== undefined)(`leases${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  describe('in a file', () => {
    let bench: LeaseBench;
    let disk: Disk;
    beforeAll(() => {
      bench = new LeaseBench();
      disk = new Disk(bench.path, 8 * 2 ** 20);
    });
    afterAll(() => {
      disk.close();
      bench.remove();
    });
    const look = () => readLeases(bench.read, bench.area, registryLease(bench.area));
    const next = () => withRegistryLease(bench.host(1), ({ leaseVersion }) => Promise.resolve(leaseVersion));

    test('nothing is told from what was made, and what was made works', async () => {
      expect(look()).toMatchObject({ state: 'none', problem: { code: 'MM-LEASE-NONE' } });
      await makeLeases(disk, bench.area, 0);
      expect(look()).toEqual({ state: 'made', registry: { kind: 'resource', lockspace: bench.area.lockspace, name: 'registry', leaseVersion: 0, owner: 0, timestamp: 0 } });
      expect(await next()).toBe(1);
      expect(look()).toMatchObject({ state: 'made', registry: { leaseVersion: 1, owner: 1, timestamp: 0 } });
    }, LONG);

    test('made anew with a version, sanlock takes the record for its own, and the next owner is above it', async () => {
      for (const version of [41, 2 ** 32 + 5]) {
        await makeLeases(disk, bench.area, version);
        expect(look()).toMatchObject({ state: 'made', registry: { leaseVersion: version } });
        expect(await next()).toBe(version + 1);
      }
    }, LONG);

    test('a host that is in the lockspace is seen by what it renews, one that left is not', async () => {
      const before = hostTimestamps(bench.read, bench.area);
      await withRegistryLease(bench.host(2), async () => {
        const joined = hostTimestamps(bench.read, bench.area);
        await new Promise((resolve) => setTimeout(resolve, 4000));
        expect(renewedHosts(joined, hostTimestamps(bench.read, bench.area))).toEqual([2]);
      });
      expect(renewedHosts(before, hostTimestamps(bench.read, bench.area))).toEqual([]);
    }, LONG);

    test('a lockspace or a lease that is not whole, or of another cluster, is told', async () => {
      const zero = new Uint8Array(LEASE_SECTOR_BYTES);
      for (const at of [bench.area.firstByte, bench.area.firstByte + 1999 * LEASE_SECTOR_BYTES, registryLease(bench.area).offset]) {
        await makeLeases(disk, bench.area, 7);
        disk.write(at, zero);
        expect(look(), `byte ${at}`).toMatchObject({ state: 'damaged', problem: { code: 'MM-LEASE-FOREIGN' } });
      }
      await makeLeases(disk, { ...bench.area, lockspace: 'mm-another' }, 0);
      expect(look()).toMatchObject({ state: 'damaged', problem: { code: 'MM-LEASE-FOREIGN', seen: "lockspace 'mm-another', resource 'mm-another:registry'" } });
    });
  });

  describe('of an installation', () => {
    const disc = makeDisc();
    const folder = mkdtempSync(join(tmpdir(), 'leases-'));
    const path = join(folder, 'san.img');
    beforeAll(async () => {
      writeFileSync(path, '');
      truncateSync(path, DISK_BYTES);
      const disk = new Disk(path, DISK_BYTES);
      await new Installation(layoutFor(disk), disk, disc.places, new SilentProgress()).run();
      disk.close();
    });
    afterAll(() => {
      disc.remove();
      rmSync(folder, { recursive: true });
    });
    const command = async (...argv: string[]) => {
      let [out, error] = ['', ''];
      const code = await sanCommand(['leases', path, ...argv], { out: (text) => void (out += text), error: (text) => void (error += text) });
      return { code, out, error };
    };

    test('are there, and the command shows them', async () => {
      const { code, out, error } = await command();
      expect([code, error]).toEqual([0, '']);
      expect(out).toMatch(/^lockspace mm-[0-9a-f-]{36}, room for 127 leases\nregistry: lease version 0, nobody has had it yet\n$/);
      expect(JSON.parse((await command('--json')).out)).toMatchObject({ state: 'made', room: 127 });
    });

    test('are not made again without force; with it, above every version that there was', async () => {
      const refused = await command('--init');
      expect([refused.code, refused.error.includes('MM-LEASE-THERE')]).toEqual([1, true]);
      const { code, out } = await command('--init', '--force');
      expect([code, out.split('\n')[1]]).toEqual([0, 'registry: lease version 0, nobody has had it yet']);
    }, LONG);

    test('of an older cluster: none, with the remedy, and made without force', async () => {
      const disk = new Disk(path, DISK_BYTES);
      const { ranges, superblock } = valueOf(readContainer(disk.read, disk.bytes, 'debian'));
      const area = leaseAreaOf(path, ranges.leases, superblock.clusterUuid);
      disk.write(area.firstByte, new Uint8Array(2 * 2 ** 20));
      disk.close();
      const shown = await command();
      expect([shown.code, shown.error.includes('MM-LEASE-NONE'), shown.error.includes(`metamaster san leases ${path} --init`)]).toEqual([1, true, true]);
      expect((await command('--init')).code).toBe(0);
      expect((await command()).code).toBe(0);
    });

    test('number the slots: a node writes under its lease, and after leases made anew its next writing still counts', async () => {
      const bench = new LeaseBench();
      const disk = new Disk(path, DISK_BYTES);
      const clusterNow = () => valueOf(readContainer(disk.read, disk.bytes, 'debian'));
      const { ranges, superblock } = clusterNow();
      const area = leaseAreaOf(path, ranges.leases, superblock.clusterUuid);
      const write = () => withRegistryLease({ ...bench.host(1), area }, ({ leaseVersion }) => {
        const { headers, broken, header, registry } = clusterNow();
        const steps = valueOf(planRegistryWrite({ superblock, headers, broken, writer: 1, leaseVersion, generation: header.generation + 1, body: encodeRegistry(registry) }));
        disk.carryOut(steps, (offset) => ranges.registry.firstSector * SECTOR_BYTES + offset);
        return Promise.resolve(clusterNow().header);
      });
      try {
        expect(await write()).toMatchObject({ writer: 1, leaseVersion: 1, generation: 2 });
        expect(await write()).toMatchObject({ writer: 1, leaseVersion: 2, generation: 3 });
        // With the old record gone, the slots alone tell how far it was.
        disk.write(registryLease(area).offset, new Uint8Array(LEASE_SECTOR_BYTES));
        expect((await command('--init', '--force')).code).toBe(0);
        expect(await write()).toMatchObject({ writer: 1, leaseVersion: 3, generation: 4 });
        await withRegistryLease({ ...bench.host(1), area }, async () => {
          const refused = await command('--init', '--force');
          expect([refused.code, /MM-LEASE-USED.*host 1\b/.test(refused.error)]).toEqual([1, true]);
        });
      } finally {
        disk.close();
        bench.remove();
      }
    }, LONG);

    test('wrong words are wrong use', async () => {
      for (const argv of [['--force'], ['--nonsense'], ['another']]) expect((await command(...argv)).code, argv.join(' ')).toBe(2);
    });
  });
});
