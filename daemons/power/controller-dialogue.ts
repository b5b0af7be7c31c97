// The one interface of all kinds of power controllers.

import type { Dialogue } from './dialogue.ts';
import { ipmiDialogue } from './ipmitool.ts';
import type { ControllerCommand } from './power-answer.ts';
import type { Controller } from './power-config.ts';
import { rackDialogue } from './rack-blade.ts';
import { RedfishDialogues } from './redfish.ts';
import { wakeDialogue } from './wake-on-lan.ts';

/** From a controller to a function that begins a dialogue with it. One dialogue at a time. */
export function dialoguesOf(controller: Controller): (command: ControllerCommand) => Dialogue {
  switch (controller.kind) {
    case 'ipmi':
      return (command) => ipmiDialogue(controller, command);
    case 'redfish': {
      const redfish = new RedfishDialogues(controller.system);
      return (command) => redfish.dialogue(command);
    }
    case 'wake-on-lan':
      return (command) => wakeDialogue(controller, command);
    case 'rack':
      return (command) => rackDialogue(controller, command);
  }
}
