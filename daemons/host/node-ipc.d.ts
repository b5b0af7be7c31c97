// The part of node-ipc 14 that is used here; the package brings no types.

declare module 'node-ipc' {
  interface Server {
    on(event: 'error', handler: (error: Error) => void): void;
    on(event: string, handler: (data: unknown, socket: unknown) => void): void;
    emit(socket: unknown, event: string, data: unknown): void;
    start(): void;
    stop(): void;
  }
  interface Client {
    on(event: string, handler: (data: unknown) => void): void;
    emit(event: string, data?: unknown): void;
  }
  export class IPCModule {
    config: Record<string, unknown>;
    of: Record<string, Client>;
    server: Server | false;
    serve(path: string, onStart: () => void): void;
    connectTo(id: string, path: string, onConnect: () => void): void;
    disconnect(id: string): void;
  }
}
