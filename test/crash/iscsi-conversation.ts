// One iSCSI connection, listened to in both directions: which writes were sent, with which bytes, and what was answered. Tasks belong
// to the connection that their command came over (RFC 7143 section 4.2.2), so connections and sessions need not know of each other.

import { decodeLatin1, concatBytes, viewOf } from '../../daemons/core/bytes.ts';
import { mediumDeed, unmapRanges } from './iscsi-cdb.ts';
import { BHS_BYTES, lunOf, OPCODE, opcodeOf, PduStream, StreamRefused, taskTagOf, type PduPiece } from './iscsi-pdu.ts';

/** A range of the medium, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * What was heard, in order. A write's `data` follow it in any number of pieces, `at` being their place among its `dataBytes`; these are
 * repeated over its ranges, and a write without data writes zeros. A task that is never answered stays under way.
 */
export type Heard =
  | { readonly kind: 'write'; readonly task: number; readonly ranges: readonly ByteRange[]; readonly dataBytes: number; readonly durable: boolean }
  | { readonly kind: 'data'; readonly task: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'flush'; readonly task: number; readonly range: ByteRange }
  | { readonly kind: 'answered'; readonly task: number; readonly good: boolean };

/** The longest text of a login that is read: every key there is fits many times. */
const LOGIN_TEXT_MAX = 65_536;
/** The longest UNMAP parameter list: its length is a 16-bit number. */
const UNMAP_LIST_MAX = 65_536;
const WRITE_BIT = 0x20;

type Side = 'initiator' | 'target';

/** A command under way; `unmap` gathers its parameter list. */
interface Task {
  readonly task: number;
  readonly unmap?: { list: Uint8Array; readonly wantedBytes: number };
  /** False for an UNMAP whose ranges are not known yet. */
  told: boolean;
}

