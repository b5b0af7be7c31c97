// `--explain MAC`: what a blade would be told, by the very functions that answer it.

import { type Arguments, readConfig, usage } from './daemon-arguments.ts';
import { parseMac } from './core/mac.ts';
import type { Instant } from './core/machine.ts';
import { InputError, valueOf } from './core/problem.ts';
import { DhcpServer } from './dhcp/dhcp-server.ts';

/** Lines of text. Boot files need not be given. Throws InputError. */
export function explainMac(values: Arguments, text: string): string {
  const mac = parseMac(text);
  if (mac === undefined) throw new InputError([usage('--explain', 'the MAC address of a network card', text)]);
  const { roster, number } = valueOf(readConfig(values.config));
  const server = new DhcpServer({ roster, self: number });
  // As if all were alive: who answers at what rank is what is asked for.
  server.step(0 as Instant, { kind: 'live', nodes: roster.nodes.map((node) => node.number) });
  return server.explain(mac);
}
