// One configuration for every unit, property, fuzz and interop test. The virtual-rack journeys are run by scripts/test rack.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{daemons,initrd,live-dvd,scripts,test}/**/*.test.ts'],
    testTimeout: 30_000,
  },
});
