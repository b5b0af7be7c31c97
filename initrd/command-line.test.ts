import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMAND_LINE_MAX, parseCommandLine } from './command-line.ts';

const IVID = 'ivid=iqn.2001-04.com.example:rack';
const REQUIRED = `root=/dev/evms/defaultfoo ${IVID}`;
const complaints = (text: string): readonly string[] => parseCommandLine(text).problems.map(({ code, where }) => `${code} ${where}`);
const warnings = (text: string): readonly string[] => parseCommandLine(text).warnings.map(({ code, where }) => `${code} ${where}`);

describe('what is not given', () => {
  test('has the defaults of the report', () => {
    expect(parseCommandLine(`BOOT_IMAGE=/vmlinuz ${REQUIRED} quiet ---\n`)).toEqual({
      parameters: {
        storageIp: '192.168.0.252', storagePort: 3260, portals: [], interfaces: ['eth0', 'ib0'], sifIp: '192.168.0.254', sifNetmask: '255.255.255.0', modules: [],
        target: 'iqn.2001-04.com.example:rack', container: 'foo', mode: 'boot', boot: 'net', live: false, debug: false, servers: [], node: undefined, netconsole: true, mac: undefined,
      },
      problems: [], warnings: [], repeated: [],
    });
  });

  test('is a problem where the SAN cannot be found without it', () => {
    expect(complaints('quiet')).toEqual(['MM-CMDLINE-MISSING ivid', 'MM-CMDLINE-MISSING root']);
    expect(complaints('')).toHaveLength(2);
    expect(complaints('mm.live')).toEqual([]);
    expect(complaints('mm.mode=install')).toEqual([]);
    expect(complaints('mm.mode=boot')).toHaveLength(2);
  });
});

describe("the report's examples", () => {
  test('Ethernet', () => {
    const { parameters, problems } = parseCommandLine(`${IVID} root=/dev/evms/defaultfoo storage_ip=192.168.0.200 sifm=e1000 ---`);
    expect(problems).toEqual([]);
    expect(parameters).toMatchObject({ container: 'foo', storageIp: '192.168.0.200', modules: ['e1000'] });
  });

  test('InfiniBand: with the default sifip the SAN is out of reach, which is told', () => {
    const line = `${IVID} root=/dev/evms/defaultbar sif=ib0 sifnm=255.255.0.0 storage_ip=192.168.1.2 ---`;
    expect(parseCommandLine(line).parameters).toMatchObject({ container: 'bar', interfaces: ['ib0'], sifNetmask: '255.255.0.0', storageIp: '192.168.1.2' });
    expect([complaints(line), warnings(line)]).toEqual([[], []]);
    expect(warnings(line.replace('sifnm=255.255.0.0', ''))).toEqual(['MM-CMDLINE-NETWORK storage_ip']);
  });
});

describe('the list', () => {
  test('the first of equal parameters counts, even against a wrong one behind it', () => {
    const { parameters, problems, repeated } = parseCommandLine(`${REQUIRED} sif=eth1 sif=eth2 sif=/ quiet quiet root=/dev/sda1 mm.node=3 mm.node=x`);
    expect(parameters).toMatchObject({ interfaces: ['eth1'], container: 'foo', node: 3 });
    expect(problems).toEqual([]);
    expect(repeated).toEqual(['sif', 'root', 'mm.node']);
  });

  test('a wrong first one is not healed by a right second one', () => {
    expect(complaints(`${REQUIRED} sif=/ sif=eth0`)).toEqual(['MM-CMDLINE-VALUE sif']);
  });

  test('ends at ---, but ours are read anywhere', () => {
    const { parameters, problems, repeated } = parseCommandLine(`${REQUIRED} --- sif=eth7 root=/dev/sda1 storage_ip=x mm.debug mm.node=4`);
    expect(problems).toEqual([]);
    expect(repeated).toEqual([]);
    expect(parameters).toMatchObject({ interfaces: ['eth0', 'ib0'], container: 'foo', debug: true, node: 4 });
    expect(complaints(`--- ${REQUIRED}`)).toHaveLength(2);
  });

  test('---=x is no end', () => expect(parseCommandLine(`${REQUIRED} ---=x sif=eth7`).parameters.interfaces).toEqual(['eth7']));

  test('quoted values are read as the kernel reads them', () => {
    const { parameters } = parseCommandLine(`${IVID} "root=/dev/evms/defaultfoo" storage_ip="10.0.0.9" dyndbg="sif=eth9 +p" sifip=10.0.0.1`);
    expect(parameters).toMatchObject({ container: 'foo', storageIp: '10.0.0.9', interfaces: ['eth0', 'ib0'] });
  });

  test("the kernel's and the system's own parameters are left alone", () => {
    expect(parseCommandLine(`${REQUIRED} ip=dhcp console=ttyS0,115200 systemd.unit=x ro panic=10 SIF=eth9 sif.x=1 storage-ip=x`)).toMatchObject({
      problems: [], warnings: [], repeated: [], parameters: { interfaces: ['eth0', 'ib0'], storageIp: '192.168.0.252' },
    });
  });
});

