// `--explain MAC`: what a blade would be told, by the very functions that answer it.

import { type Arguments, readConfig, readFilesGiven, usage } from './daemon-arguments.ts';
import { parseMac } from './core/mac.ts';
import type { Instant } from './core/machine.ts';
import { InputError, valueOf } from './core/problem.ts';
import { dhcpServerOf } from './node-dhcp.ts';

/** Lines of text. Boot files need not be given; with them it is known which iPXE is ours. Throws InputError. */
export function explainMac(values: Arguments, text: string): string {
  const mac = parseMac(text);
  if (mac === undefined) throw new InputError([usage('--explain', 'the MAC address of a network card', text)]);
  const config = valueOf(readConfig(values.config));
  const server = dhcpServerOf(config, readFilesGiven(values));
  // As if all were alive: who answers at what rank is what is asked for.
  server.step(0 as Instant, { kind: 'live', nodes: config.roster.nodes.map((node) => node.number) });
  return server.explain(mac);
}
