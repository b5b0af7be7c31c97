// A blade's PXE ROM: it asks at 0, 4, 12 and 28 seconds (PXE 2.1, section 2.2.1.1), takes the first offer, asks its server for the address, and
// reads the boot file from it. Where nobody answers any more it starts over, as often as it takes.

import { addressOption, MESSAGE, messageTypeOf, addressValue, OPTION, type MessageType, uint8Value } from '../../daemons/wire/dhcp-options.ts';
import { ROM_DISCOVER } from '../../daemons/wire/dhcp-golden.ts';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, decodeDhcp, encodeDhcp } from '../../daemons/wire/dhcp-packet.ts';
import { after, type Instant, type Machine } from '../../daemons/core/machine.ts';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { macToBytes } from '../../daemons/core/mac.ts';
import { encodeTftp } from '../../daemons/wire/tftp-packet.ts';
import { type Adapter, type Datagram, fit, type Host } from './adapter.ts';
import { TFTP_CLIENT_PORT, TFTP_PORT } from './dhcp-adapter.ts';
import type { Observation } from './observation.ts';
import { addressOf, macOf, numberOfAddress } from './rack-roster.ts';

/** When a DISCOVER goes out, counted from the first one; after the last number the ROM starts over. */
const DISCOVERS_AT_MS = [0, 4000, 12_000, 28_000];
const DISCOVER_ENDS_MS = 60_000;
const REQUESTS_AT_MS = [0, 4000, 12_000];
const REQUEST_ENDS_MS = 28_000;
const READS_AT_MS = [0, 1000, 2000, 4000];
const READ_ENDS_MS = 6000;
/** From power-on, or from giving up, to the first DISCOVER. */
const POST_MS = 500;

const TEMPLATE = decodeDhcp(ROM_DISCOVER)!;
const READ_REQUEST = encodeTftp({ kind: 'read', file: 'undionly.kpxe', mode: 'octet', options: [] });

type Phase = 'DISCOVER' | 'REQUEST' | 'TFTP';
const TIMES: Readonly<Record<Phase, { readonly atMs: readonly number[]; readonly endMs: number }>> = {
  DISCOVER: { atMs: DISCOVERS_AT_MS, endMs: DISCOVER_ENDS_MS },
  REQUEST: { atMs: REQUESTS_AT_MS, endMs: REQUEST_ENDS_MS },
  TFTP: { atMs: READS_AT_MS, endMs: READ_ENDS_MS },
};

type RomInput = { readonly kind: 'on' } | { readonly kind: 'due' } | { readonly kind: 'datagram'; readonly datagram: Datagram };
type RomEffect =
  | { readonly kind: 'broadcast'; readonly bytes: Uint8Array }
  | { readonly kind: 'read'; readonly server: number }
  | { readonly kind: 'loaded'; readonly server: number }
  | { readonly kind: 'observe'; readonly seen: Observation };

export class BladeRom implements Machine<RomInput, RomEffect> {
  readonly #number: number;
  readonly #drawXid: () => number;
  /** Some ROMs make their xid of the MAC address, and never change it. */
  readonly #fixedXid: boolean;
  #xid: number;
  #attempt = -1;
  #phase: Phase = 'DISCOVER';
  #beganAt: Instant | undefined;
  /** How many datagrams of the phase were sent. */
  #sent = 0;
  #server = 0;
  #secsFrom: Instant | undefined;

  constructor({ number, random }: Host) {
    this.#number = number;
    this.#drawXid = () => random.whole(0, 0xffffffff);
    this.#fixedXid = random.chance(0.5);
    this.#xid = this.#drawXid();
  }

  step(now: Instant, input: RomInput): readonly RomEffect[] {
    if (input.kind === 'on') {
      this.#startOver(now);
      return [];
    }
    return input.kind === 'due' ? this.#due(now) : this.#hear(now, input.datagram);
  }

