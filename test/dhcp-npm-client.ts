// The DHCP client of the npm package `dhcp`, as a program: `node dhcp-npm-client.ts MAC`. Prints each message and the lease that it
// takes from them as JSON lines, and ends when it has one.

import { createRequire } from 'node:module';

/** The part of the package that is used; it brings no types. */
interface NpmClient {
  on(event: 'message' | 'bound' | 'error', handler: (value: never) => void): void;
  listen(port: undefined, host: undefined, onListening: () => void): void;
  sendDiscover(): void;
  sendRequest(offer: unknown): void;
}
interface Message {
  readonly op: number;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly options: Readonly<Record<number, unknown>>;
}

const PATIENCE_MS = 5000;
const OFFER = 2;
const { createClient } = createRequire(import.meta.url)('dhcp') as { createClient(options: object): NpmClient };
const client = createClient({ mac: process.argv[2], features: ['hostname', 'domainName', 'broadcast'] });
const print = (line: object): void => console.log(JSON.stringify(line));

client.on('message', ({ yiaddr, siaddr, options }: Message) => {
  print({ event: 'message', type: options[53], yiaddr, siaddr, server: options[54] });
  // Its own first REQUEST names neither server nor address, which RFC 2131 (table 4) knows no meaning for. By now it has the
  // address from the offer, so that this one is understood: as a client's that was here before (INIT-REBOOT).
  if (options[53] === OFFER) setTimeout(() => client.sendRequest({ options, yiaddr, xid: 7 }), 100);
});
client.on('error', (error: unknown) => print({ event: 'error', error: String(error) }));
client.on('bound', ({ address, leasePeriod, options }: { address: string; leasePeriod: number; options: object }) => {
  print({ event: 'bound', address, leasePeriod, options });
  process.exit(0);
});
client.listen(undefined, undefined, () => client.sendDiscover());
setTimeout(() => process.exit(1), PATIENCE_MS);
