import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { clusterId } from './cluster-id.ts';

test.each(['rack', 'Blödes Rack', ''])('the id of %j is the beginning of its SHA-256, as another hand makes it', (name) => {
  expect(clusterId(name)).toBe(createHash('sha256').update(name).digest('hex').slice(0, 16));
});
