// Records the writes of everything that goes through it to an iSCSI target:
//
//   node test/crash/record-writes.ts --listen ADDRESS:PORT --target ADDRESS:PORT --journal FOLDER [--lun 1] [--no-write-cache]
//
// It prints one line when it listens, and ends by SIGINT or SIGTERM. Exit code 1: the stream could not be recorded.

import process from 'node:process';
import { parseArgs } from 'node:util';
import { WriteRecorder, type Endpoint } from './write-recorder.ts';

const { values } = parseArgs({
  options: {
    listen: { type: 'string' }, target: { type: 'string' }, journal: { type: 'string' },
    lun: { type: 'string', default: '1' }, 'no-write-cache': { type: 'boolean', default: false },
  },
});

function endpoint(name: 'listen' | 'target'): Endpoint {
  const match = /^(.+):(\d{1,5})$/.exec(values[name] ?? '');
  if (match === null) throw new Error(`--${name}: ADDRESS:PORT is wanted, '${values[name] ?? 'nothing'}' was given`);
  return { address: match[1]!, port: Number(match[2]) };
}

if (values.journal === undefined) throw new Error('--journal: a folder is wanted, nothing was given');
const recorder = await WriteRecorder.open({
  listen: endpoint('listen'), target: endpoint('target'), folder: values.journal, lun: Number(values.lun), writeCache: !values['no-write-cache'],
});
process.stdout.write(`recording into ${values.journal} what is written through port ${recorder.port}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void recorder.close().then(() => {
    if (recorder.refused !== undefined) process.stderr.write(`not recorded: ${recorder.refused}\n`);
    process.exitCode = recorder.refused === undefined ? 0 : 1;
  }));
}
