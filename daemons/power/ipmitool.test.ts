import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { carryOut, ran } from './dialogue.test-kit.ts';
import { ipmiDialogue, ipmitoolArgv, readIpmitool } from './ipmitool.ts';
import type { ControllerCommand } from './power-answer.ts';
import type { IpmiController } from './power-config.ts';

const BMC: IpmiController = { kind: 'ipmi', address: '192.168.1.101', port: 623, user: 'rack', passwordFile: '/etc/metamaster/bmc.password', privilege: 'operator' };

describe('the arguments of ipmitool', () => {
  test('the password is named by its file; time-outs and retries are said', () => {
    expect(ipmitoolArgv(BMC, 'read').join(' ')).toBe('ipmitool -I lanplus -H 192.168.1.101 -p 623 -U rack -f /etc/metamaster/bmc.password -L OPERATOR -N 2 -R 2 chassis power status');
  });

  test.each([['on', 'on'], ['off', 'off'], ['soft', 'soft']] as const)('%s', (command, verb) => {
    expect(ipmitoolArgv({ ...BMC, cipherSuite: 17 }, command).join(' ')).toContain(` -C 17 -N 2 -R 2 chassis power ${verb}`);
  });
});

describe('what ipmitool says', () => {
  test.each([['on', 'Chassis Power is on\n'], ['off', 'Chassis Power is off\n']] as const)('a state: %s', (state, output) => {
    // 1.8.19 complains on standard error about a user of few rights, and answers all the same.
    expect(readIpmitool('read', ran(0, output, 'Get HPM.x Capabilities request failed, compcode = d4\n'))).toEqual({ kind: 'state', state, said: output.trim() });
  });

  test.each(['', 'Chassis Power is\n', 'Chassis Power is offline\n', 'Chassis Power is off\nChassis Power is on\n', 'not Chassis Power is off', 'CHASSIS POWER IS OFF\n'])('no state: %j', (output) => {
    expect(readIpmitool('read', ran(0, output))).toMatchObject({ kind: 'state', state: 'unknown' });
  });

  test('a state that comes with a failure is none', () => {
    expect(readIpmitool('read', ran(1, 'Chassis Power is off\n'))).toMatchObject({ kind: 'failed' });
  });

  test.each([['on', 'Chassis Power Control: Up/On\n'], ['off', 'Chassis Power Control: Down/Off\n'], ['soft', 'Chassis Power Control: Soft\n']] as const)('%s is confirmed by its own words only', (command, output) => {
    expect(readIpmitool(command, ran(0, output))).toEqual({ kind: 'accepted' });
    for (const other of ['on', 'off', 'soft'] as const) if (other !== command) expect(readIpmitool(other, ran(0, output)).kind).toBe('failed');
  });

  test('a completion code is a refusal, anything else a failure', () => {
    expect(readIpmitool('off', ran(1, '', 'Set Chassis Power Control to Down/Off failed: Command not supported in present state\n'))).toEqual({ kind: 'refused', reason: 'Command not supported in present state' });
    expect(readIpmitool('off', ran(1, '', 'Unable to set Chassis Power Control to Down/Off\n'))).toEqual({ kind: 'failed', reason: 'Unable to set Chassis Power Control to Down/Off' });
    expect(readIpmitool('off', ran(1, '', 'Error: Unable to establish IPMI v2 / RMCP+ session\n'))).toEqual({ kind: 'failed', reason: 'Error: Unable to establish IPMI v2 / RMCP+ session' });
    expect(readIpmitool('read', ran(137, ''))).toEqual({ kind: 'failed', reason: 'ipmitool ended with exit code 137' });
  });

  test('a terminal obeys nothing of it', () => {
    expect(readIpmitool('read', ran(1, '', `\u001b[2Jbad${'x'.repeat(1000)}`))).toEqual({ kind: 'failed', reason: `?[2Jbad${'x'.repeat(193)}…` });
  });

  test('for any output, "off" is said only by the one line that says it', () => {
    const piece = fc.constantFrom('Chassis Power is off', 'Chassis Power is on', '\n', ' ', 'off', 'x');
    fc.assert(fc.property(fc.array(piece, { maxLength: 5 }), fc.string(), fc.constantFrom(0, 1), fc.constantFrom<ControllerCommand>('read', 'on', 'off', 'soft'), (pieces, noise, code, command) => {
      const output = pieces.join('');
      const answer = readIpmitool(command, ran(code, output, noise));
      if (answer.kind === 'state' && answer.state === 'off') expect([code, output.trim(), command]).toEqual([0, 'Chassis Power is off', 'read']);
    }));
  });

  test('a dialogue is one run of the program; one that cannot be run is a failure', () => {
    const { answer, actions } = carryOut(ipmiDialogue(BMC, 'read'), () => ran(0, 'Chassis Power is on\n'));
    expect(answer).toMatchObject({ state: 'on' });
    expect(actions).toEqual([{ kind: 'run', argv: ipmitoolArgv(BMC, 'read'), limitMs: expect.any(Number) as number }]);
    expect(carryOut(ipmiDialogue(BMC, 'off'), () => ({ kind: 'failed', reason: 'no such program' })).answer).toEqual({ kind: 'failed', reason: 'no such program' });
  });
});
