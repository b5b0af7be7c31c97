// One read transfer, from the moment its file is known to its last acknowledgement: RFC 1350 section 4 and RFC 7440.
// Positions are counted without wrapping; only the number on the wire wraps to 0 after 65535.

import { after, type Instant, type Machine } from '../core/machine.ts';
import { encodeTftp, TFTP_ERROR, type TftpPacket } from '../wire/tftp-packet.ts';
import type { TransferTerms } from './tftp-options.ts';

/** Seven sendings over half a minute: a blade that was silent for longer is gone or has started over. */
export const RETRANSMISSIONS_MAX = 6;
/** The pause between retransmissions doubles up to this. */
export const RETRANSMIT_MAX_MS = 8000;
const BLOCK_NUMBERS = 65536;

/** How a transfer ended. `refused`: the client sent an ERROR, which EDK2 does when it only wanted the size. */
export type TransferOutcome = 'complete' | 'refused' | 'silent' | 'replaced';

export type TransferInput = { readonly kind: 'start' } | { readonly kind: 'packet'; readonly packet: TftpPacket } | { readonly kind: 'timer' };
export type TransferEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly outcome: TransferOutcome; readonly detail: string };

export class TftpTransfer implements Machine<TransferInput, TransferEffect> {
  readonly #bytes: Uint8Array;
  readonly #terms: TransferTerms;
  /** A file whose size is a multiple of the block's ends with an empty block. */
  readonly #blocks: number;
  /** Blocks that the client has; -1 while the OACK is not acknowledged. */
  #acknowledged: number;
  /** Blocks that were sent at least once since the last step back. */
  #sent = 0;
  #retransmissions = 0;
  #due: Instant | undefined;

  /** `bytes`: the file as it goes over the wire (already netascii where that was asked for). */
  constructor(bytes: Uint8Array, terms: TransferTerms) {
    this.#bytes = bytes;
    this.#terms = terms;
    this.#blocks = Math.floor(bytes.length / terms.blockBytes) + 1;
    this.#acknowledged = terms.granted.length > 0 ? -1 : 0;
  }

  /** Bytes that the client has acknowledged. */
  get doneBytes(): number {
    return Math.min(this.#bytes.length, Math.max(0, this.#acknowledged) * this.#terms.blockBytes);
  }

  deadline(): Instant | undefined {
    return this.#due;
  }

  step(now: Instant, input: TransferInput): readonly TransferEffect[] {
    if (input.kind === 'start') return this.#sendWindow(now);
    if (input.kind === 'timer') return this.#onTimer(now);
    const { packet } = input;
    if (packet.kind === 'ack') return this.#onAck(now, packet.block);
    if (packet.kind === 'error') return this.#end('refused', `ERROR ${packet.code} ${packet.message}`);
    const message = 'only ACK and ERROR belong in a read transfer';
    return [{ kind: 'send', bytes: encodeTftp({ kind: 'error', code: TFTP_ERROR.illegalOperation, message }) }, ...this.#end('refused', message)];
  }

  #onTimer(now: Instant): readonly TransferEffect[] {
    if (this.#due === undefined || now < this.#due) return [];
    if (this.#retransmissions === RETRANSMISSIONS_MAX) return this.#end('silent', `no answer to ${RETRANSMISSIONS_MAX} retransmissions`);
    this.#retransmissions++;
    return this.#sendWindow(now);
  }

  #onAck(now: Instant, number: number): readonly TransferEffect[] {
    if (this.#acknowledged < 0) {
      if (number !== 0) return [];
      return this.#progress(now, 0);
    }
    const ahead = (number - this.#acknowledged + BLOCK_NUMBERS) % BLOCK_NUMBERS;
    // A repeated ACK is not answered: else every duplicate would double all that follows (RFC 1123 section 4.2.3.1).
    // What it may complain of, the timer mends.
    if (ahead === 0 || this.#acknowledged + ahead > this.#sent) return [];
    return this.#progress(now, this.#acknowledged + ahead);
  }

  #progress(now: Instant, acknowledged: number): readonly TransferEffect[] {
    this.#acknowledged = acknowledged;
    this.#retransmissions = 0;
    return acknowledged === this.#blocks ? this.#end('complete', '') : this.#sendWindow(now);
  }

  /** The window after what the client has; an ACK in mid-window means that the rest was lost (RFC 7440 section 4). */
  #sendWindow(now: Instant): readonly TransferEffect[] {
    this.#due = after(now, Math.min(this.#terms.retransmitMs * 2 ** this.#retransmissions, Math.max(RETRANSMIT_MAX_MS, this.#terms.retransmitMs)));
    if (this.#acknowledged < 0) return [{ kind: 'send', bytes: encodeTftp({ kind: 'option-ack', options: this.#terms.granted }) }];
    const { blockBytes, windowBlocks } = this.#terms;
    const effects: TransferEffect[] = [];
    this.#sent = Math.min(this.#acknowledged + windowBlocks, this.#blocks);
    for (let at = this.#acknowledged; at < this.#sent; at++) {
      const data = this.#bytes.subarray(at * blockBytes, (at + 1) * blockBytes);
      effects.push({ kind: 'send', bytes: encodeTftp({ kind: 'data', block: (at + 1) % BLOCK_NUMBERS, data }) });
    }
    return effects;
  }

  #end(outcome: TransferOutcome, detail: string): readonly TransferEffect[] {
    this.#due = undefined;
    return [{ kind: 'end', outcome, detail }];
  }
}
