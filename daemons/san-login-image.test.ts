import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { sanLoginArchive } from './http-boot/san-login-handout.ts';
import { sanLoginImage } from './san-login-image.ts';

test('the image is the archive, compressed, so that the kernel takes it at any offset', () => {
  const login = { user: 'rack', password: 'topsecret-topsecret' };
  const image = sanLoginImage(login);
  expect([image[0], image[1]]).toEqual([0x1f, 0x8b]);
  expect(new Uint8Array(gunzipSync(image))).toEqual(sanLoginArchive(login));
});
