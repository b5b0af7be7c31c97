// The file in which metamasterd writes down who serves and what the newest registry is. It lies in memory and is written whole, so that its reader sees one state or the other.

import { renameSync, writeFileSync } from 'node:fs';
import { encodeServing, type ServingRecord } from '../wire/serving-record.ts';

/** Everybody on the node may know it: it is in `status` as well. */
const MODE = 0o644;

export class ServingFile {
  readonly #path: string;
  readonly #onTrouble: (reason: string) => void;
  #trouble = '';

  /** `onTrouble` hears once of each reason why it could not be written; no write ever throws. */
  constructor(path: string, onTrouble: (reason: string) => void) {
    this.#path = path;
    this.#onTrouble = onTrouble;
  }

  write(record: ServingRecord): void {
    try {
      writeFileSync(`${this.#path}.new`, encodeServing(record), { mode: MODE });
      renameSync(`${this.#path}.new`, this.#path);
      this.#trouble = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#trouble) this.#onTrouble(message);
      this.#trouble = message;
    }
  }
}
