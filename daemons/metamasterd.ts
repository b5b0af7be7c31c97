#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The meta-master of one node: reads who it is, reads the boot files into memory, and serves. This file only wires;
// systemd starts it again when it ends.

import { BootServices } from './boot-services.ts';
import { followConfig, followKeys } from './follow-config.ts';
import { type Given, runDaemon } from './daemon-process.ts';
import { explainMac } from './explain-mac.ts';
import { checkBootFiles } from './host/boot-files.ts';
import { lockMemory } from './host/memory-lock.ts';

async function serve({ values, log, die, onStop, ...inputs }: Given): Promise<() => Promise<void>> {
  const services = new BootServices({ ...inputs, log, onBroken: die, records: values.records, serving: values.serving, hardware: values.hardware, replace: values.replace });
  onStop(() => services.leave());
  await services.start();
  const keys = values['follow-key'] === undefined ? undefined : followKeys(values['follow-key'], services, log);
  if (values.follow !== undefined) followConfig(values.follow, services, log, () => keys?.look());
  return async () => {
    lockMemory(await checkBootFiles(inputs.files), log);
    const path = values.control;
    if (path === undefined) return;
    const { openControlSocket } = await import('./host/control-socket.ts');
    await openControlSocket(path, { status: () => services.status(), facts: (after) => services.facts(after) }, (error) => log.warn({ reason: error.message }, 'control.peer-failed'));
  };
}

runDaemon({
  name: 'metamasterd',
  what: 'the boot services (DHCP, TFTP, HTTP, router advertisements) of one node',
  options: ['config', 'follow', 'cluster-key', 'follow-key', 'san-login', 'boot-volume', 'boot-dir', 'control', 'records', 'serving', 'hardware', 'replace', 'log-level', 'check-config', 'explain', 'help'],
  servesFiles: true,
  serve,
  explain: explainMac,
});
