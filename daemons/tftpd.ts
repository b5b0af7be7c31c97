#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The TFTP server of one node by itself.

import { BladeLog } from './blade-log.ts';
import { BootContent } from './boot-content.ts';
import { nodeOfNumber } from './core/roster.ts';
import { type Given, runDaemon } from './daemon-process.ts';
import { startTftp } from './file-services.ts';
import { stage } from './host/log.ts';

async function serve({ config, files, port: wanted, log, die }: Given): Promise<undefined> {
  const { roster, number } = config;
  const { name, address } = nodeOfNumber(roster, number)!;
  const blades = new BladeLog(roster, log);
  const content = new BootContent({ config, files });
  const { port } = await startTftp({ content, address, port: wanted, log, onStage: (mac, step, detail) => blades.note(mac, step, detail) }, die);
  log.info({ node: number, address, port, files: files.size }, 'tftp.serving');
  stage('serving', `${name} ${address} tftp`);
}

runDaemon({
  name: 'tftpd',
  what: 'the TFTP server of one node',
  options: ['config', 'boot-volume', 'boot-dir', 'port', 'log-level', 'check-config', 'help'],
  servesFiles: true,
  serve,
});
