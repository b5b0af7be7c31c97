import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import { needsOurLoader } from './boot-policy.ts';
import type { Client } from './boot-policy.ts';
import { choseServer, heardFrom, LOADER_SENDS_MAX, LOADER_START_MS, OURS_FORGET_MS } from './loader-memory.ts';
import type { LoaderMemory } from './loader-memory.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const ipxe = (fingerprint: string): Client => ({ kind: 'ipxe', architectures: [0], fingerprint });
/** The card's own iPXE, ours, one that came with a new firmware or boot volume; a plain ROM, EDK2, an operating system. */
const CLIENTS: Readonly<Record<string, Client>> = {
  R: ipxe('01'), U: ipxe('02'), N: ipxe('03'), P: { kind: 'bios-rom', architectures: [0] }, E: { kind: 'uefi-x64', architectures: [7] }, O: { kind: 'os', architectures: [] },
};

/** A blade asks as the letters say, each so many milliseconds after the one before; the answers: L for our loader, S for the script, - for others. */
function answers(story: readonly (readonly [pauseMs: number, letter: string])[], chooses = true): string {
  let memory: LoaderMemory | undefined;
  let now = 0;
  return story.map(([pauseMs, letter]) => {
    const client = CLIENTS[letter]!;
    memory = heardFrom(memory, (now += pauseMs) as Instant, client);
    if (chooses) memory = choseServer(memory);
    return client.kind !== 'ipxe' ? '-' : needsOurLoader(client, 'ours', memory.ours?.fingerprint, false) ? 'L' : 'S';
  }).join('');
}
/** The same pause before each letter. */
const steady = (letters: string, pauseMs = 5 * SECOND): string => answers(Array.from(letters, (letter) => [pauseMs, letter] as const));

describe('which iPXE is ours', () => {
  test.each([
    ['a boot', 'RU', 'LS'],
    ['resets within seconds', 'RURURU', 'LSLSLS'],
    ['a reset before our loader came up', 'RRU', 'LLS'],
    ['our loader asks again: no server had a file', 'RUUUUUU', 'LSSSSSS'],
    ['our loader, then the system, then the next boot', 'RUORU', 'LS-LS'],
    ['a plain ROM', 'PUPU', '-S-S'],
    ['UEFI firmware', 'EUEU', '-S-S'],
    ['what a system starts is no loader of ours', 'ORU', '-LS'],
    ['a ROM of a new firmware', 'RUNU', 'LSLS'],
    ['a loader of a new boot volume', 'RURN', 'LSLS'],
    ['a ROM that equals our loader: no loop', 'UUUUUU', 'LLLSSS'],
    ['our loader never comes up: the script in the end', 'RRRRR', 'LLLSS'],
  ])('%s: %s', (_name, letters, expected) => expect(steady(letters)).toBe(expected));

  test('only a lease that was taken counts against the loader', () => {
    expect(answers(Array.from('RRRRRRU', (letter) => [5 * SECOND, letter] as const), false)).toBe('LLLLLLS');
  });

  test('what comes out of our loader comes soon; later it is a reset', () => {
    expect(answers([[0, 'R'], [LOADER_START_MS, 'U']])).toBe('LS');
    expect(answers([[0, 'R'], [LOADER_START_MS + 1, 'U']])).toBe('LL');
  });

  test('a loader that takes too long is loaded again, and known by that in the end', () => {
    const slow = LOADER_START_MS + MINUTE;
    expect(answers([[0, 'R'], [slow, 'U'], [slow, 'U'], [slow, 'U'], [slow, 'U'], [MINUTE, 'R'], [slow, 'U']])).toBe('LLLLSLS');
  });

  test('it is learned at every boot: nothing has to outlive the hours between', () => {
    expect(steady('RURU', 24 * 60 * MINUTE)).toBe('LLLL');
    expect(answers([[0, 'R'], [SECOND, 'U'], [24 * 60 * MINUTE, 'R'], [SECOND, 'U']])).toBe('LSLS');
  });

  test('a day on which our loader did not come up is forgotten as well', () => {
    const day = [[24 * 60 * MINUTE, 'R'], [SECOND, 'R'], [SECOND, 'R']] as const;
    expect(answers([...day, ...day, [SECOND, 'R']])).toBe('LLLLLLS');
  });

  test('every boot confirms it', () => {
    const boots = Array.from({ length: 5 }, () => [[OURS_FORGET_MS - MINUTE, 'R'], [SECOND, 'U']] as const).flat();
    expect(answers(boots)).toBe('LSLSLSLSLS');
  });
});

describe('a node that began to listen between ROM and loader', () => {
  test('is right again at the next power-on', () => expect(answers([[0, 'U'], [LOADER_START_MS + 1, 'R'], [SECOND, 'U']])).toBe('LLS'));
  test('knows our loader once it has sent it to itself', () => expect(steady(`${'U'.repeat(LOADER_SENDS_MAX + 1)}RURU`)).toBe('LLLSLSLS'));
  test('takes the ROM of a reset for ours, and learns better when the true one asks it', () => expect(steady('URUUUURU')).toBe('LSLLLSLS'));
  test('takes the ROM of a reset for ours, and forgets that when no boot confirms it', () => {
    // A blade whose own iPXE ends in a reset once a minute: the worst case, for our loader is never heard.
    const story = [[0, 'U'], ...Array.from({ length: 18 }, () => [MINUTE, 'R'] as const), [SECOND, 'U'], [MINUTE, 'R'], [SECOND, 'U']] as const;
    expect(answers(story)).toBe(`L${'S'.repeat(16)}LLSLS`);
  });
});

test('property: after whatever story, a rack that was quiet for a while is right from the first boot on', () => {
  const letters = fc.constantFrom(...Object.keys(CLIENTS));
  const story = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 * MINUTE }), letters), { maxLength: 20 });
  fc.assert(fc.property(story, fc.constantFrom('R', 'P', 'E', 'N'), (before, rom) => {
    const said = answers([...before, [OURS_FORGET_MS + 1, rom], [SECOND, 'U'], [MINUTE, rom], [SECOND, 'U']]);
    expect(said.slice(-4)).toBe(rom === 'P' || rom === 'E' ? '-S-S' : 'LSLS');
  }));
});

test('property: nobody is told to load our loader more often than the limit, with nothing else asking in between', () => {
  const letters = fc.constantFrom('R', 'U');
  const story = fc.array(fc.tuple(fc.integer({ min: 0, max: LOADER_START_MS }), letters), { maxLength: 40 });
  fc.assert(fc.property(story, (steps) => {
    const runs = Array.from(answers(steps)).map((said, i) => `${steps[i]![1]}${said}`).join('');
    expect(runs).not.toMatch(new RegExp(`(RL){${LOADER_SENDS_MAX + 1}}|(UL){${LOADER_SENDS_MAX + 1}}`));
  }));
});
