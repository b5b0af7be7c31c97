// How root may log in: the form of password hashes and of SSH public keys, judged without ever repeating them.

/** SHA-512 crypt: salt of 16 characters at most, 86 characters of hash. */
const SHA512_CRYPT = /^\$6\$(rounds=[1-9][0-9]{3,8}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$/;

/** yescrypt (crypt(5)): parameters, salt of 86 characters at most, 43 characters of hash. */
const YESCRYPT = /^\$y\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}$/;

const KEY_TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/** True for a hash that Debian's login takes and that is not weaker than SHA-512: it begins with `$6$` or `$y$`. */
export function isPasswordHash(text: string): boolean {
  return SHA512_CRYPT.test(text) || YESCRYPT.test(text);
}

/**
 * True for one line of an authorized_keys file without options (sshd(8)): key type, key, comment. The key's own first field must
 * repeat the type (RFC 4253 section 6.6), which a line that lost its beginning does not.
 */
export function isAuthorizedKey(text: string): boolean {
  if (/[^ -~\u00a0-\uffff]/.test(text)) return false;
  const [type = '', blob = ''] = text.split(' ');
  if (!KEY_TYPES.has(type) || !/^[A-Za-z0-9+/]+={0,2}$/.test(blob) || blob.length % 4 !== 0) return false;
  const bytes = Buffer.from(blob, 'base64');
  return bytes.length > 4 + type.length && bytes.readUInt32BE(0) === type.length && bytes.toString('latin1', 4, 4 + type.length) === type;
}
