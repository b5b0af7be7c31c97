// The machine under the boot program, by QuickJS and the initrd's programs.

import * as os from 'os';
import * as std from 'std';
import { encodeUtf8 } from '../daemons/core/bytes.ts';
import type { BootHost, Feed, Ran } from './boot-host.ts';

const SEEK_SET = 0;
/** The most that is kept of what a program prints, in bytes. */
const KEPT_OUTPUT = 256 * 1024;
const DIRECT_BLOCK = 4096;
/** The bits of a file's mode that are permissions. */
const PERMISSIONS = 0o7777;
/** open(2) on x86-64; QuickJS has no name for it. */
const O_NONBLOCK = 0o4000;
/** Direct transfers go through a file in memory, one at a time. */
const TRANSFER_FILE = '/run/metamaster.block';

/** What the program prints while it runs is gathered through a pipe; a child that keeps the pipe open does not hold us up. */
function run(argv: readonly string[]): Ran {
  const pipe = os.pipe();
  if (pipe === null) return { code: 127, said: 'no pipe' };
  const [readEnd, writeEnd] = pipe;
  const nothing = os.open('/dev/null', os.O_RDONLY);
  const pid = os.exec([...argv], { block: false, stdin: nothing, stdout: writeEnd, stderr: writeEnd });
  os.close(writeEnd);
  os.close(nothing);
  if (pid < 0) {
    os.close(readEnd);
    return { code: 127, said: `${argv[0]} cannot be started` };
  }
  const buffer = new ArrayBuffer(16 * 1024);
  let said = '';
  for (let got = os.read(readEnd, buffer, 0, buffer.byteLength); got > 0; got = os.read(readEnd, buffer, 0, buffer.byteLength)) {
    if (said.length < KEPT_OUTPUT) said += String.fromCharCode(...new Uint8Array(buffer, 0, got));
  }
  os.close(readEnd);
  const [, status] = os.waitpid(pid, 0);
  return { code: (status & 0x7f) === 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f), said };
}

/**
 * The end that is read stays open here as well: so a reader that died is no SIGPIPE, which would end the boot. A pipe's end is opened a
 * second time by its name in /proc because that is how one that does not wait is to be had: QuickJS has no fcntl.
 */
function openFeed(): Feed | undefined {
  const pipe = os.pipe();
  if (pipe === null) return undefined;
  const [readEnd, waitingEnd] = pipe;
  const writeEnd = os.open(`/proc/self/fd/${waitingEnd}`, os.O_WRONLY | O_NONBLOCK);
  os.close(waitingEnd);
  if (writeEnd < 0) {
    os.close(readEnd);
    return undefined;
  }
  let pid = -1;
  const running = (): boolean => {
    if (pid > 0 && os.waitpid(pid, os.WNOHANG)[0] !== 0) pid = -1;
    return pid > 0;
  };
  return {
    running,
    start(argv) {
      if (running()) os.kill(pid, os.SIGTERM);
      const nothing = os.open('/dev/null', os.O_RDWR);
      pid = os.exec([...argv], { block: false, stdin: readEnd, stdout: nothing, stderr: nothing });
      os.close(nothing);
    },
    write(text) {
      // Up to PIPE_BUF, 4096 bytes, a pipe takes all or nothing.
      const bytes = encodeUtf8(text);
      return os.write(writeEnd, bytes.buffer as ArrayBuffer, 0, bytes.length) === bytes.length;
    },
  };
}

function readText(path: string): string | undefined {
  // std.loadFile takes a file's size from stat, which is zero in /proc: open and read instead.
  const file = std.open(path, 'r');
  if (file === null) return undefined;
  const text = file.readAsString();
  file.close();
  return text;
}

function failed(what: string, path: string, result: number): Error {
  return new Error(`${path}: ${what}: ${std.strerror(-result)}`);
}

function readAt(device: string, offset: number, length: number): Uint8Array {
  const fd = os.open(device, os.O_RDONLY);
  if (fd < 0) throw failed('cannot be opened', device, fd);
  try {
    const buffer = new ArrayBuffer(length);
    os.seek(fd, BigInt(offset), SEEK_SET);
    for (let done = 0; done < length; ) {
      const got = os.read(fd, buffer, done, length - done);
      if (got <= 0) throw failed(`${length} bytes at ${offset} could not be read`, device, got);
      done += got;
    }
    return new Uint8Array(buffer);
  } finally {
    os.close(fd);
  }
}

