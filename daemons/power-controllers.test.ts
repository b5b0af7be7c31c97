// Goals pursued against real controllers: ipmi_sim by the real ipmitool, a Redfish service over HTTP and HTTPS, packets on the loopback.

import { createSocket } from 'node:dgram';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { valueOf } from './core/problem.ts';
import { decodeMagicPacket } from './power/magic-packet.ts';
import { IPMI_PASSWORD, IPMI_USER, IpmiSim, missingPrograms } from './power/ipmi-sim.test-kit.ts';
import { type Controller, parsePowerConfig } from './power/power-config.ts';
import { makeCertificate, PASSWORD, RedfishEmulator, serveRedfish, USER } from './power/redfish-emulator.test-kit.ts';
import { openController, type OpenController, openControllers, proveOff, pursue, readPowerConfig } from './power-controllers.ts';

let folder: string;
let passwordFile: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-power-'));
  passwordFile = join(folder, 'password');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const secret = (text: string, mode = 0o600): void => writeFileSync(passwordFile, `${text}\n`, { mode });
const controllerOf = (entry: object): Controller => valueOf(parsePowerConfig({ nodes: { 1: entry } })).get(1)!;

const missing = missingPrograms();
describe.skipIf(missing.length > 0)(`IPMI${missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not installed; scripts/prepare installs openipmi and ipmitool)` : ''}`, () => {
  let sim: IpmiSim;
  beforeEach(async () => {
    secret(IPMI_PASSWORD);
    sim = await IpmiSim.start(folder);
  });
  afterEach(() => sim.stop());

  // Suite 3, for the simulator has no other.
  const bmc = (entry: object = {}): OpenController => openController(controllerOf({ kind: 'ipmi', address: '127.0.0.1', port: sim.port, user: IPMI_USER, passwordFile, cipherSuite: 3, ...entry }));

  test('state and commands', async () => {
    expect(await bmc().ask('read')).toEqual({ kind: 'state', state: 'on', said: 'Chassis Power is on' });
    expect(await bmc().ask('off')).toEqual({ kind: 'accepted' });
    expect(sim.power).toBe('off');
    expect(await bmc().ask('read')).toMatchObject({ state: 'off' });
    expect(await bmc().ask('on')).toEqual({ kind: 'accepted' });
    expect(sim.power).toBe('on');
    expect(await bmc().ask('soft')).toEqual({ kind: 'accepted' });
    await expect.poll(() => sim.power).toBe('off');
  });

  test('on, off, shutdown of a system that obeys, and of one that does not', async () => {
    expect(await pursue(bmc(), { kind: 'off' })).toMatchObject({ ok: true, state: 'off', provedOff: false });
    expect(await pursue(bmc(), { kind: 'on' })).toMatchObject({ ok: true, state: 'on' });
    expect(await pursue(bmc(), { kind: 'shutdown', limitMs: 60_000 })).toMatchObject({ ok: true, state: 'off', forced: false });
    sim.power = 'on';
    sim.misbehave('deaf');
    expect(await pursue(bmc(), { kind: 'shutdown', limitMs: 1000 })).toMatchObject({ ok: true, state: 'off', forced: true });
    expect(sim.power).toBe('off');
  });

  test('proved off', async () => {
    expect(await proveOff(bmc())).toEqual({ proved: true, reason: expect.stringContaining('"Chassis Power is off"') as string });
    expect(sim.power).toBe('off');
  });

  test('a command that does nothing leaves the state what it is', async () => {
    sim.misbehave('stuck');
    expect(await bmc().ask('off')).toEqual({ kind: 'accepted' });
    expect(await bmc().ask('read')).toMatchObject({ state: 'on' });
  });

  test('a wrong password and a wrong user are failures, never a state', async () => {
    writeFileSync(passwordFile, 'another\n');
    expect(await bmc().ask('read')).toEqual({ kind: 'failed', reason: expect.stringContaining('Unable to establish IPMI v2') as string });
    secret(IPMI_PASSWORD);
    expect(await bmc({ user: 'nobody' }).ask('off')).toMatchObject({ kind: 'failed' });
    expect(sim.power).toBe('on');
  });

  test('a BMC that is gone has no state', async () => {
    await sim.stop();
    expect(await bmc().ask('read')).toMatchObject({ kind: 'failed' });
  }, 60_000);
});

describe('Redfish', () => {
  let emulator: RedfishEmulator;
  let close: () => void = () => {};
  let certificates: string;
  let ours: ReturnType<typeof makeCertificate>;
  let other: ReturnType<typeof makeCertificate>;
  beforeAll(() => {
    certificates = mkdtempSync(join(tmpdir(), 'mm-certificates-'));
    ours = makeCertificate(certificates, 'ours');
    other = makeCertificate(certificates, 'other');
    return () => rmSync(certificates, { recursive: true });
  });
  beforeEach(() => {
    emulator = new RedfishEmulator();
    secret(PASSWORD);
  });
  afterEach(() => close());

  const fingerprint = (cert: string): string => new X509Certificate(cert).fingerprint256;

  async function service(trust: 'http' | object, webTimeMs?: number): Promise<OpenController> {
    const server = await serveRedfish(emulator, trust === 'http' ? undefined : ours);
    close = () => server.close();
    const entry = trust === 'http' ? { url: `http://127.0.0.1:${server.port}`, cleartext: true } : { url: `https://127.0.0.1:${server.port}`, ...trust };
    return openController(controllerOf({ kind: 'redfish', user: USER, passwordFile, ...entry }), webTimeMs);
  }

  const trusts: readonly (readonly [how: string, trust: () => 'http' | object])[] = [['HTTP', () => 'http'], ['HTTPS with a pinned fingerprint', () => ({ fingerprint: fingerprint(ours.cert) })], ['HTTPS with an authority', () => ({ caFile: ours.certFile })]];
  test.each(trusts)('over %s: off, on, shutdown', async (_how, trust) => {
    const bmc = await service(trust());
    expect(await pursue(bmc, { kind: 'status' })).toMatchObject({ ok: true, state: 'on', reason: 'PowerState On' });
    expect(await pursue(bmc, { kind: 'off' })).toMatchObject({ ok: true, state: 'off' });
    expect(await pursue(bmc, { kind: 'on' })).toMatchObject({ ok: true, state: 'on' });
    expect(await pursue(bmc, { kind: 'shutdown', limitMs: 60_000 })).toMatchObject({ ok: true, state: 'off', forced: false });
    expect(emulator.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual(['{"ResetType":"ForceOff"}', '{"ResetType":"On"}', '{"ResetType":"GracefulShutdown"}']);
  });

  test.each([['a fingerprint that is not the server\'s', () => ({ fingerprint: fingerprint(other.cert) }), 'another fingerprint'], ['an authority that did not sign it', () => ({ caFile: other.certFile }), 'certificate']] as const)('%s: not a byte of the password leaves', async (_how, trust, reason) => {
    const bmc = await service(trust());
    expect(await bmc.ask('off')).toEqual({ kind: 'failed', reason: expect.stringContaining(reason) as string });
    expect(emulator.requests).toEqual([]);
  });

  test('proved off, past some readings of PoweringOff', async () => {
    emulator.misbehaviour = { poweringOffReadings: 2 };
    expect(await proveOff(await service('http'))).toEqual({ proved: true, reason: expect.stringContaining('"PowerState Off"') as string });
    expect(emulator.power).toBe('Off');
  });

  test('an answer that takes its time is waited for', async () => {
    emulator.misbehaviour = { delayMs: 300 };
    expect(await (await service('http')).ask('read')).toMatchObject({ state: 'on' });
  });

  test.each([
    ['no answer', { slow: 'silent' }, 'no whole answer within 0.2 s'], ['half an answer', { slow: 'half' }, 'no whole answer within 0.2 s'], ['401', { status: 401 }, 'user, password'], ['500', { status: 500 }, 'HTTP status 500'],
    ['no JSON', { body: '<html>' }, 'no JSON object'], ['other JSON', { body: '{"PowerState":"Off"}' }, 'no link to Systems'],
  ] as const)('%s proves nothing', async (_what, misbehaviour, reason) => {
    emulator.misbehaviour = misbehaviour;
    const answer = await proveOff(await service('http', 200));
    expect(answer).toEqual({ proved: false, reason: expect.stringContaining(reason) as string });
    expect(JSON.stringify(answer)).not.toContain(Buffer.from(`${USER}:${PASSWORD}`).toString('base64'));
  });

  test('a body without end is broken off', async () => {
    emulator.misbehaviour = { endless: true };
    expect(await (await service('http')).ask('read')).toEqual({ kind: 'failed', reason: 'the answer has more than 1048576 bytes' });
  });

  test('a state that stays On is no proof, whatever was accepted', async () => {
    emulator.misbehaviour = { staysOn: true };
    const bmc = await service('http');
    expect(await bmc.ask('off')).toEqual({ kind: 'accepted' });
    expect(await bmc.ask('read')).toMatchObject({ state: 'on' });
  });

  test('a redirection is not followed: the password stays here', async () => {
    const elsewhere = new RedfishEmulator();
    const there = await serveRedfish(elsewhere);
    emulator.misbehaviour = { location: `http://127.0.0.1:${there.port}/redfish/v1/` };
    expect(await (await service('http')).ask('read')).toMatchObject({ kind: 'failed', reason: expect.stringContaining('HTTP status 307') as string });
    expect(elsewhere.requests).toEqual([]);
    there.close();
  });

  test('a wrong password is a failure', async () => {
    writeFileSync(passwordFile, 'another\n');
    expect(await (await service('http')).ask('read')).toMatchObject({ kind: 'failed', reason: expect.stringContaining('401') as string });
  });
});

