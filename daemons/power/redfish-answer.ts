// What a Redfish service says (DMTF DSP0266, schemas DSP8010), read with distrust: a BMC's answer decides whether a blade is dead.

import { decodeUtf8 } from '../core/bytes.ts';
import { type ControllerCommand, type PowerState, reasonText } from './power-answer.ts';

/** A path of the service; longer ones than this are no resource's. */
const PATH_MAX = 512;

/** A reset of ComputerSystem (ResetType of the Resource schema). */
export type ResetType = 'On' | 'ForceOn' | 'ForceOff' | 'GracefulShutdown' | 'PushPowerButton';

/** What is to be known of one system. */
export interface ComputerSystem {
  readonly state: PowerState;
  /** PowerState in the service's own word. */
  readonly said: string;
  /** Where a reset is posted to. */
  readonly resetTarget: string | undefined;
  /** The allowable values, when the resource names them itself. */
  readonly allowable: readonly string[] | undefined;
  /** The resource that names them instead. */
  readonly actionInfo: string | undefined;
}

/**
 * The best reset for each command. A press of the power button would switch off a blade that is on, so it stands for `soft` alone;
 * `GracefulRestart` and the like never take the power away.
 */
const RESETS: Readonly<Record<Exclude<ControllerCommand, 'read'>, readonly ResetType[]>> = {
  on: ['On', 'ForceOn'], off: ['ForceOff'], soft: ['GracefulShutdown', 'PushPowerButton'],
};

/** The JSON object of a body; undefined when it is none. */
export function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const text = decodeUtf8(body);
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? (inner as Record<string, unknown>)[key] : undefined), value);
}

/** A path below /redfish/ of the same service: whatever else a service names would be sent our password. */
export function redfishPath(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > PATH_MAX) return undefined;
  const segments = value.split('/');
  return /^\/redfish\/[\w\-./~%:=()']+$/.test(value) && !segments.includes('..') && !segments.slice(1, -1).includes('') ? value : undefined;
}

/** The link to the systems, of the service root. */
export const systemsLink = (root: unknown): string | undefined => redfishPath(at(root, 'Systems', '@odata.id'));

/** The links of a collection's members; undefined when it is no collection, or when one of them is no path of this service. */
export function memberLinks(collection: unknown): readonly string[] | undefined {
  const members = at(collection, 'Members');
  if (!Array.isArray(members)) return undefined;
  const links = members.map((member) => redfishPath(at(member, '@odata.id')));
  return links.includes(undefined) ? undefined : (links as string[]);
}

/** The member with this Id, which is the last part of its path; without an Id the only one. */
export function chooseSystem(links: readonly string[], id: string | undefined): { readonly path: string } | { readonly reason: string } {
  const name = (link: string): string => link.split('/').findLast((part) => part !== '') ?? '';
  const found = id === undefined ? links : links.filter((link) => name(link) === id);
  if (found.length === 1) return { path: found[0]! };
  const all = reasonText(links.map(name).join(', ') || 'none');
  return { reason: id === undefined ? `the service has ${links.length} systems (${all}): name one with "system"` : `the service has no system ${id}, but ${all}` };
}

const strings = (value: unknown): readonly string[] | undefined => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined);

/** Reads a ComputerSystem; undefined when there is no PowerState in it. `PoweringOff`, `PoweringOn` and `Paused` are neither on nor off. */
export function parseSystem(json: unknown): ComputerSystem | undefined {
  const said = at(json, 'PowerState');
  if (typeof said !== 'string') return undefined;
  const reset = at(json, 'Actions', '#ComputerSystem.Reset');
  return {
    state: said === 'On' ? 'on' : said === 'Off' ? 'off' : 'unknown',
    said: `PowerState ${reasonText(said)}`,
    resetTarget: redfishPath(at(reset, 'target')),
    allowable: strings(at(reset, 'ResetType@Redfish.AllowableValues')),
    actionInfo: redfishPath(at(reset, '@Redfish.ActionInfo')),
  };
}

/** The allowable values of ResetType, of an ActionInfo resource. */
export function allowableOf(actionInfo: unknown): readonly string[] | undefined {
  const parameters = at(actionInfo, 'Parameters');
  const found = Array.isArray(parameters) ? (parameters as unknown[]).find((parameter) => at(parameter, 'Name') === 'ResetType') : undefined;
  return strings(at(found, 'AllowableValues'));
}

/** The reset to ask for; where the service names no values, the one that the schema names first. */
export function chooseReset(command: Exclude<ControllerCommand, 'read'>, allowable: readonly string[] | undefined): ResetType | undefined {
  return allowable === undefined ? RESETS[command][0] : RESETS[command].find((type) => allowable.includes(type));
}

/** The message of an error's body (DSP0266 section 8.6), else the status alone. */
export function errorReason(status: number, body: Uint8Array): string {
  const error = at(parseObject(body), 'error');
  const extended = at(error, '@Message.ExtendedInfo');
  const message = [at(Array.isArray(extended) ? extended[0] : undefined, 'Message'), at(error, 'message')].find((text) => typeof text === 'string' && text.trim() !== '');
  return message === undefined ? `HTTP status ${status}` : `HTTP status ${status}: ${reasonText(message as string)}`;
}
