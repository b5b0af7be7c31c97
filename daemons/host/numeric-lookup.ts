// Addresses are numbers here, so there is nothing to look up; dgram's own look-up costs a turn of the event loop a packet.

/** What dgram calls for each address that it is given. */
type Lookup = (hostname: string, options: unknown, callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void) => void;

/** Takes the name for the IPv4 address that it is, at once. bind then reports its failure before it returns. */
export const numericOnly: Lookup = (hostname, _options, callback) => callback(null, hostname, 4);
