import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { isAuthorizedKey, isPasswordHash } from './login-secrets.ts';

const ED25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

describe('isPasswordHash', () => {
  test('takes what openssl makes', () => {
    expect(isPasswordHash(execFileSync('openssl', ['passwd', '-6', '-salt', 'saltsalt', 'x'], { encoding: 'utf8' }).trim())).toBe(true);
  });

  test.each([
    // crypt(5) gives the forms; the hashes themselves are made up.
    `$6$rounds=100000$saltsaltsaltsalt$${'a'.repeat(86)}`, `$6$s$${'./A0z'.repeat(17)}a`, `$y$j9T$F5Jx5fExrKuPp53xLKQ..1$${'x'.repeat(43)}`,
  ])('%s is one', (text) => expect(isPasswordHash(text)).toBe(true));

  test.each([
    '', 'secret', '*', '!', `$1$saltsalt$${'a'.repeat(22)}`, `$5$saltsalt$${'a'.repeat(43)}`, `$6$saltsalt$${'a'.repeat(85)}`, `$6$salt:salt$${'a'.repeat(86)}`, `$6$${'s'.repeat(17)}$${'a'.repeat(86)}`,
    `$6$saltsalt$${'a'.repeat(86)}\n`, `$6$saltsalt$${'a'.repeat(86)}:0:0`, `$y$j9T$$${'x'.repeat(43)}`,
  ])('%j is none', (text) => expect(isPasswordHash(text)).toBe(false));
});

describe('isAuthorizedKey', () => {
  test.each([`ssh-ed25519 ${ED25519}`, `ssh-ed25519 ${ED25519} admin@example.com`, `ssh-ed25519 ${ED25519} Jörg, the laptop`])('%s is one', (text) => expect(isAuthorizedKey(text)).toBe(true));

  test.each([
    '', 'ssh-ed25519', ED25519, `ssh-rsa ${ED25519}`, `ssh-dss ${ED25519}`, `ssh-ed25519  ${ED25519}`, `ssh-ed25519 ${ED25519.slice(4)}`, `ssh-ed25519 ${ED25519.slice(0, 12)}`, `ssh-ed25519 ${ED25519}\nssh-ed25519 ${ED25519}`,
    `command="rm" ssh-ed25519 ${ED25519}`, '-----BEGIN OPENSSH PRIVATE KEY-----', 'ssh-ed25519 AAAA',
  ])('%j is none', (text) => expect(isAuthorizedKey(text)).toBe(false));
});
