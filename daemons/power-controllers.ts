// Power controllers as the machine's programs use them: the configuration is read, secrets are looked at, actions are performed, and a
// goal is pursued to its end. Fencing takes `proveOff` and nothing else for an answer.

import { readFileSync } from 'node:fs';
import { now } from './host/clock.ts';
import { MachineLoop } from './host/machine-loop.ts';
import { CommandError, run } from './host/run.ts';
import { readSecretFile } from './host/secret-file.ts';
import { sendDatagram } from './host/send-datagram.ts';
import { askWeb, type ServerIdentity } from './host/web-client.ts';
import { fromHex } from './core/bytes.ts';
import { InputError, type Problem, type Result, valueOf } from './core/problem.ts';
import type { ActionResult, ControllerAction } from './power/dialogue.ts';
import { dialoguesOf } from './power/controller-dialogue.ts';
import { encodeMagicPacket, isSecureOnLength } from './power/magic-packet.ts';
import type { Abilities, ControllerAnswer, ControllerCommand } from './power/power-answer.ts';
import { abilitiesOf, type Controller, parsePowerConfig, type PowerConfig, type RedfishController } from './power/power-config.ts';
import { PowerControl, type PowerInput } from './power/power-control.ts';
import type { PowerGoal, PowerOutcome } from './power/power-script.ts';

/** Where a node looks for it. */
export const POWER_CONFIG = '/etc/metamaster/power.json';

/** An entry has some 200 bytes; a rack of 2000 nodes is far below. */
const CONFIG_MAX_BYTES = 4 * 2 ** 20;
/** ipmitool prints a line; a rack's status some 10 KiB a blade. */
const OUTPUT_MAX = 8 * 2 ** 20;
/** BMCs are slow: seconds for a resource, more in the minute after their own start. */
const WEB_TIME_MS = 20_000;
/** A ComputerSystem with everything that a vendor adds has some 20 KiB. */
const WEB_BODY_MAX_BYTES = 2 ** 20;
/** A magic packet is never answered, so it is sent more than once. */
const WAKE_PACKETS = 3;
/** IPMI 2.0 section 22.30: a longer password is refused by ipmitool. */
const IPMI_PASSWORD_MAX = 20;
const REDFISH_PASSWORD_MAX = 256;
/** Six bytes in hexadecimal, separators included. */
const SECURE_ON_MAX = 17;

/** A controller that can be asked. */
export interface OpenController {
  readonly controller: Controller;
  readonly abilities: Abilities;
  /** Asks one thing; never rejects. One question at a time. */
  ask(command: ControllerCommand): Promise<ControllerAnswer>;
}

/** Reads the file. Problems: MM-POWER-CONFIG, all of them. */
export function readPowerConfig(path: string): Result<PowerConfig> {
  const refuse = (rule: string, seen: string, remedy: string): Result<PowerConfig> => ({ ok: false, problems: [{ code: 'MM-POWER-CONFIG', where: path, rule, seen, remedy }] });
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > CONFIG_MAX_BYTES) return refuse(`${CONFIG_MAX_BYTES} bytes at most`, `${text.length}`, 'Name the file with the power controllers.');
    return parsePowerConfig(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return refuse('must be JSON', error.message, 'Correct the file; docs/administration.md, section "Power", has an example.');
    const { code, message } = error as NodeJS.ErrnoException;
    return refuse('a file that names each node\'s power controller', code === 'ENOENT' ? 'no such file' : message, 'Write it (docs/administration.md, section "Power"), or name it with --config.');
  }
}

/** The password of SecureOn: hexadecimal bytes, colons or hyphens between them allowed. */
function secureOnOf(path: string): Uint8Array {
  const line = valueOf(readSecretFile(path, SECURE_ON_MAX));
  const bytes = fromHex(line.replaceAll(/[:-]/g, ''));
  if (bytes !== undefined && isSecureOnLength(bytes.length)) return bytes;
  throw new InputError([{ code: 'MM-SECRET-FILE', where: path, rule: '4 or 6 bytes in hexadecimal', seen: `${line.length} characters`, remedy: 'Write the SecureOn password as the card has it.' }]);
}

function identityOf({ trust }: RedfishController): ServerIdentity {
  if (trust.kind !== 'authority') return trust;
  try {
    return { kind: 'authority', pem: readFileSync(trust.file, 'utf8') };
  } catch (error) {
    throw new InputError([{ code: 'MM-POWER-CONFIG', where: trust.file, rule: 'the certificate of an authority, in PEM', seen: (error as Error).message, remedy: 'Correct caFile, or write the file.' }]);
  }
}

type Perform = (action: ControllerAction) => Promise<ActionResult>;

const unfit: ActionResult = { kind: 'failed', reason: 'this kind of controller has no such action' };

async function perform(action: ControllerAction & { kind: 'run' }): Promise<ActionResult> {
  const { code, output, errorOutput } = await run(action.argv, { accept: 'any', env: { LC_ALL: 'C' }, limits: { timeMs: action.limitMs, output: OUTPUT_MAX } });
  return { kind: 'ran', code, output, errorOutput };
}

