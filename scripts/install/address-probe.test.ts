import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { arpingArgv, isRunningNode, plannedAddresses, planProbes, probeProblems, readArping, type ProbedAddress, type ProbeOutcome } from './address-probe.ts';
import { sampleAnswers } from './install.test-kit.ts';
import type { OwnInterface } from './live-interface.ts';

const ANSWERS = sampleAnswers(3, ['primary-gateway-local-IP: 10.1.1.1', 'backup-gateway-local-IP: 10.1.1.2']);
const STRANGER = '52:54:00:99:00:01' as Mac;
const card = (mac: string, ...addresses: string[]): OwnInterface => ({ name: 'eth0', mac: mac as Mac, addresses: addresses as Ipv4[] });

/** What iputils' arping 20240905 prints in the C locale. */
const FREE = 'ARPING 10.1.1.0 from 0.0.0.0 eth0\nSent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n';
const used = (mac: string): string => `ARPING 10.1.1.0 from 0.0.0.0 eth0\nUnicast reply from 10.1.1.0 [${mac.toUpperCase()}]  0.712ms\nSent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n`;
const readOf = (output: string, errorOutput = ''): ProbeOutcome => readArping({ output, errorOutput });

/** The probe of the planned address of that place in the list. */
const probed = (at: number, outcome: ProbeOutcome): ProbedAddress => ({ planned: plannedAddresses(ANSWERS)[at]!, outcome });

describe('what is asked for', () => {
  test('the meta-master\'s address and each node\'s, once, with every answer that names it; never the SAN\'s', () => {
    expect(plannedAddresses(ANSWERS).map(({ address, names, node }) => [address, names.join(' '), node?.number])).toEqual([
      ['10.1.0.253', 'meta-master-ip', undefined],
      ['10.1.1.0', 'nodes[0].address', 1],
      ['10.1.1.1', 'nodes[1].address primary-gateway-local-IP', 2],
      ['10.1.1.2', 'nodes[2].address backup-gateway-local-IP', 3],
    ]);
  });

  test('a live system with an address of its own asks for all of them', () => {
    const { probes, problems } = planProbes(ANSWERS, [card('52:54:00:00:00:00', '10.1.0.254')]);
    expect([probes.length, problems]).toEqual([4, []]);
  });

  test('a live system that has another node\'s address is told so, and does not ask for it: nobody would answer', () => {
    const { probes, problems } = planProbes(ANSWERS, [card('52:54:00:00:00:00', '10.1.1.2')]);
    expect(probes.map(({ address }) => address)).toEqual(['10.1.0.253', '10.1.1.0', '10.1.1.1']);
    expect(problems).toMatchObject([{ code: 'MM-INSTALL-OWN-ADDRESS', where: 'nodes[2].address, backup-gateway-local-IP', seen: '10.1.1.2, which this blade has on eth0', remedy: expect.stringContaining('sifip=') as string }]);
  });

  test('so is one that has the meta-master\'s', () => {
    expect(planProbes(ANSWERS, [card('52:54:00:00:00:00', '10.1.0.253')]).problems).toMatchObject([{ where: 'meta-master-ip' }]);
  });

  test('one that has the address which it will have as a node, on whichever card, is right', () => {
    const { probes, problems } = planProbes(ANSWERS, [card(STRANGER, '10.1.1.1'), { ...card('52:54:00:00:00:01'), name: 'eth1' }]);
    expect([probes.length, problems]).toEqual([3, []]);
  });
});

