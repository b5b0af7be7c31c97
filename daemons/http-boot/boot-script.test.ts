import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { Roster, RosterNode } from '../core/roster.ts';
import { ARM64_BOOT_FILES, autoexecScript, barredScript, BOOT_FILES, bootScript, kernelCommandLine, macScript, SERVERS_MAX } from './boot-script.ts';

const node: RosterNode = { number: 3, name: 'node3', macs: ['52:54:00:00:00:03' as Mac], address: '10.1.0.3' as Ipv4, loader: 'rom' };
const roster: Roster = {
  clusterName: 'rack',
  container: 'rack',
  domain: 'rack.local',
  netmask: '255.255.255.0' as Ipv4,
  metaMasterAddress: '10.1.0.253' as Ipv4,
  san: { address: '10.1.0.250' as Ipv4, port: 3260, target: 'iqn.2007-01.it.example:san' },
  kernelParameters: 'console=ttyS0,115200 quiet',
  nodes: [node],
};
const servers = ['10.1.0.1', '10.1.0.2'] as Ipv4[];
const input = { roster, node, servers, files: BOOT_FILES };
const BAR = { node: 3, macs: ['52:54:00:00:00:99' as Mac], sinceUnixMs: 1_795_219_200_000 };

test('the whole script of a node', () => {
  const line =
    'initrd=initrd.img root=/dev/evms/defaultrack storage_ip=10.1.0.250 storage_port=3260 sif=eth0 sifip=10.1.0.3 sifnm=255.255.255.0 ' +
    'ivid=iqn.2007-01.it.example:san --- net.ifnames=0 console=ttyS0,115200 quiet mm.servers=10.1.0.1,10.1.0.2 mm.mac=${netX/mac} ${mm-parameters} mm.boot=net';
  expect(bootScript(input)).toBe(`#!ipxe
# node3, node 3 of rack
echo mm-stage dhcp \${netX/ip} from \${next-server}
:try1
imgfree ||
kernel --timeout 5000 http://10.1.0.1/vmlinuz ${line} || goto try2
echo mm-stage http kernel 10.1.0.1
initrd --timeout 5000 http://10.1.0.1/initrd.img || goto try2
echo mm-stage http initrd 10.1.0.1
boot || goto try2
:try2
imgfree ||
kernel --timeout 5000 http://10.1.0.2/vmlinuz ${line} || goto try3
echo mm-stage http kernel 10.1.0.2
initrd --timeout 5000 http://10.1.0.2/initrd.img || goto try3
echo mm-stage http initrd 10.1.0.2
boot || goto try3
:try3
imgfree ||
kernel --timeout 5000 tftp://10.1.0.1/vmlinuz ${line} || goto try4
echo mm-stage tftp kernel 10.1.0.1
initrd --timeout 5000 tftp://10.1.0.1/initrd.img || goto try4
echo mm-stage tftp initrd 10.1.0.1
boot || goto try4
:try4
imgfree ||
kernel --timeout 5000 tftp://10.1.0.2/vmlinuz ${line} || goto again
echo mm-stage tftp kernel 10.1.0.2
initrd --timeout 5000 tftp://10.1.0.2/initrd.img || goto again
echo mm-stage tftp initrd 10.1.0.2
boot || goto again
:again
isset \${netX/mac} || ifopen net0 ||
imgfree ||
echo mm-stage retry no server delivered
sleep 2 ||
dhcp netX || goto again
echo mm-stage dhcp \${netX/ip} from \${next-server}
chain --replace --autofree --timeout 5000 http://\${next-server}/boot.ipxe ||
chain --replace --autofree --timeout 5000 tftp://\${next-server}/boot.ipxe ||
goto again
`);
});

/** iPXE's settings that decide what is fetched. */
const KNOWN = new Set(['buildarch', 'mm-kernel', 'mm-initrd']);
/** What iPXE, built for `arch`, makes of a script with `iseq` and `set`: the lines that it runs, settings filled in; other settings stay as they are. */
function asRun(script: string, arch: string | undefined): string[] {
  const settings = new Map(arch === undefined ? [] : [['buildarch', arch]]);
  return script.trimEnd().split('\n').flatMap((line) => {
    const filled = line.replaceAll(/\$\{([\w-]+)\}/g, (whole, name: string) => (KNOWN.has(name) ? (settings.get(name) ?? '') : whole));
    const words = /^(?:iseq (.*) && )?set (\S+) (\S+) \|\|$/.exec(filled);
    if (words === null) return [filled];
    const compared = words[1]?.trim().split(/ +/);
    if (compared === undefined || (compared.length === 2 && compared[0] === compared[1])) settings.set(words[2]!, words[3]!);
    return [];
  });
}

