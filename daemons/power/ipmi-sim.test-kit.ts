// A BMC for tests: OpenIPMI's `ipmi_sim` on a free port of this machine, with a blade that is a file.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const IPMI_USER = 'rack';
export const IPMI_PASSWORD = 'only-for-this-test';
/** The simulator takes a moment to listen. */
const START_TRIES = 40;
const START_PAUSE_MS = 100;

/** What the tests need and is not there; empty when all is. */
export const missingPrograms = (): readonly string[] => ['ipmi_sim', 'ipmitool'].filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);

/** The chassis: ipmi_sim calls it as `chassis.sh 0x20 get power` and `chassis.sh 0x20 set power 0`. */
const chassisScript = (folder: string): string => `#!/bin/sh
cd '${folder}' || exit 1
shift
operation=$1
shift
while [ $# -gt 0 ]; do
  case "$operation $1" in
    'get power') echo "power:$(cat power)"; shift ;;
    'get '*) echo "$1:0"; shift ;;
    'set power') [ -e stuck ] || echo "$2" > power; shift 2 ;;
    'set shutdown') [ -e deaf ] || echo 0 > power; shift 2 ;;
    'set '*) shift 2 ;;
    *) shift ;;
  esac
done
`;

const configuration = (folder: string, port: number): string => `name "blade"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "${join(folder, 'chassis.sh')} 0x20"
  user 2 true "${IPMI_USER}" "${IPMI_PASSWORD}" operator 10 none md2 md5 straight
`;

const EMULATION = 'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n';

function freeUdpPort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** A running simulator. */
export class IpmiSim {
  readonly port: number;
  readonly folder: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.#process = spawn('ipmi_sim', ['-c', join(folder, 'lan.conf'), '-f', join(folder, 'emulation'), '-s', join(folder, 'state'), '-n'], { stdio: 'ignore' });
  }

  /** Starts one in an empty folder; the blade is on. */
  static async start(folder: string): Promise<IpmiSim> {
    const port = await freeUdpPort();
    mkdirSync(join(folder, 'state'));
    writeFileSync(join(folder, 'power'), '1\n');
    writeFileSync(join(folder, 'chassis.sh'), chassisScript(folder), { mode: 0o755 });
    writeFileSync(join(folder, 'lan.conf'), configuration(folder, port));
    writeFileSync(join(folder, 'emulation'), EMULATION);
    const sim = new IpmiSim(folder, port);
    // It says nothing when it is ready; the kernel knows.
    const listens = (): boolean => readFileSync('/proc/net/udp', 'utf8').toUpperCase().includes(`0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} `);
    for (let i = 0; i < START_TRIES && !listens(); i++) await new Promise((resolve) => setTimeout(resolve, START_PAUSE_MS));
    if (!listens()) throw new Error('ipmi_sim does not listen');
    return sim;
  }

  get power(): 'on' | 'off' {
    return readFileSync(join(this.folder, 'power'), 'utf8').trim() === '1' ? 'on' : 'off';
  }

  set power(power: 'on' | 'off') {
    writeFileSync(join(this.folder, 'power'), power === 'on' ? '1\n' : '0\n');
  }

  /** `stuck`: power commands are taken and do nothing. `deaf`: the system ignores the power button. */
  misbehave(how: 'stuck' | 'deaf'): void {
    writeFileSync(join(this.folder, how), '');
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null || !existsSync(this.folder)) return resolve();
      this.#process.once('exit', () => resolve()).kill('SIGKILL');
    });
  }
}
