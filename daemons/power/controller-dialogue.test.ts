import { expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { dialoguesOf } from './controller-dialogue.ts';
import type { ControllerAction } from './dialogue.ts';
import { parsePowerConfig } from './power-config.ts';

const NODES = {
  1: { kind: 'ipmi', address: '192.168.1.101', user: 'rack', passwordFile: '/p' },
  2: { kind: 'redfish', url: 'https://192.168.1.102', user: 'rack', passwordFile: '/p', fingerprint: 'ab'.repeat(32) },
  3: { kind: 'wake-on-lan', mac: '52:54:00:00:00:03' },
  4: { kind: 'rack', program: '/srv/scripts/rack', blade: 4 },
};

test('every kind begins its own dialogue, and no action holds a password', () => {
  const firsts = [...valueOf(parsePowerConfig({ nodes: NODES })).values()].map((controller) => dialoguesOf(controller)('on').next().value);
  expect(firsts.map((action) => (action as ControllerAction).kind)).toEqual(['run', 'web', 'wake', 'run']);
  expect(firsts).toMatchObject([{ argv: { 0: 'ipmitool' } }, { path: '/redfish/v1/' }, { mac: '52:54:00:00:00:03' }, { argv: ['/srv/scripts/rack', 'power', 'on', '4', '--json', '--name', 'default'] }]);
  expect(JSON.stringify(firsts)).not.toContain('Authorization');
});
