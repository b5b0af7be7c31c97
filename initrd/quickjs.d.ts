// The parts of QuickJS's own modules that the boot program uses (QuickJS 2025-04-26, quickjs-libc).

declare module 'std' {
  interface File {
    puts(text: string): void;
    flush(): void;
    close(): number;
    getline(): string | null;
    readAsString(maximum?: number): string;
    write(buffer: ArrayBuffer, position: number, length: number): number;
  }
  export const out: File;
  export const err: File;
  export function open(path: string, flags: string, error?: { errno: number }): File | null;
  export function exit(code: number): never;
  export function getenv(name: string): string | undefined;
  export function strerror(errno: number): string;
}

declare module 'os' {
  export const O_RDONLY: number;
  export const O_RDWR: number;
  export const O_WRONLY: number;
  export const O_CREAT: number;
  export const O_TRUNC: number;
  export const O_APPEND: number;
  export const WNOHANG: number;
  export const SIGTERM: number;
  export function open(path: string, flags: number, mode?: number): number;
  export function close(fd: number): number;
  export function seek(fd: number, offset: number | bigint, whence: number): number | bigint;
  export function read(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function write(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function ttySetRaw(fd: number): void;
  export function isatty(fd: number): boolean;
  export function setReadHandler(fd: number, handler: (() => void) | null): void;
  export function setTimeout(handler: () => void, ms: number): unknown;
  export function pipe(): [number, number] | null;
  export function exec(
    argv: readonly string[],
    options?: { block?: boolean; usePath?: boolean; stdin?: number; stdout?: number; stderr?: number; env?: Record<string, string> },
  ): number;
  export function waitpid(pid: number, options: number): [number, number];
  export function kill(pid: number, signal: number): number;
  export function readdir(path: string): [string[], number];
  export function readlink(path: string): [string, number];
  export function stat(path: string): [{ mode: number; size: number } | null, number];
  export function lstat(path: string): [{ mode: number; size: number } | null, number];
  export function mkdir(path: string, mode?: number): number;
  export function remove(path: string): number;
  export function symlink(target: string, path: string): number;
  export function rename(from: string, to: string): number;
  export function sleep(ms: number): void;
  export function now(): number;
  export const platform: string;
}
