// For tests: iscsid and iscsiadm in a booted node, as far as a session to a further portal goes (usr/iscsiadm.c, usr/idbm.c of open-iscsi):
// a record is a file, made anew by `--op new`, and a login goes by what stands in it.

import { portalsOf } from '../../daemons/core/roster.ts';
import type { Ran } from '../boot-host.ts';
import type { ModelBlade } from '../model-blade.test-kit.ts';

const OK: Ran = { code: 0, said: '' };
const NO_RECORDS: Ran = { code: 21, said: 'iscsiadm: No records found\n' };

export class ModelIscsid {
  readonly #blade: ModelBlade;
  /** False: a login shows a session whose disk the kernel has not found yet. */
  scans = true;

  constructor(blade: ModelBlade) {
    this.#blade = blade;
  }

  /** The answer to iscsiadm; undefined for other programs. */
  answer([program, ...words]: readonly string[]): Ran | undefined {
    if (program !== 'iscsiadm') return undefined;
    const value = (option: string): string => words[words.indexOf(option) + 1]!;
    const [address = '', port = ''] = value('-p').split(':');
    const path = `/var/lib/iscsi/nodes/${value('-T')}/${address},${port}`;
    const { files } = this.#blade;
    if (words.includes('new')) {
      this.#blade.writeText(path, `# BEGIN RECORD 2.1.11\niface.iscsi_ifacename = ${value('-I')}\nnode.session.auth.authmethod = None\n# END RECORD\n`, 0o600);
      return OK;
    }
    const record = files.get(path);
    if (record?.includes(`iface.iscsi_ifacename = ${value('-I')}\n`) !== true) return NO_RECORDS;
    if (words.includes('update')) files.set(path, record.replace('# END', `${value('-n')} = ${value('-v')}\n# END`));
    return words.includes('--login') ? this.#login(address, port, record) : OK;
  }

  #login(address: string, port: string, record: string): Ran {
    const { san } = this.#blade;
    const portal = [...portalsOf(san.registry.roster.san), ...san.unlistedPortals].findIndex((one) => one.address === address);
    if (!san.reachable || portal < 0 || san.deadPortals.has(address)) return { code: 8, said: `iscsiadm: Could not login to [iface: default, portal: ${address},${port}].\niscsiadm: initiator reported error (8 - connection timed out)\n` };
    const { chap } = san;
    if (chap !== undefined && ![`username = ${chap.user}\n`, `password = ${chap.password}\n`].every((line) => record.includes(`node.session.auth.${line}`))) return { code: 24, said: 'iscsiadm: initiator reported error (24 - iSCSI login failed due to authorization failure)\n' };
    this.#blade.showSession(portal, address, port);
    if (!this.scans) for (const file of this.#blade.files.keys()) if (file.startsWith(`/sys/class/iscsi_session/session${portal + 1}/device/`)) this.#blade.files.delete(file);
    return OK;
  }
}
