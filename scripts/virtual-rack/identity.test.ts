import { describe, expect, test } from 'vitest';
import { parseMac } from '../../daemons/core/mac.ts';
import { parseUuid } from '../../daemons/core/uuid.ts';
import { bladeFiles, bladeMac, bladeUuid, identityOf, isRackName, MAX_BLADES, namespaceOf, outsideMac } from './identity.ts';

describe('names', () => {
  test('two state directories never share a name', () => {
    const [a, b] = [identityOf('/one/build/rack/default'), identityOf('/two/build/rack/default')];
    expect(a.id).toMatch(/^[0-9a-f]{6}$/);
    expect(a.id).not.toBe(b.id);
    expect(namespaceOf(a, 'boot')).toBe(`mm-${a.id}-boot`);
  });

  test('every blade has addresses of its own that are valid and stay', () => {
    const blades = Array.from({ length: MAX_BLADES }, (_, i) => i + 1);
    const macs = blades.flatMap((blade) => [bladeMac('abc123', blade), outsideMac('abc123', blade)]);
    expect(new Set(macs).size).toBe(2 * MAX_BLADES);
    expect(macs.every((mac) => parseMac(mac) === mac)).toBe(true);
    expect(bladeMac('abc123', 16)).toBe('52:54:00:ab:c1:10');
    const uuids = blades.map((blade) => bladeUuid('abc123', blade));
    expect(new Set(uuids).size).toBe(MAX_BLADES);
    expect(uuids.every((uuid) => parseUuid(uuid) === uuid)).toBe(true);
  });

  test("sockets fit into unix(7)'s 107 bytes however long the state directory is", () => {
    const files = bladeFiles(identityOf(`/${'x'.repeat(300)}`), 16);
    for (const path of [files.serialSocket, files.consoleSocket, files.qmpSocket, files.eventsSocket]) expect(path.length).toBeLessThan(107);
  });

  test('a rack name cannot leave its folder', () => {
    expect(['default', 'ci-2.b'].map(isRackName)).toEqual([true, true]);
    expect(['', '..', '../x', 'A', 'a/b', '-x', 'x'.repeat(41)].map(isRackName)).toEqual(Array.from({ length: 7 }, () => false));
  });
});
