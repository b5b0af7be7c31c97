import { describe, expect, test } from 'vitest';
import { isDomainName, isHostLabel, isInterfaceName, isIscsiName } from './names.ts';

type Case = readonly [accepts: (text: string) => boolean, good: readonly string[], bad: readonly string[]];

const CASES: Record<string, Case> = {
  'host labels': [isHostLabel, ['node1', 'a', '1', 'a-b', 'a'.repeat(63)], ['', '-a', 'a-', 'A', 'a.b', 'a_b', 'a\n', 'a'.repeat(64)]],
  domains: [isDomainName, ['rack', 'eurotech.com', 'a.b.c1'], ['', '.', 'a.', '.a', 'a..b', 'A.b', '10.0.0.1', `${'a.'.repeat(126)}ab`]],
  'interface names': [isInterfaceName, ['eth0', 'ib0', 'enp0s31f6', 'bond0.12', 'a'.repeat(15)], ['', '.', '..', 'eth0:1', 'a/b', 'a b', 'a'.repeat(16)]],
  'iSCSI names': [
    isIscsiName,
    // The first six are the examples of RFC 3720 section 3.2.6.3 and RFC 3980.
    [
      'iqn.2001-04.com.example:storage:diskarrays-sn-a8675309', 'iqn.2001-04.com.example', 'iqn.2001-04.com.example:storage.tape1.sys1.xyz',
      'eui.02004567A425678D', 'naa.52004567BA64678D', 'naa.62004567BA64678D0123456789ABCDEF',
      'iqn.1992-04.com.emc:cx.APM00', 'iqn.2003-01.org:x', `iqn.2001-04.com:${'a'.repeat(207)}`,
    ],
    [
      '', 'iqn', 'iqn.', 'iqn.2001-13.com.example', 'iqn.2001-00.com', 'iqn.01-04.com', 'iqn.2001-04', 'iqn.2001-04.', 'iqn.2001-04.com:', 'iqn.2001-04.com:a_b',
      'iqn.2001-04.com:a b', 'iqn.2001-04.com:ä', 'iqn.2001-04.-com', 'eui.0200', 'eui.02004567A425678G', 'naa.52004567BA64678D0', 'disk1', `iqn.2001-04.com:${'a'.repeat(208)}`,
    ],
  ],
};

describe.each(Object.entries(CASES))('%s', (_what, [accepts, good, bad]) => {
  test.each(good)('%j is one', (text) => expect(accepts(text)).toBe(true));
  test.each(bad)('%j is none', (text) => expect(accepts(text)).toBe(false));
});
