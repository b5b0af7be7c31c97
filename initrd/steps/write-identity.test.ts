import { beforeEach, describe, expect, test } from 'vitest';
import { GATEWAY_JSON, TIME_SOURCES } from '../identity.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { type IdentityOutcome, performWrite } from './write-identity.ts';

const REQUEST = '/run/metamaster/identity.json';
const OUTCOME = '/run/metamaster/identity-outcome.json';
const FILES = [{ path: '/etc/hosts', mode: 0o644, text: 'new\n' }, { path: '/etc/ssh/key', mode: 0o600, text: 'SECRET\n' }];

let blade: ModelBlade;
beforeEach(() => {
  blade = new ModelBlade(new ModelSan());
  blade.files.set('/etc/hosts', 'old\n');
  blade.files.set('/etc/shadow', 'root:old:20000::::::\ndaemon:*:20000::::::\n');
  blade.files.set('/root/.ssh/authorized_keys', '');
  blade.files.set(REQUEST, JSON.stringify({ files: FILES, rootPasswordHash: '$y$new' }));
});

function performed(): IdentityOutcome {
  performWrite(blade, REQUEST, OUTCOME, '');
  return JSON.parse(blade.files.get(OUTCOME)!) as IdentityOutcome;
}

describe('the process that writes', () => {
  test('puts what differs in the place of what is there, with its mode, for the same owner, and tells which', () => {
    expect(performed()).toEqual({ changed: ['/etc/hosts', '/etc/ssh/key', '/etc/shadow'] });
    expect([blade.files.get('/etc/hosts'), blade.files.get('/etc/ssh/key')]).toEqual(['new\n', 'SECRET\n']);
    expect(blade.files.get('/etc/shadow')).toBe('root:$y$new:20000::::::\ndaemon:*:20000::::::\n');
    expect([...blade.modes].filter(([path]) => path !== OUTCOME)).toEqual([['/etc/hosts', 0o644], ['/etc/ssh/key', 0o600], ['/etc/shadow', 0o640]]);
    expect(blade.argvs.filter(([program]) => program === 'chown')).toEqual(['/etc/hosts', '/etc/shadow'].map((path) => ['chown', `--reference=${path}`, `${path}.metamaster-new`]));
    expect([...blade.files.keys()].filter((path) => path.endsWith('-new'))).toEqual([]);
  });

  test('leaves what is as it shall be, and no request', () => {
    performed();
    blade.files.set(REQUEST, JSON.stringify({ files: FILES, rootPasswordHash: '$y$new' }));
    blade.modes.clear();
    expect(performed()).toEqual({ changed: [] });
    expect([...blade.modes.keys()]).toEqual([OUTCOME]);
    expect(blade.files.has(REQUEST)).toBe(false);
  });

  test('keeps up what the node has no use for any more where it is there, and makes it nowhere', () => {
    const leaving = [{ path: GATEWAY_JSON, mode: 0o644, text: 'another\'s', leaving: true }];
    const request = JSON.stringify({ files: leaving, rootPasswordHash: 'old' });
    blade.files.set(REQUEST, request);
    expect(performed()).toEqual({ changed: [] });
    blade.files.set(GATEWAY_JSON, 'mine');
    blade.files.set(REQUEST, request);
    expect([performed(), blade.files.get(GATEWAY_JSON)]).toEqual([{ changed: [GATEWAY_JSON] }, 'another\'s']);
  });

  test('tells chronyd of other sources, and only of these', () => {
    performed();
    expect(blade.argvs.filter(([program]) => program === 'chronyc')).toEqual([]);
    blade.files.set(REQUEST, JSON.stringify({ files: [{ path: TIME_SOURCES, mode: 0o644, text: 'server 10.0.0.9 iburst\n' }], rootPasswordHash: '$y$new' }));
    expect(performed()).toEqual({ changed: [TIME_SOURCES] });
    expect(blade.argvs.filter(([program]) => program === 'chronyc')).toEqual([['chronyc', 'reload', 'sources']]);
  });

  test('tells how far it came', () => {
    blade.override = ([program]) => (program === 'chown' ? { code: 1, said: 'chown: Read-only file system\n' } : undefined);
    expect(performed()).toEqual({ changed: ['/etc/hosts'], failed: expect.stringContaining('MM-AGENT-FILES: chown --reference=/etc/hosts') as string });
    expect(blade.files.get('/etc/hosts')).toBe('old\n');
    expect(blade.files.has(REQUEST)).toBe(false);
  });

  test('a request that is not there, or is broken, is told and writes nothing', () => {
    blade.files.delete(REQUEST);
    expect(performed().failed).toContain('cannot be read');
    blade.files.set(REQUEST, '{');
    expect(performed()).toMatchObject({ changed: [], failed: expect.stringContaining('JSON') as string });
    expect(blade.files.get('/etc/hosts')).toBe('old\n');
  });
});