describe('what arping says', () => {
  test('with probes of RFC 5227 from no address, and its answer in words', () => {
    expect(arpingArgv('eth0', '10.1.1.0' as Ipv4)).toEqual(['arping', '-D', '-c', '2', '-w', '3', '-I', 'eth0', '10.1.1.0']);
  });

  test.each([
    ['nobody answers', FREE, '', { kind: 'free' }],
    ['a card answers', used(STRANGER), '', { kind: 'used', by: STRANGER }],
    ['a card announces the address meanwhile', 'Broadcast request from 10.1.1.0 [52:54:00:99:00:01] for 10.1.1.0 [FF:FF:FF:FF:FF:FF] 1.003ms\nSent 2 probes (2 broadcast(s))\nReceived 1 response(s) (1 request(s))\n', '', { kind: 'used', by: STRANGER }],
    ['an answer in words that are not known is still an answer', 'Sent 2 probes (2 broadcast(s))\nReceived 1 response(s)\n', '', { kind: 'used', by: undefined }],
    ['an interface without ARP, for which arping ends with 0', 'Interface "ib0" is not ARPable\n', '', { kind: 'failed', reason: 'Interface "ib0" is not ARPable' }],
    ['no such interface', '', 'arping: Device eth7 not available.\n', { kind: 'failed', reason: 'arping: Device eth7 not available.' }],
    ['nothing could be sent', 'ARPING 10.1.1.0 from 0.0.0.0 eth0\nSent 0 probes (0 broadcast(s))\nReceived 0 response(s)\n', '', { kind: 'failed', reason: 'Sent 0 probes (0 broadcast(s))' }],
    ['silence', '', '', { kind: 'failed', reason: 'arping said nothing' }],
  ] as const)('%s', (_, output, errorOutput, outcome) => expect(readOf(output, errorOutput)).toEqual(outcome));
});

describe('what is wrong', () => {
  const problems = (...all: ProbedAddress[]) => probeProblems(all, ANSWERS, 'eth0');
  const by = (mac: string): ProbeOutcome => ({ kind: 'used', by: mac as Mac });

  test('nothing, when nobody answers', () => expect(problems(probed(0, { kind: 'free' }), probed(1, { kind: 'free' }))).toEqual([]));

  test('every address that is in use is told, each with its answers and the card that has it', () => {
    expect(problems(probed(0, by(STRANGER)), probed(1, { kind: 'free' }), probed(2, by(STRANGER)))).toMatchObject([
      { code: 'MM-INSTALL-ADDRESS-USED', where: 'meta-master-ip', rule: expect.stringContaining('10.1.0.253') as string, seen: `an answer from ${STRANGER}`, remedy: expect.stringContaining('another address') as string },
      { code: 'MM-INSTALL-ADDRESS-USED', where: 'nodes[1].address, primary-gateway-local-IP' },
    ]);
  });

  test('a card of another blade of the answers is named as that', () => {
    expect(problems(probed(1, by('52:54:00:00:00:02')))).toMatchObject([{ code: 'MM-INSTALL-ADDRESS-USED', seen: 'an answer from 52:54:00:00:00:02, which is a card of nodes[2]', remedy: expect.stringContaining('nodes[2] off') as string }]);
  });

  test('the node\'s own card: the node runs, which is another problem', () => {
    const running = probed(3, by('52:54:00:00:00:02'));
    expect(isRunningNode(running)).toBe(true);
    expect(isRunningNode(probed(3, by(STRANGER)))).toBe(false);
    expect(isRunningNode(probed(0, by('52:54:00:00:00:02')))).toBe(false);
    expect(problems(running)).toMatchObject([{ code: 'MM-INSTALL-RUNNING', where: 'nodes[2].address, backup-gateway-local-IP', seen: expect.stringContaining('node 3') as string, remedy: expect.stringContaining('off first') as string }]);
  });

  test('a card that nobody named', () => expect(problems(probed(1, { kind: 'used', by: undefined }))[0]!.seen).toMatch(/a network card that arping did not name$/));

  test('questions that failed are one problem, beside the others', () => {
    const failed: ProbeOutcome = { kind: 'failed', reason: 'Interface "eth0" is down' };
    expect(problems(probed(0, failed), probed(1, by(STRANGER)), probed(2, failed))).toMatchObject([
      { code: 'MM-INSTALL-ADDRESS-USED' },
      { code: 'MM-INSTALL-ADDRESS-PROBE', where: 'eth0', seen: '2 of 3 questions failed, the first one, for 10.1.0.253, with: Interface "eth0" is down', remedy: expect.stringContaining('--no-address-probe') as string },
    ]);
  });
});
