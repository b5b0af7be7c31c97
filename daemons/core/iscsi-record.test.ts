import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChapLogin } from './chap.ts';
import { recordFiles, recordWithLogin } from './iscsi-record.ts';

const RECORD = `# BEGIN RECORD 2.1.11
node.name = iqn.2026-11.metamaster:san
node.session.auth.authmethod = None
node.session.auth.chap_algs = MD5
node.conn[0].address = 192.168.0.252
# END RECORD
`;
const ONE_WAY: ChapLogin = { user: 'rack', password: '=first#secret=' };
const MUTUAL: ChapLogin = { ...ONE_WAY, mutual: { user: 'san', password: 'second-secret' } };

describe('a record', () => {
  test('golden: gets the login in front of its end', () => {
    expect(recordWithLogin(RECORD, MUTUAL)).toBe(`# BEGIN RECORD 2.1.11
node.name = iqn.2026-11.metamaster:san
node.session.auth.chap_algs = MD5
node.conn[0].address = 192.168.0.252
node.session.auth.authmethod = CHAP
node.session.auth.username = rack
node.session.auth.password = =first#secret=
node.session.auth.username_in = san
node.session.auth.password_in = second-secret
# END RECORD
`);
  });

  test('that says what is wanted stays as it is, byte by byte', () => {
    expect(recordWithLogin(RECORD, undefined)).toBe(RECORD);
    fc.assert(fc.property(fc.constantFrom(undefined, ONE_WAY, MUTUAL), fc.constantFrom(undefined, ONE_WAY, MUTUAL), (before, after) => {
      const once = recordWithLogin(recordWithLogin(RECORD, before), after);
      expect(recordWithLogin(once, after)).toBe(once);
    }));
  });

  test('loses a login that there is no more', () => {
    const without = recordWithLogin(recordWithLogin(RECORD, MUTUAL), undefined);
    expect(without).not.toMatch(/secret|username/);
    expect(without).toContain('authmethod = None');
  });

  test('without an end mark gets the lines at its end', () => expect(recordWithLogin('a = b\n', ONE_WAY)).toMatch(/^a = b\nnode\.[^]*=first#secret=\n$/));
});

describe('is found', () => {
  const TARGET = 'iqn.2026-11.metamaster:san';
  const portal = { address: '10.0.0.252', port: 3260 };
  const find = (...files: string[]) => recordFiles({
    exists: (path) => files.some((file) => file === path || file.startsWith(`${path}/`)),
    list: (path) => [...new Set(files.filter((file) => file.startsWith(`${path}/`)).map((file) => file.slice(path.length + 1).split('/')[0]!))],
  }, TARGET, portal, 'control');
  test('as a file, as a folder with a portal group, in either place', () => {
    expect(find(`/var/lib/iscsi/nodes/${TARGET}/10.0.0.252,3260`)).toEqual([`/var/lib/iscsi/nodes/${TARGET}/10.0.0.252,3260`]);
    expect(find(`/etc/iscsi/nodes/${TARGET}/10.0.0.252,3260,1/control`)).toEqual([`/etc/iscsi/nodes/${TARGET}/10.0.0.252,3260,1/control`]);
  });
  test('and nobody else\'s is', () => {
    expect(find(`/var/lib/iscsi/nodes/${TARGET}/10.0.0.252,3260,1/default`, `/var/lib/iscsi/nodes/${TARGET}/10.0.0.252,32600`, `/var/lib/iscsi/nodes/other/10.0.0.252,3260,1/control`, `/var/lib/iscsi/nodes/${TARGET}/10.0.0.25,3260,1/control`)).toEqual([]);
  });
});
