#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The boot web server of one node by itself.

import { statusOf } from './agent/status.ts';
import { BladeLog } from './blade-log.ts';
import { BootContent } from './boot-content.ts';
import { nodeOfNumber } from './core/roster.ts';
import { type Given, runDaemon } from './daemon-process.ts';
import { startHttp } from './file-services.ts';
import { now } from './host/clock.ts';
import { stage } from './host/log.ts';

async function serve({ config, files, port: wanted, log }: Given): Promise<undefined> {
  const { roster, number } = config;
  const { name, address } = nodeOfNumber(roster, number)!;
  const startedAt = now();
  const blades = new BladeLog(roster, log);
  const content = new BootContent({ config, files });
  // It is no member: of the others it knows nothing.
  const status = () => statusOf(now(), { config, files, unknown: [], barred: [], foreign: [], startedAt, serving: true, alive: [number], live: [number], suspects: [], members: [], generations: [{ node: number, generation: config.rosterGeneration, behindSince: undefined }], stages: blades.list() });
  const { port } = await startHttp({ content, address, port: wanted, log, onStage: (mac, step, detail) => blades.note(mac, step, detail), onReport: (report) => blades.heard(report) }, status);
  log.info({ node: number, address, port, files: files.size }, 'http.serving');
  stage('serving', `${name} ${address} http`);
}

runDaemon({
  name: 'http-bootd',
  what: 'the boot web server of one node',
  options: ['config', 'boot-volume', 'boot-dir', 'port', 'log-level', 'check-config', 'help'],
  servesFiles: true,
  serve,
});
