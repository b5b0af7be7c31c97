import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError, valueOf } from '../core/problem.ts';
import { abilitiesOf, controllerName, parsePowerConfig } from './power-config.ts';

const PRINT = 'ab'.repeat(32);
const IPMI = { kind: 'ipmi', address: '192.168.1.101', user: 'rack', passwordFile: '/etc/metamaster/bmc.password' };
const REDFISH = { kind: 'redfish', url: 'https://bmc2.example', user: 'rack', passwordFile: '/etc/metamaster/bmc.password', fingerprint: PRINT };
const WAKE = { kind: 'wake-on-lan', mac: '52-54-00-00-00-03' };
const RACK = { kind: 'rack', program: '/srv/metamaster/scripts/rack', blade: 4 };

function complaints(nodes: unknown): string[] {
  const result = parsePowerConfig({ nodes });
  return result.ok ? [] : result.problems.map(({ where, rule, seen }) => `${where}: ${rule}; ${seen}`);
}

describe('the file of power controllers', () => {
  test('every kind, with its defaults', () => {
    expect([...valueOf(parsePowerConfig({ nodes: { 10: RACK, 2: REDFISH, 1: IPMI, 3: WAKE } }))]).toEqual([
      [1, { ...IPMI, port: 623, privilege: 'operator' }],
      [2, { kind: 'redfish', host: 'bmc2.example', port: 443, trust: { kind: 'fingerprint', sha256: PRINT }, user: 'rack', passwordFile: REDFISH.passwordFile }],
      [3, { kind: 'wake-on-lan', mac: '52:54:00:00:00:03', broadcast: '255.255.255.255', port: 9 }],
      [10, { ...RACK, name: 'default' }],
    ]);
  });

  test('what may be given', () => {
    const { fingerprint: _, ...bare } = REDFISH;
    const read = valueOf(parsePowerConfig({
      nodes: {
        1: { ...IPMI, port: 6230, privilege: 'administrator', cipherSuite: 3 }, 2: { ...REDFISH, fingerprint: 'AB:'.repeat(31) + 'ab', system: 'Node.1', url: 'https://10.0.0.1:8443/' },
        3: { ...bare, caFile: '/etc/ca.pem' }, 4: { ...bare, url: 'http://127.0.0.1', cleartext: true }, 5: { ...WAKE, broadcast: '192.168.0.255', port: 7, secureOnFile: '/etc/s' },
      },
    }));
    expect(read.get(1)).toMatchObject({ port: 6230, privilege: 'administrator', cipherSuite: 3 });
    expect(read.get(2)).toMatchObject({ host: '10.0.0.1', port: 8443, system: 'Node.1', trust: { kind: 'fingerprint', sha256: PRINT } });
    expect(read.get(3)).toMatchObject({ trust: { kind: 'authority', file: '/etc/ca.pem' } });
    expect(read.get(4)).toMatchObject({ port: 80, trust: { kind: 'cleartext' } });
    expect(read.get(5)).toMatchObject({ broadcast: '192.168.0.255', port: 7, secureOnFile: '/etc/s' });
  });

  test('every mistake is told at once', () => {
    expect(complaints({ 0: IPMI, 1: { ...IPMI, address: '-P', user: '-x', cipherSuite: 0, password: 'hunter2' }, 2: { ...REDFISH, url: 'https://bmc/redfish' }, 3: { kind: 'smoke' }, 4: { ...RACK, blade: 0 }, 5: null })).toEqual([
      'nodes: keys of the form ^(?:[1-9][0-9]{0,2}|1[0-9]{3}|2000)$; "0"',
      'nodes.1.address: an IPv4 address or a domain name; "-P"',
      'nodes.1.user: a user name of 1 to 16 letters, digits and . _ @ -; "-x"',
      'nodes.1.cipherSuite: 3 or 8 or 12 or 17; 0',
      'nodes.1.password: no such property; a value that is not shown',
      'nodes.2.url: https:// and an IPv4 address or a domain name, perhaps with a port, without a path; "https://bmc/redfish"',
      'nodes.3.kind: "ipmi", "redfish", "wake-on-lan" or "rack"; "smoke"',
      'nodes.4.blade: a whole number from 1 to 999; 0',
      'nodes.5.kind: "ipmi", "redfish", "wake-on-lan" or "rack"; nothing',
    ]);
  });

  test.each([
    ['none of them', {}], ['fingerprint and caFile', { fingerprint: PRINT, caFile: '/x' }], ['cleartext', { cleartext: true }], ['fingerprint and cleartext', { fingerprint: PRINT, cleartext: true }],
  ])('https is trusted in exactly one way: %s', (seen, trust) => {
    const { fingerprint: _, ...bare } = REDFISH;
    expect(complaints({ 1: { ...bare, ...trust } })).toEqual([expect.stringMatching(new RegExp(`nodes.1: with https:// either fingerprint or caFile; "?${seen}"?$`))]);
  });

  test('http must be meant', () => {
    expect(complaints({ 1: { ...REDFISH, url: 'http://10.0.0.1' } })).toEqual([expect.stringContaining('the password goes in clear')]);
  });

  test.each([
    ['ipmi', IPMI, { ...IPMI, user: 'other', port: 623 }], ['redfish', REDFISH, { ...REDFISH, url: 'https://bmc2.example:443' }], ['wake-on-lan', WAKE, { ...WAKE, mac: '525400000003' }], ['rack', RACK, { ...RACK, name: 'default' }],
  ])('two nodes may not share one %s controller: the one off would prove the other off', (_kind, first, second) => {
    expect(complaints({ 7: first, 12: second })).toEqual(['nodes.12: a controller of its own; "that of node 7"']);
  });

  test('several systems of one Redfish service are several controllers', () => {
    expect(complaints({ 1: { ...REDFISH, system: 'a' }, 2: { ...REDFISH, system: 'b' } })).toEqual([]);
  });

  test('any JSON is read or refused with reasons, and what is read has a name and abilities', () => {
    const entry = fc.oneof(fc.constantFrom<object>(IPMI, REDFISH, WAKE, RACK), fc.jsonValue(), fc.record({ kind: fc.constantFrom('ipmi', 'redfish', 'wake-on-lan', 'rack'), port: fc.jsonValue(), user: fc.string(), url: fc.webUrl() }));
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), fc.record({ nodes: fc.dictionary(fc.nat(2100).map(String), entry) })), (json) => {
      try {
        for (const controller of valueOf(parsePowerConfig(json)).values()) {
          expect(controllerName(controller)).not.toBe('');
          expect(abilitiesOf(controller).reads).toBe(controller.kind !== 'wake-on-lan');
        }
      } catch (error) {
        expect((error as InputError).problems.length).toBeGreaterThan(0);
      }
    }));
  });
});
