import { describe, expect, test } from 'vitest';
import { fromHex } from '../../daemons/core/bytes.ts';
import { commandPdu, loginPdu, writeCacheOf } from './iscsi-session.ts';
import { parseSize, parseTargetReport, targetCommands } from './san-plan.ts';

const REPORT = `Target 1: iqn.2026-11.metamaster:san
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 1
            Initiator: iqn.2026-11.metamaster:4c4c.5254 alias: node1
            Connection: 0
                IP Address: 192.168.0.1
    LUN information:
        LUN: 0
            Type: controller
    Account information:
    ACL information:
        ALL
`;

describe('the SAN', () => {
  test('what tgtd reports', () => {
    expect(parseTargetReport(REPORT)).toEqual({ target: 'iqn.2026-11.metamaster:san', admits: true, initiators: ['iqn.2026-11.metamaster:4c4c.5254'] });
    expect(parseTargetReport(REPORT.replace('        ALL\n', ''))?.admits).toBe(false);
    expect(parseTargetReport('')).toBeUndefined();
  });

  test('nobody is admitted before the write cache is off', () => {
    const steps = targetCommands('iqn.x', '/san.img').map((argv) => argv.join(' '));
    expect(steps.findIndex((step) => step.includes('mode_page=8:0:18:0x10:'))).toBe(2);
    expect(steps.findIndex((step) => step.includes('--initiator-address ALL'))).toBe(3);
  });

  test('with its write cache it is tgt as it comes', () => {
    const [off, on] = [targetCommands('iqn.x', '/san.img'), targetCommands('iqn.x', '/san.img', true)];
    expect(on).toEqual(off.filter((argv) => !argv.join(' ').includes('mode_page')));
    expect(on.length).toBe(off.length - 1);
  });

  test.each([['16G', 16 * 2 ** 30], ['512M', 2 ** 29], ['2T', 2 ** 41], ['0G', undefined], ['16', undefined], ['1.5G', undefined]])('size %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });
});

describe('the smallest initiator', () => {
  test('its login is padded to four bytes and names its length', () => {
    const login = loginPdu('iqn.a', 'iqn.b');
    expect([login[0], login[1], login.length % 4]).toEqual([0x43, 0x87, 0]);
    const length = (login[5]! << 16) | (login[6]! << 8) | login[7]!;
    expect(48 + Math.ceil(length / 4) * 4).toBe(login.length);
  });

  test('a command for LUN 1 carries its block', () => {
    const command = commandPdu(Uint8Array.of(0x2a), 3, 9, new Uint8Array(512), 0);
    expect([command[0], command[1], command[9], command[32], command.length]).toEqual([0x01, 0xa1, 1, 0x2a, 560]);
  });

  test.each([['170000008 '.trim(), undefined], ['17000000081210', false], ['17000000081214', true], ['1f000008000000000000020088121400', true], ['', undefined]])('the caching page in %s', (hex, cache) => {
    expect(writeCacheOf(fromHex(hex) ?? new Uint8Array())).toBe(cache);
  });
});
