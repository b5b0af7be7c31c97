#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The gateway's part of one node: a process of its own, whose beating thread (gateway-beats.ts) does all that a takeover needs. This file wires
// the two threads; the main one reads settings, keeps packet filter and conntrackd, and answers the command line.

import { isMainThread, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { runDaemon } from './daemon-process.ts';
import { GatewayDaemon } from './gateway-daemon.ts';
import { runBeats } from './gateway-beats.ts';
import type { BeatThreadData, ToBeatThread } from './gateway-thread.ts';

if (isMainThread) {
  runDaemon({
    name: 'gatewayd',
    what: 'the way out of the cluster: heartbeat, succession and the addresses that move',
    options: ['config', 'follow', 'gateway', 'cluster-key', 'follow-key', 'control', 'priority', 'log-level', 'help'],
    servesFiles: false,
    serve: async (given) => {
      const daemon = new GatewayDaemon({ ...given, threadFile: new URL(import.meta.url) });
      await daemon.start();
      return () => daemon.afterStart();
    },
  });
} else {
  const port = parentPort!;
  runBeats(workerData as BeatThreadData, {
    post: (message) => port.postMessage(message),
    take: () => receiveMessageOnPort(port)?.message as ToBeatThread | undefined,
  });
}
