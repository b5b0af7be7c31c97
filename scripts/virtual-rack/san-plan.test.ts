import { createHash } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../daemons/core/bytes.ts';
import { chapResponse, commandPdu, IscsiSession, loginPdu, writeCacheOf } from './iscsi-session.ts';
import { chapCommands, noChapCommands, parseSize, parseTargetReport, targetCommands } from './san-plan.ts';

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

  test('CHAP: an account for the blades, one of its own, and both gone again', () => {
    const login = { user: 'rack', password: 'topsecret-topsecret', mutual: { user: 'san', password: 'another-topsecret' } };
    const said = (commands: string[][]): string[] => commands.map((argv) => argv.slice(5).join(' '));
    expect(said(chapCommands(login))).toEqual([
      '--mode account --op new --user rack --password topsecret-topsecret', '--mode account --op bind --tid 1 --user rack',
      '--mode account --op new --user san --password another-topsecret', '--mode account --op bind --tid 1 --user san --outgoing',
    ]);
    expect(said(chapCommands({ user: 'rack', password: 'topsecret-topsecret' }))).toHaveLength(2);
    expect(said(noChapCommands(login))).toEqual(['--mode account --op delete --user rack', '--mode account --op delete --user san']);
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

  test('a CHAP proof is the MD5 of identifier, secret and challenge', () => {
    const challenge = Uint8Array.of(1, 2, 3);
    expect(toHex(chapResponse(7, 'secret', challenge))).toBe(createHash('md5').update('\u0007secret\u0001\u0002\u0003').digest('hex'));
  });

  /** A target that wants CHAP: it answers each stage of a login, and lets in whoever knows the secret. */
  async function withTarget<T>(use: (port: number, stages: readonly string[]) => Promise<T>): Promise<T> {
    const stages: string[] = [];
    const server = createServer((socket) => socket.on('data', (request: Buffer) => {
      const text = request.subarray(48, 48 + (request.readUInt32BE(4) & 0xffffff)).toString('latin1');
      stages.push(`${request[1]!.toString(16)} ${text.split('\0').filter((key) => /^(AuthMethod|CHAP_[AN]|HeaderDigest|TargetName)/.test(key)).join(' ')} after ${request.readUInt32BE(28)}`);
      const proof = /CHAP_R=0x([0-9a-f]+)/.exec(text)?.[1];
      const refused = proof !== undefined && proof !== createHash('md5').update('\u0009right-secret').update(Buffer.from('c0ffee', 'hex')).digest('hex');
      // Whole words, as they stand on the wire.
      const data = text.includes('CHAP_A=') ? Buffer.from('CHAP_A=5\0CHAP_I=9\0CHAP_C=0xC0FFEE'.padEnd(36, '\0'), 'latin1') : Buffer.alloc(0);
      const header = Buffer.alloc(48);
      header[0] = 0x23;
      header[1] = request[1]!;
      header.writeUInt32BE(data.length, 4);
      header.writeUInt32BE(stages.length, 24);
      if (refused) header.writeUInt16BE(0x0201, 36);
      socket.write(Buffer.concat([header, data]));
    }));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    try {
      return await use((server.address() as AddressInfo).port, stages);
    } finally {
      server.close();
    }
  }

  test('it proves itself where it has an account, stage by stage, and is refused with a wrong secret', async () => {
    await withTarget(async (port, stages) => {
      const open = (password: string): Promise<IscsiSession> => IscsiSession.open('127.0.0.1', port, 'iqn.a', 'iqn.b', { user: 'rack', password });
      (await open('right-secret')).close();
      expect(stages).toEqual(['0 TargetName=iqn.b AuthMethod=CHAP after 0', '0 CHAP_A=5 after 2', '81 CHAP_N=rack after 3', '87 HeaderDigest=None after 4']);
      await expect(open('wrong-secret')).rejects.toThrow('login refused, status 2.1');
    });
  });
});
