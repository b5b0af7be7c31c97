// Commands to a running blade over QEMU's machine protocol (QMP): greeting, capabilities, one command, good-bye.

import { connect } from 'node:net';
import { fail } from './failure.ts';

/** QEMU answers within milliseconds; on a host whose processors are all busy emulating it may take a few seconds. */
const ANSWER_LIMIT_MS = 10_000;

interface QmpMessage {
  readonly QMP?: object;
  readonly event?: string;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

/**
 * Runs one command and gives back its `return` value.
 * Throws an InputError MM-RACK-QMP when nobody listens, the command is refused, or no answer comes in time.
 */
export function qmp(socketPath: string, execute: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
  const refuse = (seen: string): never =>
    fail('MM-RACK-QMP', `${execute} on ${socketPath}`, 'the blade must accept the command', seen, 'See `scripts/rack status` and the qemu log in the state directory.');
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = '';
    let answers = 0;
    const finish = (act: () => void): void => {
      socket.destroy();
      act();
    };
    const broken = (seen: string): void => finish(() => reject(thrown(() => refuse(seen))));
    socket.setTimeout(ANSWER_LIMIT_MS, () => broken(`no answer within ${ANSWER_LIMIT_MS} ms`));
    socket.on('error', (error) => broken(error.message));
    socket.on('close', () => broken('the connection was closed'));
    socket.on('data', (chunk) => {
      const complete = (text + chunk.toString('utf8')).split('\n');
      text = complete.pop()!;
      for (const line of complete) {
        const message = JSON.parse(line) as QmpMessage;
        if (message.QMP !== undefined) socket.write('{"execute":"qmp_capabilities"}\n');
        else if (message.error !== undefined) return broken(`${message.error.class}: ${message.error.desc}`);
        else if (message.event === undefined && ++answers === 1) socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
        else if (message.event === undefined) return finish(() => resolve(message.return));
      }
    });
  });
}

/** The error that `act` throws. */
function thrown(act: () => never): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