  deadline(): Instant | undefined {
    if (this.#beganAt === undefined) return undefined;
    const { atMs, endMs } = TIMES[this.#phase];
    return after(this.#beganAt, atMs[this.#sent] ?? endMs);
  }

  #startOver(now: Instant): void {
    this.#attempt += 1;
    if (!this.#fixedXid) this.#xid = this.#drawXid();
    this.#enter(after(now, POST_MS), 'DISCOVER');
    this.#secsFrom = this.#beganAt;
  }

  #enter(at: Instant, phase: Phase): void {
    this.#phase = phase;
    this.#beganAt = at;
    this.#sent = 0;
  }

  #due(now: Instant): readonly RomEffect[] {
    const { atMs } = TIMES[this.#phase];
    if (now < (this.deadline() ?? Infinity)) return [];
    if (this.#sent === atMs.length) {
      const at = this.#phase;
      this.#startOver(now);
      return [{ kind: 'observe', seen: { kind: 'in-vain', node: this.#number, at } }];
    }
    this.#sent += 1;
    switch (this.#phase) {
      case 'DISCOVER':
        return [{ kind: 'observe', seen: { kind: 'discover', node: this.#number, attempt: this.#attempt, tries: this.#sent - 1 } }, this.#broadcast(now, MESSAGE.discover)];
      case 'REQUEST':
        return [this.#broadcast(now, MESSAGE.request)];
      case 'TFTP':
        return [{ kind: 'read', server: this.#server }];
    }
  }

  #broadcast(now: Instant, type: MessageType): RomEffect {
    const options = new Map(TEMPLATE.options).set(OPTION.messageType, uint8Value(type));
    if (type === MESSAGE.request) options.set(OPTION.serverIdentifier, addressValue(addressOf(this.#server))).set(OPTION.requestedAddress, addressValue(addressOf(this.#number)));
    const secs = Math.floor((now - this.#secsFrom!) / 1000);
    return { kind: 'broadcast', bytes: encodeDhcp({ ...TEMPLATE, xid: this.#xid, secs, chaddr: macToBytes(macOf(this.#number)), ciaddr: '0.0.0.0' as Ipv4, options }) };
  }

  #hear(now: Instant, { from, port, bytes }: Datagram): readonly RomEffect[] {
    if (port === TFTP_CLIENT_PORT) {
      if (this.#phase !== 'TFTP' || from !== this.#server) return [];
      this.#beganAt = undefined;
      return [{ kind: 'loaded', server: from }];
    }
    const packet = decodeDhcp(bytes);
    const server = packet && addressOption(packet.options, OPTION.serverIdentifier);
    if (packet?.xid !== this.#xid || server === undefined) return [];
    const type = messageTypeOf(packet.options);
    if (this.#phase === 'DISCOVER' && type === MESSAGE.offer) {
      this.#server = numberOfAddress(server);
      this.#enter(now, 'REQUEST');
      return [{ kind: 'observe', seen: { kind: 'choice', node: this.#number, server: this.#server } }];
    }
    if (this.#phase === 'REQUEST' && type === MESSAGE.ack && numberOfAddress(server) === this.#server) this.#enter(now, 'TFTP');
    return [];
  }
}

const adapter: Adapter<RomInput, RomEffect> = {
  name: 'ROM',
  ports: [DHCP_CLIENT_PORT, TFTP_CLIENT_PORT],
  machine: (host) => new BladeRom(host),
  due: { kind: 'due' },
  first: [{ kind: 'on' }],
  hear: (datagram) => ({ kind: 'datagram', datagram }),
  told: () => undefined,
  perform(effect, host) {
    switch (effect.kind) {
      case 'broadcast':
        return host.send({ fromPort: DHCP_CLIENT_PORT, port: DHCP_SERVER_PORT, bytes: effect.bytes });
      case 'read':
        return host.send({ fromPort: TFTP_CLIENT_PORT, port: TFTP_PORT, bytes: READ_REQUEST, to: effect.server });
      case 'loaded':
        return host.loaded(effect.server);
      case 'observe':
        return host.observe(effect.seen);
    }
  },
};

export const bladeRom = fit(adapter);
