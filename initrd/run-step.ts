// Which function does which step of the plan.

import type { BootHost } from './boot-host.ts';
import type { BootStep } from './boot-plan.ts';
import { found, type BootState } from './steps/boot-state.ts';
import { joinPaths } from './steps/san-paths.ts';
import { bringUpInterface } from './steps/bring-up-interface.ts';
import { claimVolumes } from './steps/claim-volumes.ts';
import { configureRoot } from './steps/configure-root.ts';
import { handBackPlan } from './steps/hand-back-plan.ts';
import { startKeeper, startStandby, writeBootRecord } from './steps/handover.ts';
import { mountMedium, mountOverlay, writeLiveIdentity } from './steps/live-root.ts';
import { loadModules } from './steps/load-modules.ts';
import { checkFileSystems, mapVolumes, mountRoot, turnOnSwap } from './steps/map-volumes.ts';
import { findIdentity, loadRegistry } from './steps/read-san.ts';
import { logIn } from './steps/san-login.ts';

/** What these steps refuse may be mended in the registry while the blade waits: a further try goes by what stands there then. */
function readAgain(host: BootHost, state: BootState, step: 'identity' | 'claim'): void {
  loadRegistry(host, state, found(state.parameters.container, 'the container'));
  if (step === 'claim') findIdentity(host, state, state.parameters.node);
}

/** Does one step on the machine, for the nth time. @throws StepError, or an Error of the machine's */
export async function runStep(host: BootHost, state: BootState, step: BootStep, tries: number): Promise<void> {
  if (tries > 1 && (step.kind === 'identity' || step.kind === 'claim')) readAgain(host, state, step.kind);
  switch (step.kind) {
    case 'modules': return loadModules(host, step);
    case 'interface': return bringUpInterface(host, state, step);
    case 'login': return logIn(host, state, step);
    case 'registry': return loadRegistry(host, state, step.container);
    case 'paths': return joinPaths(host, state, step);
    case 'identity': return findIdentity(host, state, step.node);
    case 'claim': return claimVolumes(host, state);
    case 'snapshot': return mapVolumes(host, state);
    case 'check': return checkFileSystems(host, state);
    case 'mount': return mountRoot(host, state);
    case 'configure': return configureRoot(host, state);
    case 'swap': return turnOnSwap(host, state);
    case 'medium': return mountMedium(host, state);
    case 'overlay': return mountOverlay(host);
    case 'live-identity': return writeLiveIdentity(host, state);
    case 'handover':
      // The live system has no volumes of its own that could be lost, and no session that must be kept.
      if (!state.parameters.live) startStandby(host, state);
      writeBootRecord(host, state);
      return state.parameters.live ? undefined : startKeeper(host, handBackPlan(state));
    default: return step satisfies never;
  }
}
