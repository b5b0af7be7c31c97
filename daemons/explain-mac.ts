// `--explain MAC`: what a blade would be told, by the very functions that answer it.

import { type Arguments, readBootFiles, readConfig, usage } from './daemon-arguments.ts';
import { hasArm64Files } from './core/boot-file-names.ts';
import { parseMac } from './core/mac.ts';
import type { Instant } from './core/machine.ts';
import { InputError, valueOf } from './core/problem.ts';
import { nodeOfMac } from './core/roster.ts';
import { DhcpServer } from './dhcp/dhcp-server.ts';

const UNTOLD = 'no boot files were named: the lines on arm64 UEFI hold for a node that has none for it\n';

/** Lines of text. Boot files need not be given; what arm64 is told depends on them. Throws InputError. */
export function explainMac(values: Arguments, text: string): string {
  const mac = parseMac(text);
  if (mac === undefined) throw new InputError([usage('--explain', 'the MAC address of a network card', text)]);
  const { roster, number } = valueOf(readConfig(values));
  const named = values['boot-volume'] !== undefined || values['boot-dir'] !== undefined;
  const files = named ? readBootFiles(values) : new Map<string, unknown>();
  const arm64 = values.arm64 === true || hasArm64Files((name) => files.has(name));
  const server = new DhcpServer({ roster, self: number, arm64 });
  // As if all were alive: who answers at what rank is what is asked for.
  server.step(0 as Instant, { kind: 'live', nodes: roster.nodes.map((node) => node.number) });
  const untold = !named && !arm64 && nodeOfMac(roster, mac) !== undefined;
  return `${server.explain(mac)}${untold ? UNTOLD : ''}`;
}