function writeBytes(path: string, bytes: Uint8Array, mode: number): void {
  const fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode);
  if (fd < 0) throw failed('cannot be written', path, fd);
  try {
    const copy = Uint8Array.from(bytes);
    for (let done = 0; done < copy.length; ) {
      const put = os.write(fd, copy.buffer, done, copy.length - done);
      if (put <= 0) throw failed('was not written whole', path, put);
      done += put;
    }
  } finally {
    os.close(fd);
  }
}

/** Opened without O_CREAT: a FIFO that is gone must not become a file. Up to PIPE_BUF, 4096 bytes, a FIFO takes all or nothing. */
function send(path: string, text: string): boolean {
  const fd = os.open(path, os.O_WRONLY | O_NONBLOCK);
  if (fd < 0) return false;
  const bytes = encodeUtf8(text);
  const sent = os.write(fd, bytes.buffer as ArrayBuffer, 0, bytes.length);
  os.close(fd);
  return sent === bytes.length;
}

function makeFolder(path: string): void {
  if (path === '' || os.stat(path)[0] !== null) return;
  makeFolder(path.slice(0, path.lastIndexOf('/')));
  os.mkdir(path, 0o755);
}

function transfer(what: string, device: string, argv: readonly string[]): void {
  const ran = run(argv);
  if (ran.code !== 0) throw new Error(`${device}: ${what} failed: ${ran.said.trim().split('\n').at(-1) ?? ''}`);
}

/** `conv`: when dd ends, `notrunc` with the device's acknowledgement, `notrunc,fsync` after a flush of its cache. */
function writeBlocks(device: string, offset: number, bytes: Uint8Array, conv: string): void {
  writeBytes(TRANSFER_FILE, bytes, 0o600);
  transfer('a direct write', device, [
    'dd', `if=${TRANSFER_FILE}`, `of=${device}`, `bs=${DIRECT_BLOCK}`, `seek=${offset / DIRECT_BLOCK}`, `conv=${conv}`, 'oflag=direct',
  ]);
}

/** The blade itself. */
export const quickjsHost: BootHost = {
  run,
  start: (argv) => void os.exec([...argv], { block: false }),
  openFeed,
  readText,
  writeText(path, text, mode) {
    writeBytes(path, encodeUtf8(text), mode);
    // A file that was there keeps the mode it had. QuickJS has no chmod, and each program started costs the boot 30 ms.
    const [stat] = os.stat(path);
    if (stat !== null && (stat.mode & PERMISSIONS) !== mode && !path.startsWith('/proc/') && !path.startsWith('/sys/')) run(['chmod', mode.toString(8), path]);
  },
  rename(from, to) {
    const result = os.rename(from, to);
    if (result < 0) throw failed(`cannot be renamed to ${to}`, from, result);
  },
  send,
  makeFolder,
  link(target, name) {
    os.remove(name);
    const result = os.symlink(target, name);
    if (result < 0) throw failed('cannot be made a link', name, result);
  },
  list: (path) => os.readdir(path)[0].filter((name) => name !== '.' && name !== '..').sort(),
  exists: (path) => os.stat(path)[0] !== null,
  readAt,
  readDirect(device, offset, length) {
    transfer('a direct read', device, [
      'dd', `if=${device}`, `of=${TRANSFER_FILE}`, `bs=${DIRECT_BLOCK}`, `skip=${offset / DIRECT_BLOCK}`, `count=${length / DIRECT_BLOCK}`, 'iflag=direct',
    ]);
    return readAt(TRANSFER_FILE, 0, length);
  },
  writeDirect: (device, offset, bytes) => writeBlocks(device, offset, bytes, 'notrunc,fsync'),
  writeAcknowledged: (device, offset, bytes) => writeBlocks(device, offset, bytes, 'notrunc'),
  flush: (device) => transfer('a flush', device, ['dd', 'if=/dev/null', `of=${device}`, 'conv=notrunc,fsync']),
  randomBytes: (count) => readAt('/dev/urandom', 0, count),
  uptimeSeconds: () => Number((readText('/proc/uptime') ?? '0').split(' ')[0]),
  unixMs: () => Date.now(),
  print(line) {
    std.out.puts(`${line}\n`);
    std.out.flush();
  },
  sleep: (ms) => new Promise((resolve) => void os.setTimeout(() => resolve(), ms)),
};