describe('values', () => {
  test('all kinds', () => {
    const { parameters, problems } = parseCommandLine(
      `storage_ip=10.1.0.252 storage_port=3261 sif=ib0 sifip=10.1.0.3 sifnm=255.255.255.128 sifm=tg3,ib_ipoib,tg3 ivid=eui.02004567A425678D root=/dev/evms/defaultbar ` +
        'mm.debug mm.boot=dvd mm.servers=10.1.0.1,10.1.0.2 mm.node=12 mm.netconsole=0 mm.mac=52-54-00-AA-BB-CC mm.portals=10.1.0.251:860,10.1.0.250,10.1.0.250:3260 mm.vlan=4094 ---',
    );
    expect(problems).toEqual([]);
    expect(parameters).toEqual({
      storageIp: '10.1.0.252', storagePort: 3261, portals: [{ address: '10.1.0.251', port: 860 }, { address: '10.1.0.250', port: 3260 }], interfaces: ['ib0'], sifIp: '10.1.0.3', sifNetmask: '255.255.255.128', modules: ['tg3', 'ib_ipoib'],
      target: 'eui.02004567A425678D', container: 'bar', mode: 'boot', boot: 'dvd', live: false, debug: true, servers: ['10.1.0.1', '10.1.0.2'], node: 12, netconsole: false, mac: '52:54:00:aa:bb:cc', vlan: 4094,
    });
  });

  test.each([
    'storage_ip=192.168.0', 'storage_ip=192.168.0.256', 'storage_ip=010.0.0.1', 'storage_ip=0.0.0.0', 'storage_ip=127.0.0.1', 'storage_ip=224.0.0.1', 'storage_ip=san', 'storage_ip=', 'storage_ip',
    'storage_port=0', 'storage_port=65536', 'storage_port=3260x', 'storage_port=-1', 'storage_port=1e3', 'storage_port=99999999999999999999',
    'sif=', 'sif=..', 'sif=eth0,ib0', 'sif=averyveryverylongname', 'sifip=1.2.3', 'sifnm=255.0.255.0', 'sifnm=0.0.0.0', 'sifnm=255.255.255.255', 'sifnm=24',
    'sifm=', 'sifm=tg3,', 'sifm=tg3,,e1000', 'sifm=../x', 'sifm=-r', `sifm=${'m'.repeat(56)}`,
    'mm.mode=format', 'mm.boot=usb', 'mm.servers=10.0.0.1;10.0.0.2', 'mm.node=0', 'mm.node=2001', 'mm.node=one', 'mm.mac=01:00:5e:00:00:01', 'mm.mac=x', 'mm.vlan=0', 'mm.vlan=4095', 'mm.vlan=5.1', 'mm.vlan=eth0.5', 'mm.vlan', 'mm.debug=yes', 'mm.live=', 'mm.portals=', 'mm.portals=10.0.0.1;10.0.0.2', 'mm.portals=10.0.0.1:0', 'mm.portals=1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5,1.0.0.6,1.0.0.7,1.0.0.8',
  ])('%s is one problem that names it, with rule, value and remedy', (argument) => {
    const { problems } = parseCommandLine(`${REQUIRED} ${argument}`);
    const [name, ...value] = argument.split('=');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 'MM-CMDLINE-VALUE', where: name });
    expect(problems[0]!.seen).toBe(argument.includes('=') ? JSON.stringify(value.join('=')) : 'no value');
    expect(problems[0]!.rule).not.toBe('');
    expect(problems[0]!.remedy).not.toBe('');
  });

  test.each(['/dev/sda1', '/dev/evms/default', '/dev/evms/foo', '/dev/evms/defaultfoo/bar', '/dev/evms/defaultFoo', 'UUID=x', ''])('root=%s is a problem, in the live system too', (root) => {
    expect(complaints(`root=${root} ${IVID}`)).toEqual(['MM-CMDLINE-VALUE root']);
    expect(complaints(`root=${root} mm.live`)).toEqual(['MM-CMDLINE-VALUE root']);
  });

  test.each(['disk1', 'iqn.2001-04', ''])('ivid=%s is a problem', (ivid) => expect(complaints(`root=/dev/evms/defaultfoo ivid=${ivid}`)).toEqual(['MM-CMDLINE-VALUE ivid']));

  test('all problems come together', () => {
    expect(complaints('root=x sif=/ storage_port=0')).toEqual(['MM-CMDLINE-VALUE storage_port', 'MM-CMDLINE-VALUE sif', 'MM-CMDLINE-VALUE root', 'MM-CMDLINE-MISSING ivid']);
  });
});