/** The conversation of one connection with one LUN. `newTask` numbers what is heard. */
export class IscsiConversation {
  readonly #lun: number;
  readonly #newTask: () => number;
  readonly #sides: Readonly<Record<Side, { readonly stream: PduStream; header: Uint8Array; text: string }>> = {
    initiator: { stream: new PduStream(), header: new Uint8Array(BHS_BYTES), text: '' },
    target: { stream: new PduStream(), header: new Uint8Array(BHS_BYTES), text: '' },
  };
  readonly #tasks = new Map<number, Task>();
  /** Which side spoke of a digest first: its word is an offer, the other's the answer. */
  readonly #offered = new Map<string, Side>();

  constructor(lun: number, newTask: () => number) {
    this.#lun = lun;
    this.#newTask = newTask;
  }

  /** Listens to bytes of one side. @throws StreamRefused: from here on nothing of the stream can be recorded */
  hear(side: Side, chunk: Uint8Array): Heard[] {
    const heard: Heard[] = [];
    const state = this.#sides[side];
    for (const piece of state.stream.push(chunk)) {
      if (piece.kind === 'header') state.header = piece.header;
      const code = opcodeOf(state.header);
      if (code === OPCODE.loginRequest || code === OPCODE.loginResponse) this.#login(side, piece);
      else if (side === 'initiator' && (code === OPCODE.scsiCommand || code === OPCODE.dataOut)) this.#sent(code, state.header, piece, heard);
      else if (side === 'target' && code === OPCODE.scsiResponse && piece.kind === 'header') this.#answered(piece.header, heard);
    }
    return heard;
  }

  #login(side: Side, piece: PduPiece): void {
    const state = this.#sides[side];
    if (piece.kind === 'data') {
      state.text += decodeLatin1(piece.bytes);
      if (state.text.length > LOGIN_TEXT_MAX) {
        throw new StreamRefused('login', `at most ${LOGIN_TEXT_MAX} bytes of text`, `${state.text.length} bytes`, 'This is no initiator that can be recorded.');
      }
    }
    // The continue bit: the text goes on in the next unit.
    if (piece.kind !== 'end' || (state.header[1]! & 0x40) !== 0) return;
    for (const key of state.text.split('\0')) this.#digest(side, key);
    state.text = '';
  }

  #digest(side: Side, key: string): void {
    const [name = '', value = ''] = key.split('=');
    if (name !== 'HeaderDigest' && name !== 'DataDigest') return;
    const first = this.#offered.get(name) ?? side;
    this.#offered.set(name, first);
    if (first !== side && value !== 'None' && value !== 'Reject') {
      throw new StreamRefused('login', `${name}=None`, key, 'Configure the initiator (or the target) without digests: the recorder does not read them.');
    }
  }

  #sent(code: number, header: Uint8Array, piece: PduPiece, heard: Heard[]): void {
    if (piece.kind === 'header' && code === OPCODE.scsiCommand) this.#command(header, heard);
    if (piece.kind !== 'data') return;
    const task = this.#tasks.get(taskTagOf(header));
    if (task === undefined) return;
    // Immediate data begin at 0; those that follow say where they belong (section 11.7.4).
    const at = (code === OPCODE.dataOut ? viewOf(header).getUint32(40) : 0) + piece.at;
    if (task.unmap === undefined) heard.push({ kind: 'data', task: task.task, at, bytes: piece.bytes });
    else this.#gather(task, at, piece.bytes, heard);
  }

  #command(header: Uint8Array, heard: Heard[]): void {
    const tag = taskTagOf(header);
    this.#tasks.delete(tag);
    const lun = lunOf(header);
    if (lun === undefined) throw new StreamRefused('SCSI command', 'a LUN by peripheral or flat addressing', 'another form', 'Export the disk as a plain LUN.');
    if (lun !== this.#lun) return;
    const sendsData = (header[1]! & WRITE_BIT) !== 0;
    const deed = mediumDeed(header.subarray(32, 48), sendsData);
    if (deed.kind === 'other') return;
    const task = this.#newTask();
    const announced = sendsData ? viewOf(header).getUint32(20) : 0;
    if (deed.kind === 'unmap') {
      this.#tasks.set(tag, { task, unmap: { list: new Uint8Array(), wantedBytes: Math.min(announced, UNMAP_LIST_MAX) }, told: false });
      return;
    }
    this.#tasks.set(tag, { task, told: true });
    if (deed.kind === 'flush') {
      heard.push({ kind: 'flush', task, range: { offset: deed.offset, length: deed.length } });
      return;
    }
    if (announced !== deed.dataBytes) {
      throw new StreamRefused('SCSI write', `${deed.dataBytes} bytes, as its number of 512-byte blocks says`, `${announced} bytes`, 'A LUN of other blocks cannot be recorded.');
    }
    heard.push({ kind: 'write', task, ranges: [{ offset: deed.offset, length: deed.length }], dataBytes: deed.dataBytes, durable: deed.durable });
  }

  /** UNMAP is a write of zeros whose ranges its data tell. */
  #gather(task: Task, at: number, bytes: Uint8Array, heard: Heard[]): void {
    const unmap = task.unmap!;
    if (task.told) return;
    if (at !== unmap.list.length) throw new StreamRefused('UNMAP', 'its parameter list in order', `bytes at ${at} after ${unmap.list.length}`, 'Such a stream cannot be recorded.');
    unmap.list = concatBytes(unmap.list, bytes);
    if (unmap.list.length < unmap.wantedBytes) return;
    task.told = true;
    heard.push({ kind: 'write', task: task.task, ranges: unmapRanges(unmap.list), dataBytes: 0, durable: false });
  }

  #answered(header: Uint8Array, heard: Heard[]): void {
    const tag = taskTagOf(header);
    const task = this.#tasks.get(tag);
    if (task === undefined) return;
    this.#tasks.delete(tag);
    if (task.told) heard.push({ kind: 'answered', task: task.task, good: header[2] === 0 && header[3] === 0 });
  }
}
