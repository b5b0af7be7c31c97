import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../scripts/virtual-rack/command-line.ts';
import { carryOut, ran } from './dialogue.test-kit.ts';
import type { ControllerCommand } from './power-answer.ts';
import type { RackController } from './power-config.ts';
import { rackArgv, rackDialogue, readRack } from './rack-blade.ts';

const BLADE: RackController = { kind: 'rack', program: '/srv/metamaster/scripts/rack', name: 'ci', blade: 2 };
const status = (...blades: object[]): string => JSON.stringify({ id: 'x', blades }, undefined, 2);

test.each<ControllerCommand>(['read', 'on', 'off', 'soft'])('the rack understands the arguments of "%s"', (command) => {
  const [program, ...argv] = rackArgv(BLADE, command);
  expect(program).toBe(BLADE.program);
  expect(parseCommandLine(argv)).toMatchObject({
    verb: command === 'read' ? 'status' : 'power', text: { name: 'ci' }, flag: { json: true },
    operands: { read: [], on: ['on', '2'], off: ['off', '2'], soft: ['button', '2'] }[command],
  });
});

describe('what scripts/rack says', () => {
  test.each(['on', 'off'] as const)('a state: %s', (power) => {
    expect(readRack(BLADE, 'read', ran(0, status({ number: 1, power: power === 'on' ? 'off' : 'on' }, { number: 2, power })))).toMatchObject({ kind: 'state', state: power });
  });

  test.each([
    status(), status({ number: 1, power: 'off' }), status({ number: '2', power: 'off' }), status({ number: 2, power: 'dim' }), status({ number: 2 }, { number: 2, power: 'off' }),
    status({ number: 2, power: 'off' }, { number: 2, power: 'on' }), '', '{', 'null', '[]', '{"blades":7}', '{"blades":[null,3]}',
  ])('no state: %s', (output) => expect(readRack(BLADE, 'read', ran(0, output))).toMatchObject({ kind: 'state', state: 'unknown' }));

  test('a command is taken when the rack names this blade', () => {
    expect(readRack(BLADE, 'off', ran(0, '[{"blade":2,"action":"off","changed":false}]'))).toEqual({ kind: 'accepted' });
    expect(readRack(BLADE, 'off', ran(0, '[{"blade":3,"action":"off","changed":true}]'))).toMatchObject({ kind: 'failed' });
    expect(readRack(BLADE, 'off', ran(0, ''))).toMatchObject({ kind: 'failed' });
  });

  test('a failure says why; a button without power is a refusal', () => {
    expect(readRack(BLADE, 'read', ran(1, status({ number: 2, power: 'off' }), 'MM-RACK-UP: the rack is down\n'))).toEqual({ kind: 'failed', reason: 'MM-RACK-UP: the rack is down' });
    expect(readRack(BLADE, 'soft', ran(1, '', 'MM-RACK-OFF: it is off\n')).kind).toBe('refused');
    expect(readRack(BLADE, 'on', ran(1, '', 'MM-RACK-OFF: it is off\n')).kind).toBe('failed');
  });

  test('never throws, whatever JSON comes', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), fc.constantFrom<ControllerCommand>('read', 'on', 'off', 'soft'), (text, command) => {
      expect(['state', 'accepted', 'failed', 'refused']).toContain(readRack(BLADE, command, ran(0, text)).kind);
    }));
  });

  test('a dialogue is one run', () => {
    expect(carryOut(rackDialogue(BLADE, 'read'), () => ran(0, status({ number: 2, power: 'on' }))).answer).toMatchObject({ state: 'on' });
    expect(carryOut(rackDialogue(BLADE, 'read'), () => ({ kind: 'failed', reason: 'gone' })).answer).toEqual({ kind: 'failed', reason: 'gone' });
  });
});
