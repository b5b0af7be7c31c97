// The program that gives a node's volumes back at the end of an orderly shutdown, from memory. It runs on QuickJS.

import * as std from 'std';
import type { HandBackPlan } from '../daemons/storage/hand-back.ts';
import { quickjsHost as host } from './quickjs-host.ts';
import { handBack } from './steps/hand-back.ts';
import { HAND_BACK_PLAN } from './steps/hand-back-plan.ts';

async function main(): Promise<void> {
  await handBack(host, JSON.parse(host.readText(`/${HAND_BACK_PLAN}`) ?? '') as HandBackPlan);
  std.exit(0);
}

main().catch((error: unknown) => {
  host.print(error instanceof Error ? error.message : String(error));
  std.exit(1);
});
