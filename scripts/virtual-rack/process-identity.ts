// Which process is ours: a pid alone says nothing, because pids are used again.

/** What is remembered of a process that was started. */
export interface ProcessRecord {
  /** E.g. `blade-2`, `tgtd`; one process a role. */
  readonly role: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat (proc(5)): when the process began, in clock ticks since the host booted. */
  readonly startTicks: number;
  /** /proc/sys/kernel/random/boot_id: ticks start over when the host boots. */
  readonly bootId: string;
  /** Stands in the process's command line. */
  readonly mark: string;
  readonly startedAtMs: number;
}

/** What /proc shows of a pid now. */
export interface ProcessSeen {
  readonly stat: string;
  /** Arguments, each ended by a zero byte. */
  readonly cmdline: string;
  readonly bootId: string;
}

/** State letter and start time from /proc/PID/stat; undefined when the text is something else. */
export function parseStat(stat: string): { state: string; startTicks: number } | undefined {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 1).trim().split(' ');
  const startTicks = Number(fields[19]);
  return stat.includes(')') && Number.isSafeInteger(startTicks) && fields.length > 19 ? { state: fields[0]!, startTicks } : undefined;
}

/** True when the pid is still the process of the record, and not just its corpse. */
export function isSameProcess(record: ProcessRecord, seen: ProcessSeen | undefined): boolean {
  if (seen === undefined || seen.bootId !== record.bootId) return false;
  const stat = parseStat(seen.stat);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X' || stat.startTicks !== record.startTicks) return false;
  // In the middle of execve(2), while `ip netns exec` becomes QEMU, a process has no command line at all.
  return seen.cmdline === '' || seen.cmdline.includes(record.mark);
}
