// How busy a machine is, as it is measured (host/system-load.ts) and as a node tells it to the others.

export interface SystemLoad {
  /** Processes that ran or waited for a processor or a disk, on average over the last minute (proc(5), loadavg). */
  readonly load1: number;
  readonly processors: number;
  /** What programs can have without swapping (MemAvailable). */
  readonly memoryFreeBytes: number;
  readonly memoryBytes: number;
}
