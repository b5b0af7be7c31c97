// The smallest iSCSI initiator (RFC 7143) that can ask the SAN a question: one connection, CHAP if need be, one command at a time.
// It is there because nothing on the host can: the kernel's initiator knows no second namespace, and tgtadm does not show mode pages.

import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { concatBytes, decodeLatin1, encodeLatin1, fromHex, toHex, viewOf } from '../../daemons/core/bytes.ts';
import type { ChapAccount } from '../../daemons/core/chap.ts';

const HEADER = 48;
export const SECTOR = 512;
/** The target answers from memory, or after one flush of its disk; ten seconds mean that it hangs. */
const ANSWER_LIMIT_MS = 10_000;

const put32 = (view: DataView, at: number, value: number): void => view.setUint32(at, value >>> 0);

/** A protocol data unit with its data padded to four bytes (RFC 7143 section 11.2). */
function pdu(fill: (bytes: Uint8Array, view: DataView) => void, data: Uint8Array): Uint8Array {
  const header = new Uint8Array(HEADER);
  fill(header, viewOf(header));
  viewOf(header).setUint32(4, data.length & 0xffffff);
  return concatBytes(header, data, new Uint8Array((4 - (data.length % 4)) % 4));
}

/** Stages of a login (RFC 7143 section 11.12.3): what a request is in, and with the transit bit where it wants to go. */
const SECURITY = 0x00;
const SECURITY_TO_OPERATIONAL = 0x81;
const OPERATIONAL_TO_FULL_FEATURE = 0x87;

const OPERATIONAL_KEYS = ['HeaderDigest=None', 'DataDigest=None', 'ImmediateData=Yes', 'InitialR2T=Yes', 'MaxRecvDataSegmentLength=65536'] as const;
const namesOf = (initiator: string, target: string): readonly string[] => [`InitiatorName=${initiator}`, `TargetName=${target}`, 'SessionType=Normal'];

/** A login request of one stage (RFC 7143 section 11.12). */
function stagePdu(stage: number, keys: readonly string[], expected = 0): Uint8Array {
  return pdu((bytes, view) => {
    bytes[0] = 0x43; // immediate, login
    bytes[1] = stage;
    bytes[8] = 0x80; // ISID of the random type
    bytes[13] = 1;
    put32(view, 24, 1);
    put32(view, 28, expected);
  }, encodeLatin1(keys.map((key) => `${key}\0`).join('')));
}

/** A login request straight into the operational stage and on to full feature. */
export const loginPdu = (initiator: string, target: string): Uint8Array => stagePdu(OPERATIONAL_TO_FULL_FEATURE, [...namesOf(initiator, target), ...OPERATIONAL_KEYS]);

/** CHAP with MD5 (RFC 1994 section 4.1): the hash of identifier, secret and challenge. */
export function chapResponse(identifier: number, secret: string, challenge: Uint8Array): Uint8Array {
  return createHash('md5').update(Uint8Array.of(identifier)).update(secret).update(challenge).digest();
}

/** The keys of a login's text. */
function keysOf(data: Uint8Array): ReadonlyMap<string, string> {
  return new Map(decodeLatin1(data).split('\0').filter((key) => key.includes('=')).map((key) => [key.slice(0, key.indexOf('=')), key.slice(key.indexOf('=') + 1)]));
}

/** A SCSI command to LUN 1 (RFC 7143 section 11.3), with all data to be written as immediate data. */
export function commandPdu(cdb: Uint8Array, sequence: number, expected: number, write: Uint8Array, readBytes: number): Uint8Array {
  return pdu((bytes, view) => {
    bytes[0] = 0x01;
    bytes[1] = 0x81 | (readBytes > 0 ? 0x40 : 0) | (write.length > 0 ? 0x20 : 0);
    bytes[9] = 1;
    put32(view, 16, sequence);
    put32(view, 20, write.length > 0 ? write.length : readBytes);
    put32(view, 24, sequence);
    put32(view, 28, expected);
    bytes.set(cdb, 32);
  }, write);
}

/** True when a MODE SENSE(6) answer with the caching page (SBC-3 section 6.4.5) has WCE set; undefined when it is no such answer. */
export function writeCacheOf(modeSense: Uint8Array): boolean | undefined {
  const page = modeSense.subarray(4 + (modeSense[3] ?? 0));
  return page.length > 2 && (page[0]! & 0x3f) === 8 ? (page[2]! & 0x04) !== 0 : undefined;
}

const cdb10 = (operation: number, sector: number, sectors: number): Uint8Array => {
  const cdb = new Uint8Array(10);
  cdb[0] = operation;
  viewOf(cdb).setUint32(2, sector);
  viewOf(cdb).setUint16(7, sectors);
  return cdb;
};

