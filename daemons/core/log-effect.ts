// What a machine wants written to the log. The shell writes it; the machine itself limits how often strangers can cause one.

/** How much an operator shall care: `error` shouts, `debug` is off in production. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One log line as an effect. `event` is a stable name such as `dhcp.foreign-server`; `fields` never hold a secret. */
export interface LogEffect {
  readonly kind: 'log';
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** Makes a log effect. */
export function logEffect(level: LogLevel, event: string, fields: LogEffect['fields']): LogEffect {
  return { kind: 'log', level, event, fields };
}
