import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stickCommands, vlanScript } from './ipxe-stick.ts';

const TOOLS = 'build/images/current/tools';
const missing = !existsSync(join(TOOLS, 'usr/lib/ipxe/ipxe.efi'));

test('the script never ends, and touches the VLAN alone', () => {
  expect(vlanScript(5)).toBe(`#!ipxe
set mm-parameters mm.vlan=5
:again
vcreate --tag 5 net0 || goto wait
set net0-5/mtu 1496 ||
dhcp net0-5 || goto wait
chain --replace --autofree --timeout 5000 http://\${next-server}/boot.ipxe?mac=\${net0-5/mac:hexhyp} ||
:wait
sleep 2 ||
goto again
`);
});

describe('the image', () => {
  test.skipIf(missing)("Debian's iPXE knows the script's commands (skipped without images)", () => {
    const loader = readFileSync(join(TOOLS, 'usr/lib/ipxe/ipxe.efi'));
    for (const command of ['vcreate', 'autoexec.ipxe']) expect(loader.includes(command), command).toBe(true);
  });

  test.skipIf(missing)('holds loader and script where firmware and iPXE look for them (skipped without images)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stick-'));
    try {
      // The tree's own programs and libraries, with its paths spelled out: a test needs neither root nor a mount.
      const tool = ([program, ...args]: readonly string[], work = (word: string) => word.replace(/^\/work\//, `${folder}/`).replace(/^\/usr\//, `${TOOLS}/usr/`)) =>
        spawnSync(`${TOOLS}/usr/lib64/ld-linux-x86-64.so.2`, ['--library-path', `${TOOLS}/usr/lib/x86_64-linux-gnu`, `${TOOLS}/usr/bin/mtools`, '-c', program!, ...args.map(work)], { env: { MTOOLS_SKIP_CHECK: '1' } });
      writeFileSync(join(folder, 'vlan.ipxe'), vlanScript(5));
      for (const argv of stickCommands('vlan.img', 'vlan.ipxe')) expect(tool(argv)).toMatchObject({ status: 0 });
      const image = '/work/vlan.img';
      expect(tool(['mtype', '-i', image, '::/autoexec.ipxe']).stdout.toString()).toBe(vlanScript(5));
      expect(tool(['mtype', '-i', image, '::/EFI/BOOT/BOOTX64.EFI']).stdout.equals(readFileSync(join(TOOLS, 'usr/lib/ipxe/ipxe.efi')))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
