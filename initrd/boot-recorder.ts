// The recorder of a node, in its root: reads facts about boots from a FIFO in memory and keeps them on the state volume. It is a process of
// its own because the state volume is on the SAN: when that stands still, this stands still, and metamasterd serves on. On QuickJS: 3 MB.
// `qjs -m boot-recorder.js FIFO FOLDER`

import * as os from 'os';
import * as std from 'std';
import { FILES_MAX, recordFile, RecordRotation } from './record-rotation.ts';

/** As much as a pipe holds. */
const READ_BYTES = 64 * 1024;
/** A FIFO that cannot be read is a fault that nothing here mends: systemd starts this program again. */
const EXIT_FIFO = 1;

function say(text: string): void {
  std.err.puts(`boot-recorder: ${text}\n`);
  std.err.flush();
}

function rotate(folder: string): void {
  for (let age = FILES_MAX - 2; age >= 0; age--) os.rename(`${folder}/${recordFile(age)}`, `${folder}/${recordFile(age + 1)}`);
}

/** Appends, whole or not at all as far as the file system lets it. What cannot be written is lost, and said. */
function append(folder: string, bytes: Uint8Array): void {
  const path = `${folder}/${recordFile(0)}`;
  const fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640);
  if (fd < 0) return say(`${path}: ${std.strerror(-fd)}; ${bytes.length} bytes are lost`);
  const copy = Uint8Array.from(bytes);
  for (let done = 0; done < copy.length; ) {
    const put = os.write(fd, copy.buffer, done, copy.length - done);
    if (put <= 0) {
      say(`${path}: ${std.strerror(-put)}; ${copy.length - done} bytes are lost`);
      break;
    }
    done += put;
  }
  os.close(fd);
}

function main(fifo: string, folder: string): void {
  // For writing as well: so it never ends when metamasterd does.
  const fd = os.open(fifo, os.O_RDWR);
  if (fd < 0) {
    say(`${fifo}: ${std.strerror(-fd)}`);
    std.exit(EXIT_FIFO);
  }
  const rotation = new RecordRotation(os.stat(`${folder}/${recordFile(0)}`)[0]?.size ?? 0);
  const buffer = new ArrayBuffer(READ_BYTES);
  for (;;) {
    const got = os.read(fd, buffer, 0, READ_BYTES);
    if (got <= 0) {
      say(`${fifo}: ${std.strerror(-got)}`);
      std.exit(EXIT_FIFO);
    }
    for (const effect of rotation.take(new Uint8Array(buffer, 0, got))) {
      if (effect.kind === 'rotate') rotate(folder);
      else append(folder, effect.bytes);
    }
  }
}

const [, fifo, folder] = (globalThis as { scriptArgs?: readonly string[] }).scriptArgs ?? [];
if (fifo === undefined || folder === undefined) {
  say('needs the FIFO and the folder');
  std.exit(EXIT_FIFO);
}
main(fifo, folder);
