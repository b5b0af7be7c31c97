// How one node asks another what it is made of: `GET /hardware?nonce=…` of the boot web server. The answer is sealed under the cluster's key for
// that nonce (daemons/host/sealed-answer.ts); what is in it is JSON (daemons/hardware/hardware-facts.ts).

/** The path, without its leading slash. */
export const HARDWARE_PATH = 'hardware';
/** Drawn by who asks, for each question anew. */
export const HARDWARE_NONCE_BYTES = 16;
export const HARDWARE_NONCE = /^[0-9a-f]{32}$/;
/** The longest answer, unsealed: with every list full it comes to some 70 KB. */
export const HARDWARE_FACTS_MAX_BYTES = 128 * 1024;
/** By this word its answers are told from any other sealed thing. */
export const HARDWARE_PURPOSE = 'hardware';

/** Path and query of a question. */
export const hardwareUrl = (nonce: string): string => `/${HARDWARE_PATH}?nonce=${nonce}`;
