import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../core/bytes.ts';
import type { ControllerAction } from './dialogue.ts';
import { carryOut } from './dialogue.test-kit.ts';
import type { ControllerCommand } from './power-answer.ts';
import { RedfishDialogues } from './redfish.ts';
import { inMemory, RedfishEmulator } from './redfish-emulator.test-kit.ts';

let emulator: RedfishEmulator;
let redfish: RedfishDialogues;
beforeEach(() => {
  emulator = new RedfishEmulator();
  redfish = new RedfishDialogues(undefined);
});

const ask = (command: ControllerCommand) => carryOut(redfish.dialogue(command), inMemory(emulator));
const paths = (actions: readonly ControllerAction[]): string[] => actions.map((action) => (action.kind === 'web' ? `${action.method} ${action.path}${action.body ?? ''}` : action.kind));

describe('a Redfish service', () => {
  test('from the service root to the system; the next reading goes straight there', () => {
    const first = ask('read');
    expect(first.answer).toEqual({ kind: 'state', state: 'on', said: 'PowerState On' });
    expect(paths(first.actions)).toEqual(['GET /redfish/v1/', 'GET /redfish/v1/Systems', 'GET /redfish/v1/Systems/1']);
    emulator.power = 'Off';
    const second = ask('read');
    expect(second.answer).toMatchObject({ state: 'off' });
    expect(paths(second.actions)).toEqual(['GET /redfish/v1/Systems/1']);
  });

  test('after a failure the system is looked for again', () => {
    ask('read');
    emulator.misbehaviour = { status: 503 };
    expect(ask('read').answer).toMatchObject({ kind: 'failed', reason: '/redfish/v1/Systems/1: HTTP status 503: something is wrong' });
    emulator.misbehaviour = {};
    expect(paths(ask('read').actions)[0]).toBe('GET /redfish/v1/');
  });

  test.each([['on', 'Off', 'On', 'On'], ['off', 'On', 'ForceOff', 'Off'], ['soft', 'On', 'GracefulShutdown', 'Off']] as const)('%s', (command, before, type, behind) => {
    emulator.power = before;
    const { answer, actions } = ask(command);
    expect(answer).toEqual({ kind: 'accepted' });
    expect(paths(actions).at(-1)).toBe(`POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset{"ResetType":"${type}"}`);
    expect(emulator.power).toBe(behind);
  });

  test('allowable values that stand in an ActionInfo', () => {
    emulator.allowable = undefined;
    const { answer, actions } = ask('soft');
    expect(answer).toEqual({ kind: 'accepted' });
    expect(paths(actions).slice(-2)).toEqual(['GET /redfish/v1/Systems/1/ResetActionInfo', expect.stringContaining('PushPowerButton')]);
  });

  test('the button of a system that is off is not pressed: that would switch it on', () => {
    emulator.power = 'Off';
    const { answer, actions } = ask('soft');
    expect(answer).toEqual({ kind: 'refused', reason: 'the system is off already (PowerState Off)' });
    expect(paths(actions).some((path) => path.startsWith('POST'))).toBe(false);
  });

  test('a reset that the service has not is not asked for', () => {
    emulator.allowable = ['On', 'GracefulShutdown'];
    const { answer, actions } = ask('off');
    expect(answer).toEqual({ kind: 'unable', reason: '/redfish/v1/Systems/1: no reset for "off" among On, GracefulShutdown' });
    expect(paths(actions).some((path) => path.startsWith('POST'))).toBe(false);
  });

  test('a refusal is told from a failure', () => {
    emulator.power = 'Off';
    expect(ask('off').answer).toEqual({ kind: 'refused', reason: 'HTTP status 409: The state of the system does not allow it.' });
    for (const [resetStatus, kind] of [[400, 'refused'], [404, 'refused'], [401, 'failed'], [403, 'failed'], [408, 'failed'], [429, 'failed'], [500, 'failed'], [302, 'failed']] as const) {
      emulator.misbehaviour = { resetStatus };
      expect(ask('off').answer.kind, String(resetStatus)).toBe(kind);
    }
  });

  test.each([
    ['no rights', { status: 401 }, 'user, password'], ['its own error', { status: 500 }, 'HTTP status 500: something is wrong'], ['no JSON', { body: '<html>' }, 'no JSON object'],
    ['other JSON', { body: '{"PowerState":"Off"}' }, 'no link to Systems'], ['a redirection', { status: 307 }, 'HTTP status 307'],
  ])('%s is a failure that is told', (_what, misbehaviour, reason) => {
    emulator.misbehaviour = misbehaviour;
    for (const command of ['read', 'off'] as const) expect(ask(command).answer).toEqual({ kind: 'failed', reason: expect.stringContaining(reason) as string });
  });

  test('several systems: the one that is named, or none', () => {
    emulator.systems = ['1', '2'];
    expect(ask('read').answer).toMatchObject({ kind: 'failed', reason: expect.stringContaining('name one with "system"') as string });
    redfish = new RedfishDialogues('1');
    expect(ask('read').answer).toMatchObject({ state: 'on' });
    redfish = new RedfishDialogues('3');
    expect(ask('off').answer).toMatchObject({ kind: 'failed' });
    expect(emulator.power).toBe('On');
  });

  test('an action that fails ends the dialogue with its reason', () => {
    expect(carryOut(redfish.dialogue('read'), () => ({ kind: 'failed', reason: 'ECONNREFUSED' })).answer).toEqual({ kind: 'failed', reason: 'ECONNREFUSED' });
  });

  test('whatever the answers are, a dialogue ends within six requests, all of them below /redfish/', () => {
    const link = fc.constantFrom<unknown>('/redfish/v1/Systems', '/redfish/v1/Systems/1', '//evil/', 'http://evil/', 7);
    const resource = fc.record({
      Systems: fc.record({ '@odata.id': link }), Members: fc.array(fc.record({ '@odata.id': link }), { maxLength: 2 }), PowerState: fc.constantFrom<unknown>('On', 'Off', 'PoweringOff', 7),
      Actions: fc.record({ '#ComputerSystem.Reset': fc.record({ target: link, 'ResetType@Redfish.AllowableValues': fc.array(fc.constantFrom('On', 'ForceOff', 'PushPowerButton')) }, { requiredKeys: [] }) }),
    }, { requiredKeys: [] });
    const web = fc.tuple(fc.constantFrom(200, 200, 200, 204, 302, 404, 500), fc.oneof({ weight: 8, arbitrary: resource.map((json) => JSON.stringify(json)) }, fc.string()));
    fc.assert(fc.property(fc.infiniteStream(web), fc.constantFrom<ControllerCommand>('read', 'on', 'off', 'soft'), (answers, command) => {
      const { actions } = carryOut(new RedfishDialogues(undefined).dialogue(command), () => {
        const [status, text] = answers.next().value as [number, string];
        return { kind: 'web', status, body: encodeUtf8(text) };
      });
      expect(actions.length).toBeLessThanOrEqual(6);
      for (const action of actions) expect(action).toMatchObject({ kind: 'web', path: expect.stringMatching(/^\/redfish\//) as string });
    }));
  });
});
