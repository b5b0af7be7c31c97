// What a power controller can be asked, and what its answer means. Every kind of controller is put into these few words, so that the
// power control and whoever fences need not know which kind it is.

/** What a power controller says of a blade. `unknown` is everything that is neither a plain on nor a plain off. */
export type PowerState = 'on' | 'off' | 'unknown';

/** What a controller is asked: its state, power on, power off at once, or a press of the power button, which the system may obey. */
export type ControllerCommand = 'read' | 'on' | 'off' | 'soft';

/** What came of it. */
export type ControllerAnswer =
  /** To `read` only: the state, and the controller's own words for it. */
  | { readonly kind: 'state'; readonly state: PowerState; readonly said: string }
  /** It took the command. Whether the blade obeyed is another question. */
  | { readonly kind: 'accepted' }
  /** It was given the command, understood it and answered no, e.g. because the blade is in that state already. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It has no such command, so it was not given any. */
  | { readonly kind: 'unable'; readonly reason: string }
  /** No answer that means anything: not reached, too slow, wrong password, out of order. */
  | { readonly kind: 'failed'; readonly reason: string };

/** What a kind of controller is able to do. */
export interface Abilities {
  /** It tells the state of the blade. Without it nothing that it does can be proved. */
  readonly reads: boolean;
  /** It can take a blade's power away. */
  readonly switchesOff: boolean;
}

/** Longer reasons are cut: a controller may answer with a whole web page. */
const REASON_MAX = 200;

/** The last line of what a program or controller said, fit for a terminal and a log. */
export function reasonText(said: string): string {
  const line = said.split(/[\r\n]+/).findLast((text) => text.trim() !== '')?.trim() ?? '';
  const printable = line.replaceAll(/\p{C}/gu, '?');
  return printable.length > REASON_MAX ? `${printable.slice(0, REASON_MAX)}…` : printable;
}
