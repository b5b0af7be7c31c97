// Real-time priority (sched(7)) for one thread of a process. It needs CAP_SYS_NICE, or a limit that allows it (LimitRTPRIO of a unit).

import { readFileSync } from 'node:fs';
import { libc } from './libc.ts';

const SCHED_RR = 2;
/** What the thread starts has no claim to its priority. */
const SCHED_RESET_ON_FORK = 0x40000000;
/** The policies of sched(7) by their numbers. */
const POLICIES: readonly string[] = ['other', 'fifo', 'rr', 'batch', '', 'idle', 'deadline'];

/** How a thread is scheduled. */
export interface Scheduling {
  readonly policy: string;
  /** 1 to 99; 0 without a real-time policy. */
  readonly priority: number;
}

/** How the calling thread is scheduled: fields 40 and 41 of proc_pid_stat(5), counted behind the name, which may hold anything. */
export function ownScheduling(): Scheduling {
  const stat = readFileSync('/proc/thread-self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const policy = Number(fields[38]);
  return { policy: POLICIES[policy] ?? `policy ${policy}`, priority: Number(fields[37]) };
}

/** Asks for SCHED_RR at that priority for the calling thread alone, and says what it has then. What is refused changes nothing. */
export function enterRealTime(priority: number): Scheduling {
  libc().sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, new Uint8Array(Int32Array.of(priority).buffer));
  return ownScheduling();
}