describe('where the node has files for arm64', () => {
  const chosen = bootScript({ ...input, arm64: ARM64_BOOT_FILES });

  test('the script chooses by what iPXE was built for, before anything else', () => {
    expect(chosen.split('\n').slice(2, 6)).toEqual([
      'set mm-kernel vmlinuz ||',
      'set mm-initrd initrd.img ||',
      'iseq ${buildarch} arm64 && set mm-kernel vmlinuz-arm64 ||',
      'iseq ${buildarch} arm64 && set mm-initrd initrd-arm64.img ||',
    ]);
    expect(chosen).toContain('\nkernel --timeout 5000 http://10.1.0.1/${mm-kernel} initrd=${mm-initrd} root=');
    expect(chosen).toContain('\ninitrd --timeout 5000 tftp://10.1.0.2/${mm-initrd} || goto again\n');
  });

  test.each(['x86_64', 'i386', undefined])('%s runs what it ran before', (arch) => expect(asRun(chosen, arch)).toEqual(bootScript(input).trimEnd().split('\n')));

  test('arm64 runs the same with its own files; the command line names the initrd by its own name', () => {
    expect(asRun(chosen, 'arm64')).toEqual(bootScript({ ...input, files: ARM64_BOOT_FILES }).trimEnd().split('\n'));
    expect(asRun(chosen, 'arm64').filter((line) => line.startsWith('kernel '))).toHaveLength(4);
    for (const line of asRun(chosen, 'arm64')) if (line.startsWith('kernel ')) expect(line).toMatch(/\/vmlinuz-arm64 initrd=initrd-arm64\.img root=/);
  });

  test('the SAN\'s login is a second initrd there as well', () => {
    const withChap = { ...input, roster: { ...roster, san: { ...roster.san, chap: 'mutual' as const } } };
    expect(asRun(bootScript({ ...withChap, arm64: ARM64_BOOT_FILES }), 'arm64')).toEqual(bootScript({ ...withChap, files: ARM64_BOOT_FILES }).trimEnd().split('\n'));
    expect(asRun(bootScript({ ...withChap, arm64: ARM64_BOOT_FILES }), 'arm64')).toContain('initrd --name initrd-arm64.img --timeout 5000 http://10.1.0.1/initrd-arm64.img || goto try2');
  });
});

test('a server that is alone is asked twice by HTTP, with a pause, before TFTP', () => {
  const script = bootScript({ ...input, servers: ['10.1.0.1' as Ipv4] });
  const asked = [...script.matchAll(/^:(try\d)|^(sleep \d+)|^kernel \S+ \S+ (http|tftp):\/\/(\S+)\/vmlinuz .* goto (\w+)$/gm)].map((match) => match.slice(1).filter((word) => word !== undefined).join(' '));
  expect(asked).toEqual(['try1', 'http 10.1.0.1 try2', 'try2', 'sleep 2', 'http 10.1.0.1 try3', 'try3', 'tftp 10.1.0.1 again', 'sleep 2']);
});

test('where the SAN wants CHAP, its login is a second initrd, by HTTP alone', () => {
  const withChap = { ...input, roster: { ...roster, san: { ...roster.san, chap: 'mutual' as const } } };
  const script = bootScript(withChap);
  const attempts = script.split(/^:try\d$/m).slice(1);
  expect(attempts).toHaveLength(4);
  for (const [i, server] of servers.entries()) {
    const next = ['try2', 'try3'][i]!;
    const [http, tftp] = [attempts[i]!, attempts[i + 2]!];
    expect(http).toContain(`/vmlinuz initrd=initrd.img initrd=san-login.img root=`);
    expect(http).toContain(`
initrd --name initrd.img --timeout 5000 http://${server}/initrd.img || goto ${next}
initrd --name san-login.img --timeout 5000 http://${server}/san-login.img?mac=\${netX/mac:hexhyp} || goto ${next}
echo mm-stage http initrd ${server}
`);
    // A name on the command line that the EFI stub finds no file for ends the boot.
    expect(tftp).toContain(`/vmlinuz initrd=initrd.img root=`);
    expect(tftp).not.toContain('san-login');
  }
  expect(script.match(/^imgfree \|\|$/gm)).toHaveLength(5);
});

test('the script that asks again with the MAC address', () => {
  expect(macScript('10.1.0.1' as Ipv4)).toBe(`#!ipxe
chain --replace --autofree --timeout 5000 http://10.1.0.1/boot.ipxe?mac=\${netX/mac:hexhyp} ||
:again
isset \${netX/mac} || ifopen net0 ||
echo MM-BOOT-NO-SCRIPT: no node has a script for \${netX/mac}; if it is not in the roster, add this blade or replace a node by it
echo mm-stage retry no script for \${netX/mac}
sleep 2 ||
dhcp netX || goto again
chain --replace --autofree --timeout 5000 http://\${next-server}/boot.ipxe?mac=\${netX/mac:hexhyp} ||
chain --replace --autofree --timeout 5000 tftp://\${next-server}/boot.ipxe ||
goto again
`);
});

