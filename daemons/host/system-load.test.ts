import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemLoad } from './system-load.ts';

test('is what the kernel says', () => {
  const kib = (name: string): number => 1024 * Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))![1]);
  const { load1, processors, memoryFreeBytes, memoryBytes } = systemLoad();
  expect(memoryBytes).toBe(kib('MemTotal'));
  // Others use memory meanwhile; MemFree, without what can be given back, would be far off on most machines.
  expect(Math.abs(memoryFreeBytes - kib('MemAvailable'))).toBeLessThan(memoryBytes / 4);
  expect(load1).toBeGreaterThanOrEqual(0);
  expect(processors).toBeGreaterThanOrEqual(1);
});
