import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mkfsOcfs2, o2cbClusterName, readOcfs2Facts } from './ocfs2-text.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

/** What debugfs.ocfs2 1.8.7 says of a file system of 255 MiB with six slots, cut to a few lines. */
const ANSWERS = {
  stats: `	Revision: 0.90
	Mount Count: 0   Max Mount Count: 20
	Block Size Bits: 12   Cluster Size Bits: 12
	Max Node Slots: 6
	Label: sharedfs
	UUID: 0123456789ABCDEF0123456789ABCDEF
	Hash: 2047048195 (0x7a037a03)
	Cluster stack: o2cb
	Cluster name: rack
`,
  heartbeat: `	Inode: 10   Mode: 0644   Generation: 3217951527 (0xbfce0b27)
	Links: 1   Clusters: 256
	Tree Depth: 0   Count: 243   Next Free Rec: 1
	## Offset        Clusters       Block#          Flags
	0  0             256            273             0x0 
`,
  bitmap: `	Inode: 11   Mode: 0644   Generation: 3217951527 (0xbfce0b27)
	Bitmap Total: 65280   Used: 7700   Free: 57580
	Clusters per Group: 32256   Bits per Cluster: 1
`,
};

test('what it is called, how full it is, and where its heartbeat is', () => {
  expect(readOcfs2Facts(ANSWERS)).toEqual({
    label: 'sharedfs', uuid: '01234567-89ab-cdef-0123-456789abcdef', totalBytes: 65280 * 4096, usedBytes: 7700 * 4096, heartbeat: { offset: 273 * 4096, bytes: 2 ** 20 },
  });
});

test('a block is not a cluster', () => {
  const large = { ...ANSWERS, stats: ANSWERS.stats.replace('Cluster Size Bits: 12', 'Cluster Size Bits: 20'), heartbeat: ANSWERS.heartbeat.replace('256            273', '1              512') };
  expect(readOcfs2Facts(large)).toMatchObject({ usedBytes: 7700 * 2 ** 20, heartbeat: { offset: 512 * 4096, bytes: 2 ** 20 } });
});

test('a file system without a label has an empty one', () => {
  expect(readOcfs2Facts({ ...ANSWERS, stats: ANSWERS.stats.replace('Label: sharedfs', 'Label: ') })).toMatchObject({ label: '' });
});

test.each(['stats', 'heartbeat', 'bitmap'] as const)('without an answer to %s nothing is known', (question) => {
  expect(readOcfs2Facts({ ...ANSWERS, [question]: '' })).toBeUndefined();
  expect(readOcfs2Facts({ ...ANSWERS, [question]: ANSWERS[question].replaceAll(/\d/g, 'x') })).toBeUndefined();
});

test('any text gives facts with whole numbers, or none', () => {
  fc.assert(fc.property(fc.string(), fc.string(), fc.string(), (stats, heartbeat, bitmap) => {
    const facts = readOcfs2Facts({ stats: `${ANSWERS.stats}${stats}`, heartbeat: `${heartbeat}${ANSWERS.heartbeat}`, bitmap });
    if (facts !== undefined) expect([facts.totalBytes, facts.usedBytes, facts.heartbeat.offset].every(Number.isSafeInteger)).toBe(true);
  }));
});

test('mkfs is told everything, and asks nothing', () => {
  expect(mkfsOcfs2('/dev/mapper/x', { label: 'sharedfs', uuid: sampleUuid(0xabc), clusterName: 'rack', slots: 6, journalBytes: 5 * 2 ** 20, blocks: 65280 }).join(' ')).toBe(
    'mkfs.ocfs2 -F -x --nodiscard -b 4096 -N 6 -J size=5M -L sharedfs -U 00000000000040008000000000000ABC --cluster-stack=o2cb --cluster-name=rack /dev/mapper/x 65280',
  );
});

test.each([
  ['blade', 'blade'],
  ['blade-rack-1', 'bladerack1'],
  ['the-longest-of-all-cluster-names', 'thelongestofallc'],
  ['0123456789abcdef', '0123456789abcdef'],
])('o2cb knows the cluster %s as %s', (name, expected) => expect(o2cbClusterName(name)).toBe(expected));