/** A session with the SAN's LUN 1. Every method throws an Error when the target refuses or is silent. */
export class IscsiSession {
  readonly #socket: Socket;
  #sequence = 1;
  #expected = 1;
  #pending: Uint8Array = new Uint8Array();
  #wake: ((error?: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#pending = concatBytes(this.#pending, chunk);
      this.#wake?.();
    });
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`)));
    socket.on('error', (error) => this.#wake?.(error));
    socket.on('close', () => this.#wake?.(new Error('the target closed the connection')));
  }

  /** Connects and logs in; with an account it proves itself by CHAP, and asks for no proof of the target. */
  static async open(address: string, port: number, initiator: string, target: string, account?: ChapAccount): Promise<IscsiSession> {
    const session = new IscsiSession(connect(port, address));
    if (account === undefined) await session.#stage(loginPdu(initiator, target));
    else await session.#prove(namesOf(initiator, target), account);
    return session;
  }

  async #prove(names: readonly string[], { user, password }: ChapAccount): Promise<void> {
    await this.#stage(stagePdu(SECURITY, [...names, 'AuthMethod=CHAP']));
    const asked = await this.#stage(stagePdu(SECURITY, ['CHAP_A=5'], this.#expected));
    const challenge = fromHex((asked.get('CHAP_C') ?? '').replace(/^0x/i, ''));
    if (challenge === undefined || challenge.length === 0) throw new Error('the target gave no CHAP challenge in hexadecimal');
    const proof = chapResponse(Number(asked.get('CHAP_I')), password, challenge);
    await this.#stage(stagePdu(SECURITY_TO_OPERATIONAL, [`CHAP_N=${user}`, `CHAP_R=0x${toHex(proof)}`], this.#expected));
    await this.#stage(stagePdu(OPERATIONAL_TO_FULL_FEATURE, OPERATIONAL_KEYS, this.#expected));
  }

  /** Sends one request of a login; the answer must be a login response that says success and goes where the request wants. */
  async #stage(request: Uint8Array): Promise<ReadonlyMap<string, string>> {
    this.#socket.write(request);
    const { header, data } = await this.#next();
    if (header[0] !== 0x23 || header[36] !== 0 || (header[1]! & 0x80) !== (request[1]! & 0x80)) throw new Error(`login refused, status ${header[36]}.${header[37]}`);
    this.#expected = viewOf(header).getUint32(24) + 1;
    return keysOf(data);
  }

  /** True when the LUN acknowledges writes before they are on its disk; undefined when it does not say. */
  async writeCache(): Promise<boolean | undefined> {
    return writeCacheOf(await this.#command(Uint8Array.of(0x1a, 0x08, 0x08, 0, 0xff, 0), new Uint8Array(), 255));
  }

  /** The number of sectors. */
  async capacity(): Promise<number> {
    return viewOf(await this.#command(cdb10(0x25, 0, 0), new Uint8Array(), 8)).getUint32(0) + 1;
  }

  read(sector: number, sectors: number): Promise<Uint8Array> {
    return this.#command(cdb10(0x28, sector, sectors), new Uint8Array(), sectors * SECTOR);
  }

  async write(sector: number, data: Uint8Array): Promise<void> {
    await this.#command(cdb10(0x2a, sector, data.length / SECTOR), data, 0);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #command(cdb: Uint8Array, write: Uint8Array, readBytes: number, mayRetry = true): Promise<Uint8Array> {
    this.#socket.write(commandPdu(cdb, this.#sequence++, this.#expected, write, readBytes));
    let data = new Uint8Array();
    for (;;) {
      const unit = await this.#next();
      const operation = unit.header[0]! & 0x3f;
      if (operation === 0x25) data = concatBytes(data, unit.data) as Uint8Array<ArrayBuffer>;
      const final = operation === 0x21 || (operation === 0x25 && (unit.header[1]! & 1) !== 0);
      if (!final) continue;
      this.#expected = viewOf(unit.header).getUint32(24) + 1;
      if (unit.header[3] === 0) return data;
      // The first command of a session is told that the session is new (unit attention); it is simply asked again.
      if (mayRetry) return this.#command(cdb, write, readBytes, false);
      throw new Error(`SCSI command 0x${cdb[0]!.toString(16)}: status ${unit.header[3]}`);
    }
  }

  async #next(): Promise<{ header: Uint8Array; data: Uint8Array }> {
    for (;;) {
      if (this.#pending.length >= HEADER) {
        const length = viewOf(this.#pending).getUint32(4) & 0xffffff;
        const whole = HEADER + Math.ceil(length / 4) * 4;
        if (this.#pending.length >= whole) {
          const header = this.#pending.slice(0, HEADER);
          const data = this.#pending.slice(HEADER, HEADER + length);
          this.#pending = this.#pending.slice(whole);
          return { header, data };
        }
      }
      await new Promise<void>((resolve, reject) => {
        this.#wake = (error) => (error === undefined ? resolve() : reject(error));
      });
      this.#wake = undefined;
    }
  }
}