/** Looks at the secrets and certificates that a controller needs, and gives back how its actions are performed. @throws InputError */
function performerOf(controller: Controller, webTimeMs: number): Perform {
  switch (controller.kind) {
    case 'ipmi':
      valueOf(readSecretFile(controller.passwordFile, IPMI_PASSWORD_MAX));
      return async (action) => (action.kind === 'run' ? perform(action) : unfit);
    case 'rack':
      return async (action) => (action.kind === 'run' ? perform(action) : unfit);
    case 'redfish': {
      const { host, port, user } = controller;
      const identity = identityOf(controller);
      const authorization = `Basic ${Buffer.from(`${user}:${valueOf(readSecretFile(controller.passwordFile, REDFISH_PASSWORD_MAX))}`).toString('base64')}`;
      return async (action) => {
        if (action.kind !== 'web') return unfit;
        const { method, path, body } = action;
        const headers = { Authorization: authorization, Accept: 'application/json', 'OData-Version': '4.0', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) };
        const reply = await askWeb({ host, port, identity, method, path, headers, ...(body === undefined ? {} : { body }), limits: { timeMs: webTimeMs, bodyBytes: WEB_BODY_MAX_BYTES } });
        return { kind: 'web', ...reply };
      };
    }
    case 'wake-on-lan': {
      const secureOn = controller.secureOnFile === undefined ? undefined : secureOnOf(controller.secureOnFile);
      return async (action) => {
        if (action.kind !== 'wake') return unfit;
        const packet = encodeMagicPacket({ mac: action.mac, ...(secureOn === undefined ? {} : { secureOn }) });
        for (let i = 0; i < WAKE_PACKETS; i++) await sendDatagram(packet, { address: action.broadcast, port: action.port });
        return { kind: 'sent' };
      };
    }
  }
}

/** What went wrong with an action, in words that hold no argument and no header. */
function reasonOf(error: unknown): string {
  if (!(error instanceof CommandError)) return error instanceof Error ? error.message : String(error);
  return error.code === 127 ? `${error.program}: it cannot be started; is it installed?` : `${error.program}: ${error.said}`;
}

/** Makes a controller ready; `webTimeMs` bounds each Redfish request. @throws InputError MM-SECRET-FILE, MM-POWER-CONFIG */
export function openController(controller: Controller, webTimeMs: number = WEB_TIME_MS): OpenController {
  const act = performerOf(controller, webTimeMs);
  const begin = dialoguesOf(controller);
  return {
    controller,
    abilities: abilitiesOf(controller),
    ask: async (command) => {
      const dialogue = begin(command);
      let turn = dialogue.next();
      while (turn.done !== true) turn = dialogue.next(await act(turn.value).catch((error: unknown): ActionResult => ({ kind: 'failed', reason: reasonOf(error) })));
      return turn.value;
    },
  };
}

/** Makes the controllers of these nodes ready. Problems of all of them together; a node without an entry is one (MM-POWER-NODE). */
export function openControllers(config: PowerConfig, nodes: readonly number[]): Result<ReadonlyMap<number, OpenController>> {
  const problems: Problem[] = [];
  const opened = new Map<number, OpenController>();
  for (const node of nodes) {
    const controller = config.get(node);
    try {
      if (controller !== undefined) opened.set(node, openController(controller));
      else problems.push({ code: 'MM-POWER-NODE', where: `node ${node}`, rule: 'a node with a power controller', seen: `only ${[...config.keys()].join(', ') || 'none'}`, remedy: 'Name it in the file, or leave this node out.' });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      // Several nodes may share a file; one complaint about it is enough.
      problems.push(...error.problems.filter((problem) => !problems.some((other) => other.code === problem.code && other.where === problem.where)));
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: opened };
}

/** Pursues a goal to its end; never rejects. */
export function pursue({ abilities, ask }: Pick<OpenController, 'abilities' | 'ask'>, goal: PowerGoal, onProgress: (text: string) => void = () => undefined): Promise<PowerOutcome> {
  return new Promise((resolve) => {
    const loop = new MachineLoop(new PowerControl(goal, abilities), now, { kind: 'due' } as PowerInput, (effect) => {
      if (effect.kind === 'progress') onProgress(effect.text);
      else if (effect.kind === 'done') {
        loop.stop();
        resolve(effect.outcome);
      } else void ask(effect.command).then((answer) => loop.step({ kind: 'answer', id: effect.id, answer }));
    });
    loop.step({ kind: 'begin' });
  });
}

/** Takes a blade's power and tells whether it is proved off: only then may another machine be given what it had. */
export async function proveOff(controller: OpenController): Promise<{ readonly proved: boolean; readonly reason: string }> {
  const { provedOff, reason } = await pursue(controller, { kind: 'prove-off' });
  return { proved: provedOff, reason };
}
