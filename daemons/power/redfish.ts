// Redfish as a power controller: from the service root to the one system, and resets posted to it (DMTF DSP0266).

import type { ActionResult, ControllerAction, Dialogue } from './dialogue.ts';
import { failedAnswer } from './dialogue.ts';
import type { ControllerAnswer, ControllerCommand } from './power-answer.ts';
import { allowableOf, chooseReset, chooseSystem, type ComputerSystem, errorReason, memberLinks, parseObject, parseSystem, systemsLink } from './redfish-answer.ts';

/** The only path that a client may know beforehand (DSP0266 section 6.2). */
const SERVICE_ROOT = '/redfish/v1/';

/** Part of a dialogue: a value, or the answer that ends it. */
type Part<T> = Generator<ControllerAction, { readonly value: T } | { readonly answer: ControllerAnswer }, ActionResult>;

type WebResult = ActionResult & { kind: 'web' };

/** Request Timeout and Too Many Requests (RFC 9110, RFC 6585): the command was not looked at. */
const NOT_NOW: ReadonlySet<number> = new Set([408, 429]);

const failed = (reason: string): { readonly answer: ControllerAnswer } => ({ answer: { kind: 'failed', reason } });

/** What a status says that is no success. Without the right password nothing was understood, so that is no refusal. */
function refusalOf(result: WebResult): { readonly kind: 'refused' | 'failed'; readonly reason: string } {
  const { status, body } = result;
  if (status === 401 || status === 403) return { kind: 'failed', reason: `HTTP status ${status}: user, password or the user's rights` };
  const isRefusal = status >= 400 && status < 500 && !NOT_NOW.has(status);
  return { kind: isRefusal ? 'refused' : 'failed', reason: errorReason(status, body) };
}

function* get(path: string): Part<Readonly<Record<string, unknown>>> {
  const result = yield { kind: 'web', method: 'GET', path };
  if (result.kind !== 'web') return { answer: failedAnswer(result) };
  // A GET that is refused tells nothing of the blade.
  if (result.status !== 200) return failed(`${path}: ${refusalOf(result).reason}`);
  const json = parseObject(result.body);
  return json === undefined ? failed(`${path}: the answer is no JSON object`) : { value: json };
}

function* findSystem(id: string | undefined): Part<string> {
  const root = yield* get(SERVICE_ROOT);
  if ('answer' in root) return root;
  const systems = systemsLink(root.value);
  if (systems === undefined) return failed(`${SERVICE_ROOT}: no link to Systems`);
  const collection = yield* get(systems);
  if ('answer' in collection) return collection;
  const links = memberLinks(collection.value);
  if (links === undefined) return failed(`${systems}: no list of members`);
  const chosen = chooseSystem(links, id);
  return 'path' in chosen ? { value: chosen.path } : failed(`${systems}: ${chosen.reason}`);
}

/** One Redfish service. It remembers where its system is, so that a reading costs one request. */
export class RedfishDialogues {
  readonly #id: string | undefined;
  #path: string | undefined;

  /** `id`: the system's Id, where the service has several. */
  constructor(id: string | undefined) {
    this.#id = id;
  }

  /** Asks the service. */
  *dialogue(command: ControllerCommand): Dialogue {
    const found = yield* this.#system();
    if ('answer' in found) return found.answer;
    const { system, path } = found.value;
    if (command === 'read') return { kind: 'state', state: system.state, said: system.said };
    // A press of the button would switch it on.
    if (command === 'soft' && system.state === 'off') return { kind: 'refused', reason: `the system is off already (${system.said})` };
    return yield* reset(command, system, path);
  }

  *#system(): Part<{ readonly path: string; readonly system: ComputerSystem }> {
    const known = this.#path;
    const found = known === undefined ? yield* findSystem(this.#id) : { value: known };
    if ('answer' in found) return found;
    // Forgotten until it has answered: after an update of its firmware a BMC may have it elsewhere.
    this.#path = undefined;
    const json = yield* get(found.value);
    if ('answer' in json) return json;
    const system = parseSystem(json.value);
    if (system === undefined) return failed(`${found.value}: no PowerState`);
    this.#path = found.value;
    return { value: { path: found.value, system } };
  }
}

function* reset(command: Exclude<ControllerCommand, 'read'>, system: ComputerSystem, path: string): Dialogue {
  if (system.resetTarget === undefined) return { kind: 'unable', reason: `${path}: no action #ComputerSystem.Reset` };
  let { allowable } = system;
  if (allowable === undefined && system.actionInfo !== undefined) {
    const info = yield* get(system.actionInfo);
    if ('answer' in info) return info.answer;
    allowable = allowableOf(info.value);
  }
  const type = chooseReset(command, allowable);
  if (type === undefined) return { kind: 'unable', reason: `${path}: no reset for "${command}" among ${allowable!.join(', ') || 'none'}` };
  const result = yield { kind: 'web', method: 'POST', path: system.resetTarget, body: JSON.stringify({ ResetType: type }) };
  if (result.kind !== 'web') return failedAnswer(result);
  return result.status >= 200 && result.status < 300 ? { kind: 'accepted' } : refusalOf(result);
}