describe('relations', () => {
  test.each(['sifip=10.0.0.0 storage_ip=10.0.0.9', 'sifip=10.0.0.255 storage_ip=10.0.0.9', 'sifip=10.0.0.4 sifnm=255.255.255.252 storage_ip=10.0.0.5'])('%s: sifip is no host address', (args) => {
    expect(complaints(`${REQUIRED} ${args}`)).toEqual(['MM-CMDLINE-HOST sifip']);
  });

  test('sifip is not the SAN itself', () => expect(complaints(`${REQUIRED} sifip=192.168.0.252`)).toEqual(['MM-CMDLINE-CLASH sifip']));

  test('a SAN in another network is a warning', () => {
    expect(complaints(`${REQUIRED} storage_ip=10.0.0.1`)).toEqual([]);
    expect(warnings(`${REQUIRED} storage_ip=10.0.0.1`)).toEqual(['MM-CMDLINE-NETWORK storage_ip']);
  });

  test('nothing is said about relations to a value that is wrong in itself', () => {
    expect([complaints(`${REQUIRED} sifnm=x sifip=10.0.0.0`), warnings(`${REQUIRED} sifnm=x sifip=10.0.0.0`)]).toEqual([['MM-CMDLINE-VALUE sifnm'], []]);
  });

  test('an installation or a restore runs in the live system of the DVD', () => {
    for (const mode of ['install', 'restore']) expect(parseCommandLine(`mm.mode=${mode}`).parameters).toMatchObject({ mode, live: true, boot: 'dvd' });
    expect(parseCommandLine('mm.live=0 mm.mode=boot').parameters.live).toBe(false);
    expect(complaints('mm.live mm.boot=net')).toEqual(['MM-CMDLINE-LIVE mm.boot']);
  });

  test('a misspelt parameter of ours is a warning', () => expect(warnings(`${REQUIRED} mm.sevrers=10.0.0.1`)).toEqual(['MM-CMDLINE-UNKNOWN mm.sevrers']));

  test('a line as long as the kernel keeps is a warning', () => {
    const long = `${REQUIRED} `.padEnd(COMMAND_LINE_MAX, 'x');
    expect(warnings(`${long}\n`)).toEqual(['MM-CMDLINE-LENGTH command line']);
    expect(warnings(`${long.slice(0, -1)}\n`)).toEqual([]);
  });
});

describe('laws', () => {
  test('fuzz: on any text nothing throws, and every problem names a parameter of ours', () => {
    const names = ['storage_ip', 'storage_port', 'sif', 'sifip', 'sifnm', 'sifm', 'ivid', 'root', 'mm.debug', 'mm.live', 'mm.mode', 'mm.boot', 'mm.servers', 'mm.node', 'mm.mac', 'mm.netconsole', 'mm.portals', 'mm.vlan'];
    const value = fc.oneof(fc.string({ maxLength: 12 }), fc.ipV4(), fc.nat().map(String), fc.constantFrom('install', 'dvd', '255.255.0.0', '/dev/evms/defaultx', ',', '"'));
    const argument = fc.oneof(fc.tuple(fc.constantFrom(...names, '---', 'quiet'), value).map(([n, v]) => `${n}=${v}`), fc.constantFrom(...names, '---'), fc.string());
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 20 }), (args) => {
        const { problems, repeated } = parseCommandLine(args.join(' '));
        for (const { where } of problems) expect(names).toContain(where);
        expect(new Set(repeated).size).toBe(repeated.length);
      }),
      { numRuns: 500 },
    );
  });

  test('what a later equal parameter says never changes the outcome', () => {
    const line = `${REQUIRED} storage_ip=10.0.0.9 storage_port=1 sif=a sifip=10.0.0.1 sifnm=255.0.0.0 sifm=x`;
    const { repeated: _, ...expected } = parseCommandLine(line);
    fc.assert(
      fc.property(fc.constantFrom('storage_ip', 'storage_port', 'sif', 'sifip', 'sifnm', 'sifm', 'ivid', 'root'), fc.stringMatching(/^[a-z0-9.:/-]*$/), (name, value) => {
        const { repeated, ...rest } = parseCommandLine(`${line} ${name}=${value}`);
        expect(rest).toEqual(expected);
        expect(repeated).toEqual([name]);
      }),
    );
  });
});