test('the script of a barred machine says on its console what it is and how to let it in, fetches nothing to boot, and asks again', () => {
  expect(barredScript(BAR)).toBe(`#!ipxe
:again
isset \${netX/mac} || ifopen net0 ||
imgfree ||
echo MM-BOOT-BARRED: this machine was node 3 until it was replaced, and is barred since 2026-11-21T00:00:00.000Z
echo switch it off, or let it in on a node: metamaster node unbar 52:54:00:00:00:99
echo mm-stage retry barred \${netX/mac}
sleep 15 ||
dhcp netX || goto again
chain --replace --autofree --timeout 5000 http://\${next-server}/boot.ipxe?mac=\${netX/mac:hexhyp} ||
chain --replace --autofree --timeout 5000 tftp://\${next-server}/boot.ipxe ||
goto again
`);
});

test('autoexec.ipxe', () => {
  expect(autoexecScript()).toBe(`#!ipxe
:again
isset \${netX/mac} || ifopen net0 ||
ifconf -c dhcp netX || goto wait
echo mm-stage dhcp \${netX/ip} from \${next-server}
chain --replace --autofree --timeout 5000 http://\${next-server}/boot.ipxe?mac=\${netX/mac:hexhyp} ||
chain --replace --autofree --timeout 5000 tftp://\${next-server}/boot.ipxe ||
:wait
sleep 2 ||
goto again
`);
});

describe('every script', () => {
  const scripts = { withChap: bootScript({ ...input, roster: { ...roster, san: { ...roster.san, chap: 'one-way' } } }), bootScript: bootScript(input), withArm64: bootScript({ ...input, arm64: ARM64_BOOT_FILES }), noServers: bootScript({ ...input, servers: [] }), macScript: macScript(servers[0]!), barredScript: barredScript(BAR), autoexecScript: autoexecScript() };
  test.each(Object.entries(scripts))('%s never ends, never fails and never hangs', (_name, text) => {
    const lines = text.trimEnd().split('\n');
    const labels = new Set(lines.filter((line) => line.startsWith(':')).map((line) => line.slice(1)));
    expect(lines[0]).toBe('#!ipxe');
    expect(lines.at(-1)).toBe('goto again');
    for (const line of lines.slice(1)) {
      const target = /goto (\S+)$/.exec(line)?.[1];
      if (target !== undefined) expect(labels).toContain(target);
      if (/^(kernel|initrd|chain) /.test(line)) expect(line).toMatch(/ --timeout 5000 /);
      if (!/^(:|#|echo |goto )/.test(line)) expect(line).toMatch(/ \|\|( goto \S+)?$/);
    }
    expect(text).not.toMatch(/\b(shell|exit|sanboot)\b/);
    // Nothing asks DHCP, or names an address, of another device than the open one: an answer on the untagged card is no answer.
    for (const line of lines) expect(line.replace('|| ifopen net0 ||', '')).not.toMatch(/\bnet\d/);
    // A round begins with an open device, also after one whose DHCP failed, which closes it.
    expect(lines[lines.indexOf(':again') + 1]).toBe('isset ${netX/mac} || ifopen net0 ||');
  });
});

describe('kernelCommandLine', () => {
  test('words that iPXE would not pass on are left out', () => {
    const kernelParameters = '  quiet || shell && # reboot #x ; a=${b}\ninit=/x ';
    expect(kernelCommandLine({ ...input, roster: { ...roster, kernelParameters } })).toMatch(/ net\.ifnames=0 quiet shell reboot init=\/x mm\.servers=/);
  });
  test('a tagged boot network is named, behind what the blade\'s own iPXE says of it', () => {
    expect(kernelCommandLine({ ...input, roster: { ...roster, vlan: 5 } })).toMatch(/ mm\.mac=\$\{netX\/mac\} \$\{mm-parameters\} mm\.vlan=5 mm\.boot=net$/);
    expect(kernelCommandLine(input)).not.toContain('mm.vlan');
  });
  test('no more servers than the limit', () => {
    const many = Array.from({ length: 30 }, (_none, i) => `10.1.0.${i + 1}` as Ipv4);
    expect(kernelCommandLine({ ...input, servers: many }).match(/mm\.servers=(\S+)/)![1]!.split(',')).toHaveLength(SERVERS_MAX);
  });
  test('stays far below the kernel\'s 2048 bytes', () => {
    const many = Array.from({ length: 30 }, () => '255.255.255.255' as Ipv4);
    expect(kernelCommandLine({ ...input, servers: many }).length).toBeLessThan(600);
  });
});