test('Wake-on-LAN sends the magic packet, with its password, more than once', async () => {
  const card = createSocket('udp4');
  await new Promise<void>((resolve) => card.bind(0, '127.0.0.1', resolve));
  const heard: Uint8Array[] = [];
  card.on('message', (bytes) => heard.push(new Uint8Array(bytes)));
  secret('01:02:03:04:05:06');
  const { port } = card.address() as AddressInfo;
  const controller = openController(controllerOf({ kind: 'wake-on-lan', mac: '52:54:00:00:00:03', broadcast: '127.0.0.1', port, secureOnFile: passwordFile }));
  expect(await pursue(controller, { kind: 'on' })).toMatchObject({ ok: true, state: 'unknown' });
  await expect.poll(() => heard.length).toBe(3);
  expect(decodeMagicPacket(heard[0]!)).toEqual({ mac: '52:54:00:00:00:03', secureOn: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  card.close();
  expect(await proveOff(controller)).toMatchObject({ proved: false });
  secret('01:02:03');
  expect(() => openController(controller.controller)).toThrow(/MM-SECRET-FILE.*4 or 6 bytes/);
});

describe('a program in place of scripts/rack', () => {
  const rack = (script: string): OpenController => {
    const program = join(folder, 'rack');
    writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return openController(controllerOf({ kind: 'rack', program, blade: 2 }));
  };

  test('is run with its arguments, and believed for its own blade', async () => {
    const controller = rack(`cd '${folder}'\ncase "$1 $2" in 'status --json') echo "{\\"blades\\":[{\\"number\\":2,\\"power\\":\\"$(cat power || echo on)\\"}]}" ;; *) echo $2 > power; echo '[{"blade":2}]' ;; esac`);
    expect(await pursue(controller, { kind: 'off' })).toMatchObject({ ok: true, state: 'off' });
    expect(await proveOff(controller)).toMatchObject({ proved: true });
  });

  test('that fails, or is not there, proves nothing', async () => {
    expect(await rack('echo "MM-RACK-BUSY: wait" >&2; exit 1').ask('read')).toEqual({ kind: 'failed', reason: 'MM-RACK-BUSY: wait' });
    const controller = rack('');
    rmSync(join(folder, 'rack'));
    expect(await controller.ask('read')).toEqual({ kind: 'failed', reason: expect.stringContaining('cannot be started') as string });
  });
});

describe('what is looked at before anything is asked', () => {
  const entry = (node: number) => ({ kind: 'ipmi', address: `192.168.1.${node}`, user: 'rack', passwordFile });

  test('a password that others can read is refused, and every problem told at once', () => {
    secret('x');
    chmodSync(passwordFile, 0o640);
    const config = valueOf(parsePowerConfig({ nodes: { 1: entry(1), 2: entry(2), 3: { ...entry(3), passwordFile: join(folder, 'none') } } }));
    const result = openControllers(config, [1, 2, 3, 4]);
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'MM-SECRET-FILE', where: passwordFile, seen: 'mode 0640' }, { code: 'MM-SECRET-FILE', seen: 'no such file' }, { code: 'MM-POWER-NODE', where: 'node 4' }] });
  });

  test('a password that IPMI cannot have', () => {
    secret('x'.repeat(21));
    expect(() => openController(controllerOf(entry(1)))).toThrow(/1 to 20 bytes; seen 21 bytes/);
  });

  test('an authority that is not there', () => {
    secret('x');
    expect(() => openController(controllerOf({ kind: 'redfish', url: 'https://192.168.1.1', user: 'rack', passwordFile, caFile: join(folder, 'none') }))).toThrow(/MM-POWER-CONFIG.*authority/);
  });

  test.each([['not there', undefined, 'no such file'], ['no JSON', '{nodes', 'must be JSON'], ['too large', ' '.repeat(2 ** 22 + 1), 'bytes at most'], ['of another form', '{}', 'nodes']])('a file that is %s', (_what, text, said) => {
    const path = join(folder, 'power.json');
    if (text !== undefined) writeFileSync(path, text);
    expect(JSON.stringify(readPowerConfig(path))).toContain(said);
    expect(readPowerConfig(path).ok).toBe(false);
  });
});
