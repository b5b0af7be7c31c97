import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../core/bytes.ts';
import { allowableOf, chooseReset, chooseSystem, errorReason, memberLinks, parseObject, parseSystem, redfishPath, systemsLink } from './redfish-answer.ts';

const body = (value: unknown): Uint8Array => encodeUtf8(JSON.stringify(value));

describe('a path', () => {
  test.each(['/redfish/v1/', '/redfish/v1/Systems', '/redfish/v1/Systems/System.Embedded.1', "/redfish/v1/Systems('1')", '/redfish/v1/Systems/437XR1138R2/Actions/ComputerSystem.Reset'])('%s', (path) => expect(redfishPath(path)).toBe(path));
  test.each(['', '/', '//evil/redfish/v1', 'https://evil/redfish/v1/', '/redfish/../secret', '/redfish/v1//x', '/redfish/v1/x\r\nHost: evil', '/redfish/v1/a b', '/redfish/v1?x', '/redfish/v1#x', '/redfishes/v1', `/redfish/${'x'.repeat(600)}`, 7, null])('refused: %j', (path) => expect(redfishPath(path)).toBeUndefined());
});

describe('a system', () => {
  test.each([['On', 'on'], ['Off', 'off'], ['PoweringOn', 'unknown'], ['PoweringOff', 'unknown'], ['Paused', 'unknown'], ['off', 'unknown'], ['', 'unknown']])('PowerState %j is %s', (said, state) => {
    expect(parseSystem({ PowerState: said })).toMatchObject({ state, said: `PowerState ${said}` });
  });

  test.each([{}, { PowerState: null }, { PowerState: ['Off'] }, { PowerState: false }, null, 'Off'])('without a state: %j', (json) => expect(parseSystem(json)).toBeUndefined());

  test('its reset', () => {
    const reset = { target: '/redfish/v1/Systems/1/Actions/ComputerSystem.Reset', 'ResetType@Redfish.AllowableValues': ['On', 3, 'ForceOff'] };
    expect(parseSystem({ PowerState: 'On', Actions: { '#ComputerSystem.Reset': reset } })).toMatchObject({ resetTarget: reset.target, allowable: ['On', 'ForceOff'], actionInfo: undefined });
    expect(parseSystem({ PowerState: 'On', Actions: { '#ComputerSystem.Reset': { target: 'http://evil/', '@Redfish.ActionInfo': '/redfish/v1/x' } } })).toMatchObject({ resetTarget: undefined, allowable: undefined, actionInfo: '/redfish/v1/x' });
  });
});

test('the best reset that is allowed; a press of the button never stands for on or off', () => {
  expect([chooseReset('on', undefined), chooseReset('off', undefined), chooseReset('soft', undefined)]).toEqual(['On', 'ForceOff', 'GracefulShutdown']);
  expect([chooseReset('on', ['ForceOn', 'ForceOff']), chooseReset('soft', ['PushPowerButton'])]).toEqual(['ForceOn', 'PushPowerButton']);
  expect([chooseReset('on', ['PushPowerButton']), chooseReset('off', ['PushPowerButton', 'GracefulShutdown', 'PowerCycle']), chooseReset('soft', [])]).toEqual([undefined, undefined, undefined]);
});

test('the one system that is meant', () => {
  const links = ['/redfish/v1/Systems/1', '/redfish/v1/Systems/12/'];
  expect(chooseSystem(links.slice(0, 1), undefined)).toEqual({ path: links[0] });
  expect(chooseSystem(links, '12')).toEqual({ path: links[1] });
  expect(chooseSystem(links, '2')).toEqual({ reason: 'the service has no system 2, but 1, 12' });
  expect(chooseSystem(links, undefined)).toEqual({ reason: 'the service has 2 systems (1, 12): name one with "system"' });
  expect(chooseSystem([], undefined)).toHaveProperty('reason');
});

test('links and values', () => {
  expect(systemsLink({ Systems: { '@odata.id': '/redfish/v1/Systems' } })).toBe('/redfish/v1/Systems');
  expect(systemsLink({ Systems: '/redfish/v1/Systems' })).toBeUndefined();
  expect(memberLinks({ Members: [{ '@odata.id': '/redfish/v1/a' }] })).toEqual(['/redfish/v1/a']);
  expect(memberLinks({ Members: [{ '@odata.id': '/redfish/v1/a' }, { '@odata.id': '//evil' }] })).toBeUndefined();
  expect(memberLinks({})).toBeUndefined();
  expect(allowableOf({ Parameters: [{ Name: 'Other', AllowableValues: ['x'] }, { Name: 'ResetType', AllowableValues: ['On'] }] })).toEqual(['On']);
  expect(allowableOf({ Parameters: 7 })).toBeUndefined();
});

test('the reason of an error is the first that is said', () => {
  expect(errorReason(400, body({ error: { message: 'general', '@Message.ExtendedInfo': [{ Message: 'in particular\u0007' }] } }))).toBe('HTTP status 400: in particular?');
  expect(errorReason(500, body({ error: { message: 'general' } }))).toBe('HTTP status 500: general');
  expect(errorReason(503, encodeUtf8('<html>'))).toBe('HTTP status 503');
});

test('a body is a JSON object or nothing', () => {
  expect(parseObject(body({ a: 1 }))).toEqual({ a: 1 });
  for (const text of ['', '[]', 'null', '7', '{', '<html>']) expect(parseObject(encodeUtf8(text))).toBeUndefined();
  expect(parseObject(Uint8Array.of(0x7b, 0xff, 0x7d))).toBeUndefined();
});

test('no reader throws, whatever comes, and every path that is read is one of the service', () => {
  const odd = fc.oneof(fc.jsonValue(), fc.record({ PowerState: fc.jsonValue(), Members: fc.jsonValue(), Parameters: fc.jsonValue(), Actions: fc.record({ '#ComputerSystem.Reset': fc.oneof(fc.jsonValue(), fc.record({ target: fc.oneof(fc.webPath(), fc.string()) })) }) }));
  fc.assert(fc.property(odd, fc.uint8Array(), (json, bytes) => {
    parseObject(bytes);
    errorReason(400, body(json));
    allowableOf(json);
    for (const path of [systemsLink(json), ...(memberLinks(json) ?? []), parseSystem(json)?.resetTarget]) if (path !== undefined) expect(path).toMatch(/^\/redfish\/[^?#\s]*$/);
  }));
});
