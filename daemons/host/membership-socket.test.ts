import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Instant, Machine } from '../core/machine.ts';
import type { Roster } from '../core/roster.ts';
import type { MembershipPacket } from '../wire/membership-packet.ts';
import { now } from './clock.ts';
import { type MembershipShell, type MembershipShellEffect, type MembershipShellInput, startMembership, startName } from './membership-socket.ts';

const [OLD, NEW] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const addressOf = (number: number): Ipv4 => `127.0.0.${number}` as Ipv4;
const rosterOf = (numbers: readonly number[], clusterName = 'rack'): Roster => ({ clusterName, nodes: numbers.map((number) => ({ number, name: `node${number}`, macs: [], address: addressOf(number), loader: 'rom' })) }) as unknown as Roster;
const ROSTER = rosterOf([1, 2]);

type Told = { readonly kind: 'told'; readonly word: string };
type Input = { readonly kind: 'do'; readonly effects: readonly (MembershipShellEffect | Told)[] };
type Heard = Input | MembershipShellInput;

/** Does what it is told, and remembers what it heard. */
class Obedient implements Machine<Heard, MembershipShellEffect | Told> {
  readonly heard: Heard[] = [];
  due: Instant | undefined;
  step(_now: Instant, input: Heard): readonly (MembershipShellEffect | Told)[] {
    this.heard.push(input);
    if (input.kind === 'tick') this.due = undefined;
    return input.kind === 'do' ? input.effects : [];
  }
  deadline(): Instant | undefined {
    return this.due;
  }
}

interface Node {
  readonly machine: Obedient;
  readonly shell: MembershipShell<Input>;
  readonly start: string;
  readonly news: string[];
  readonly logs: string[];
  ping(probe: number): MembershipPacket;
}

let nodes: Node[] = [];
afterEach(() => {
  for (const { shell } of nodes) shell.stop();
  nodes = [];
});

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, resolve));
  const { port } = socket.address();
  socket.close();
  return port;
}

function started(number: number, port: number, { keys = [OLD], roster = ROSTER, address = addressOf(number) } = {}): Node {
  const [machine, start, news, logs] = [new Obedient(), startName(), [] as string[], [] as string[]];
  const shell = startMembership<Input, Told>({ address, node: number, start, roster, keys, machine, port, log: ({ event }) => void logs.push(event), onNews: ({ word }) => void news.push(word) });
  const node = { machine, shell, start, news, logs, ping: (probe: number) => ({ from: { node: number, start, incarnation: 1, sequence: 1, rosterGeneration: 1 }, body: { kind: 'ping' as const, probe, claims: [] } }) };
  nodes.push(node);
  return node;
}
const isUp = (node: Node) => expect.poll(() => node.machine.heard.some(({ kind }) => kind === 'tick')).toBe(true);
const probes = ({ machine }: Node): number[] => machine.heard.flatMap((input) => (input.kind === 'packet' && input.packet.body.kind === 'ping' ? [input.packet.body.probe] : []));
const refusals = ({ machine }: Node): string[] => machine.heard.flatMap((input) => (input.kind === 'refused' ? [input.reason] : []));
const send = (from: Node, to: number, probe: number): void => from.shell.input({ kind: 'do', effects: [{ kind: 'send', to, packet: from.ping(probe) }] });

async function pair(): Promise<[Node, Node, number]> {
  const port = await freePort();
  const [one, two] = [started(1, port), started(2, port)];
  await Promise.all([isUp(one), isUp(two)]);
  return [one, two, port];
}

describe('the sockets of the membership', () => {
  test('what is for one node reaches that one alone, sealed on the way; what the machine tells is told', async () => {
    const [one, two] = await pair();
    one.shell.input({ kind: 'do', effects: [{ kind: 'told', word: 'news' }, { kind: 'log', level: 'info', event: 'said', fields: {} }, { kind: 'send', to: 9, packet: one.ping(1) }, { kind: 'send', to: 2, packet: one.ping(7) }] });
    await expect.poll(() => probes(two)).toEqual([7]);
    expect(two.machine.heard.find(({ kind }) => kind === 'packet')).toEqual({ kind: 'packet', packet: one.ping(7) });
    expect([probes(one), one.news, one.logs.at(-1)]).toEqual([[], ['news'], 'said']);
  });

  test('a key is changed under way; what is sealed under another is refused, and nothing ends', async () => {
    const [one, two] = await pair();
    one.shell.useKeys([NEW, OLD]);
    send(one, 2, 1);
    await expect.poll(() => refusals(two)).toEqual(['key']);
    two.shell.useKeys([OLD, NEW]);
    send(one, 2, 2);
    send(two, 1, 3);
    await expect.poll(() => [probes(two), probes(one)]).toEqual([[2], [3]]);
  });

  test('strangers\' bytes and another cluster\'s datagrams are refused, and nothing ends', async () => {
    const [one, two, port] = await pair();
    const stranger = createSocket('udp4');
    for (const bytes of [new Uint8Array(), new Uint8Array(60).fill(7), new Uint8Array(9000)]) await new Promise((done) => stranger.send(bytes, port, addressOf(2), done));
    stranger.close();
    await expect.poll(() => refusals(two)).toEqual(['malformed', 'malformed', 'malformed']);
    one.shell.useRoster(rosterOf([1, 2], 'another'));
    send(one, 2, 1);
    await expect.poll(() => refusals(two).at(-1)).toBe('foreign');
    two.shell.useRoster(rosterOf([1, 2], 'another'));
    send(one, 2, 2);
    await expect.poll(() => probes(two)).toEqual([2]);
  });

  test('before the own address is there nothing is said and nobody judged; then what was to be told is told first', async () => {
    const port = await freePort();
    // Of the block for documentation (RFC 5737): no machine has it.
    const early = started(3, port, { address: '192.0.2.1' as Ipv4 });
    send(early, 1, 1);
    await new Promise((done) => setTimeout(done, 200));
    expect(early.machine.heard).toEqual([]);
    const one = started(1, port);
    one.shell.input({ kind: 'do', effects: [] });
    await isUp(one);
    expect(one.machine.heard.map(({ kind }) => kind)).toEqual(['do', 'tick']);
  });

  test('who stood still reads what waits before a deadline that has passed is acted upon', async () => {
    const [one, two] = await pair();
    const COUNT = 100;
    two.machine.heard.length = 0;
    await new Promise<void>((resolve) => {
      setTimeout(() => {
        two.machine.due = (now() + 5) as Instant;
        two.shell.input({ kind: 'do', effects: [] });
        for (let probe = 0; probe < COUNT; probe++) send(one, 2, probe);
        for (const until = performance.now() + 50; performance.now() < until; );
        resolve();
      }, 1);
    });
    await expect.poll(() => two.machine.heard.some(({ kind }) => kind === 'tick')).toBe(true);
    expect(two.machine.heard.findIndex(({ kind }) => kind === 'tick')).toBe(COUNT + 1);
  });
});
