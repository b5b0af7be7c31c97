// Every message with a code, and docs/troubleshooting.md made from them. Data alone, and never part of what a blade loads.

import type { MessageCode } from '../../daemons/core/problem.ts';
import { BOOT_MESSAGES } from './boot-messages.ts';
import { GATEWAY_MESSAGES } from './gateway-messages.ts';
import { HARDWARE_MESSAGES } from './hardware-messages.ts';
import type { MessageEntry, Messages } from './message.ts';
import { NODE_MESSAGES } from './node-messages.ts';
import { RACK_MESSAGES } from './rack-messages.ts';
import { SAN_MESSAGES } from './san-messages.ts';
import { STALL_MESSAGES } from './stall-messages.ts';

/** All entries by their codes. */
export const CATALOGUE: Messages = { ...BOOT_MESSAGES, ...SAN_MESSAGES, ...NODE_MESSAGES, ...RACK_MESSAGES, ...STALL_MESSAGES, ...HARDWARE_MESSAGES, ...GATEWAY_MESSAGES };

const INTRODUCTION = `# Troubleshooting

Every message that has a code, sorted by it. This page is made by \`node scripts/messages/write-troubleshooting.ts\` from the catalogue beside that
script; do not edit it by hand.

## How to read a message

A problem is one line:

\`\`\`
MM-CONTAINER-NONE: GPT: a container 'debain'; seen debian. Name one that is there, or install first.
\`\`\`

It begins with its **code**, which stays the same in every release and is what to search for here. Then **where** it stands (a path in a file, a
parameter, a sector, a volume), the **rule** that does not hold, behind *seen* the **value** in its place, and **what to do**. A secret is never shown.

A booting blade shows the same in several lines, and goes on trying with growing pauses of up to 30 s: whatever it waits for may come back by itself.

\`\`\`
[   4.20] metamaster: step login FAILED (try 1)
    why:  MM-BOOT-LOGIN-TARGET: iSCSI login to iqn.2026-11.metamaster:sam at 192.168.0.252, port 3260, failed (code 19): …
    what to do: The SAN does not export a target of that name: check ivid=.
    next try in 1 s; Esc opens the debug console.
mm-stage initrd login failed: MM-BOOT-LOGIN-TARGET: …
\`\`\`

The last of these lines is for programs that read consoles. A **warning** has the same form and stops nothing; those of a boot are also in
\`/run/metamaster/boot.json\` and in the journal of \`metamaster-storage\`. In the journal of a daemon the code is the field \`code\`.

Some remedies name an upgrade, a command of \`metamaster\` that is still to come.
`;

const firstWords = (code: string): string => code.split('-').slice(0, 2).join('-');

function section([code, { where, cause, remedy }]: readonly [string, MessageEntry]): string {
  return `### ${code}\n\n- Shown by: ${where}\n- Cause: ${cause}\n- Remedy: ${remedy}\n`;
}

/** The text of docs/troubleshooting.md. */
export function troubleshootingText(messages: Messages = CATALOGUE): string {
  const entries = (Object.entries(messages) as [MessageCode, MessageEntry][]).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const groups = Map.groupBy(entries, ([code]) => firstWords(code));
  const parts = [...groups].map(([name, group]) => `## ${name}-…\n\n${group.map(section).join('\n')}`);
  return `${INTRODUCTION}\n${parts.join('\n')}`;
}
