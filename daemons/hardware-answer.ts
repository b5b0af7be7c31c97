// What this node answers to another that asks what it is made of: the collector's file, sealed for that question.

import { readFileSync, statSync } from 'node:fs';
import type { NodeConfig } from './agent/node-config.ts';
import type { Logger } from './host/log.ts';
import { sealAnswer } from './host/sealed-answer.ts';
import { HARDWARE_FACTS_MAX_BYTES, HARDWARE_PURPOSE } from './wire/hardware-question.ts';

export interface HardwareSource {
  /** The collector's file, in memory: no read of it waits for the SAN. */
  readonly path: string;
  readonly key: Uint8Array;
  readonly config: NodeConfig;
  readonly log: Logger;
}

/** The sealed answer to this nonce; undefined while the file is not there, or when it is none that the collector wrote. What is in it is judged by who asked. */
export function sealHardware({ path, key, config: { roster, number }, log }: HardwareSource, nonce: string): Uint8Array | undefined {
  try {
    const { size } = statSync(path);
    if (size > HARDWARE_FACTS_MAX_BYTES) throw new RangeError(`${size} bytes; at most ${HARDWARE_FACTS_MAX_BYTES}`);
    return sealAnswer(key, { purpose: HARDWARE_PURPOSE, cluster: roster.clusterName, node: number, nonce }, readFileSync(path));
  } catch (error) {
    // Until the collector has run, after each boot, this is as it should be.
    log.info({ path, reason: error instanceof Error ? error.message : String(error) }, 'hardware.not-read');
    return undefined;
  }
}
