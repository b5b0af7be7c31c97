// A proxy in front of an iSCSI target that writes down what is written through it. It forwards every byte untouched; an event stands in
// the journal before the bytes that tell of it go on, so that whoever acts upon an answer acts after it in the journal as well.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { IscsiConversation } from './iscsi-conversation.ts';
import { StreamRefused } from './iscsi-pdu.ts';
import { JournalWriter } from './write-journal.ts';

/** Where a socket is. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What is recorded, and where. */
export interface RecorderOptions {
  /** Port 0: any. */
  readonly listen: Endpoint;
  readonly target: Endpoint;
  /** Where the journal is made. */
  readonly folder: string;
  readonly lun: number;
  /** False: what the target answers is durable, for it has no write cache. */
  readonly writeCache: boolean;
}

/** A recording under way. */
export class WriteRecorder {
  readonly #options: RecorderOptions;
  readonly #journal: JournalWriter;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #tasks = 0;
  #refused: string | undefined;

  private constructor(options: RecorderOptions) {
    this.#options = options;
    this.#journal = new JournalWriter(options.folder, options.writeCache);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Begins to listen. @throws Error when a journal is there already, or nobody may listen there */
  static async open(options: RecorderOptions): Promise<WriteRecorder> {
    const recorder = new WriteRecorder(options);
    await new Promise<void>((resolve, reject) => {
      recorder.#server.once('error', reject);
      recorder.#server.listen(options.listen.port, options.listen.address, resolve);
    });
    return recorder;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Why the stream cannot be recorded; undefined while it can. */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** Ends every connection, and the journal. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#journal.close();
  }

  #accept(initiator: Socket): void {
    if (this.#refused !== undefined) {
      initiator.destroy();
      return;
    }
    const target = connect(this.#options.target.port, this.#options.target.address);
    const conversation = new IscsiConversation(this.#options.lun, () => this.#tasks++);
    this.#relay(initiator, target, (chunk) => this.#hear(conversation, 'initiator', chunk));
    this.#relay(target, initiator, (chunk) => this.#hear(conversation, 'target', chunk));
  }

  /** Forwards one direction. A side that does not take more keeps the other from sending more. */
  #relay(from: Socket, to: Socket, hear: (chunk: Uint8Array) => boolean): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (chunk: Buffer) => {
      if (hear(chunk) && !to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    // What went wrong with one side is told to the other by closing it.
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.end();
    });
  }

  /** Writes down what a chunk tells; false: it must not go on. */
  #hear(conversation: IscsiConversation, side: 'initiator' | 'target', chunk: Uint8Array): boolean {
    if (this.#refused !== undefined) return false;
    try {
      for (const heard of conversation.hear(side, chunk)) this.#journal.take(heard);
      return true;
    } catch (error) {
      if (!(error instanceof StreamRefused)) throw error;
      this.#refused = error.message;
      this.#journal.refuse(error.message);
      for (const socket of this.#sockets) socket.destroy();
      return false;
    }
  }
}
