import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, encodeLatin1 } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { DETAIL_MAX } from '../wire/stage-report.ts';
import { answerHttp, type HttpContent, type HttpRequest, URL_MAX } from './http-answer.ts';

const MAC = '52:54:00:00:00:03';
const BARRED = '52:54:00:00:00:66';
const CONTENT: HttpContent = {
  file: (name) => (name === 'vmlinuz' || name === 'efi/a b+c' ? { bytes: encodeLatin1('0123456789'), sha256: 'ab12' } : undefined),
  scriptFor: (client) => (('mac' in client ? client.mac === MAC : client.address === '10.1.0.3') ? '#!ipxe node3' : undefined),
  barredScript: (mac) => (mac === BARRED ? '#!ipxe barred' : undefined),
  closed: () => undefined,
  askAgainScript: () => '#!ipxe again',
  hardware: (nonce, client) => (client !== '10.1.0.3' ? 'stranger' : nonce.startsWith('0') ? 'none' : encodeLatin1('sealed')),
  status: () => ({ node: 1 }),
};

function ask(url: string, more: Partial<HttpRequest> = {}) {
  const response = answerHttp({ method: 'GET', url, headers: {}, clientAddress: '10.1.0.99' as Ipv4, ...more }, CONTENT);
  return { ...response, text: response.body && decodeUtf8(response.body) };
}

describe('files', () => {
  test('whole', () => {
    expect(ask('/vmlinuz')).toMatchObject({ status: 200, text: '0123456789', headers: { 'content-length': '10', etag: '"ab12"', 'accept-ranges': 'bytes' } });
  });
  test('the head alone has the same length and no body', () => {
    const head = ask('/vmlinuz', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '10' } });
    expect(head.body).toBeUndefined();
  });
  test.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=10-', 416, 'no such range\n', 'bytes */10'],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
  ])('range %s', (range, status, text, contentRange) => {
    const response = ask('/vmlinuz', { headers: { range } });
    expect(response).toMatchObject({ status, text });
    expect(response.headers['content-range']).toBe(contentRange);
    expect(response.headers['content-length']).toBe(String(text.length));
  });
  test('If-Range of another version gets the whole', () => {
    expect(ask('/vmlinuz', { headers: { range: 'bytes=2-4', 'if-range': '"old"' } }).status).toBe(200);
    expect(ask('/vmlinuz', { headers: { range: 'bytes=2-4', 'if-range': '"ab12"' } }).status).toBe(206);
  });
  test.each([['"ab12"', 304], ['W/"ab12"', 304], ['"x", "ab12"', 304], ['*', 304], ['"x"', 200]])('If-None-Match %s: %i', (header, status) => {
    const response = ask('/vmlinuz', { headers: { 'if-none-match': header } });
    expect(response.status).toBe(status);
    expect(response.headers['etag']).toBe('"ab12"');
    expect(response.body === undefined).toBe(status === 304);
  });
  test.each(['/nothing', '/', '', '/../vmlinuz', '/%2e%2e/vmlinuz', '/vmlinuz/', '/vmlinuz%00'])('%s is not there', (url) => {
    expect(ask(url).status).toBe(404);
  });
  test.each(['//vmlinuz', 'http://10.1.0.1/vmlinuz', '/vmlinuz?x=1', '/vmlinuz#x', '/%76mlinuz', '/efi/a%20b+c'])('%s is', (url) => expect(ask(url).status).toBe(200));
});

test.each([['POST', '/vmlinuz'], ['PUT', '/x'], ['DELETE', '/boot.ipxe'], ['HEAD', '/stage'], ['POST', '/san-login.img']])('%s %s is refused with what is allowed', (method, url) => {
  const response = ask(url, { method });
  expect(response.status).toBe(405);
  expect(response.headers['allow']).toMatch(/^GET, /);
});

test('what cannot be read is refused', () => {
  expect(ask('/%zz').status).toBe(400);
  expect(ask('/stage?mac=%zz').status).toBe(400);
  expect(ask(`/${'x'.repeat(URL_MAX)}`).status).toBe(414);
});

describe('the boot script', () => {
  test.each([
    ['by MAC', '/boot.ipxe?mac=52-54-00-00-00-03', '10.1.0.99', 200, '#!ipxe node3'],
    ['by address', '/boot.ipxe', '10.1.0.3', 200, '#!ipxe node3'],
    ['by address, when the MAC is another interface\'s', '/boot.ipxe?mac=52:54:00:00:00:77', '10.1.0.3', 200, '#!ipxe node3'],
    ['unknown address: it shall say its MAC', '/boot.ipxe', '10.1.0.99', 200, '#!ipxe again'],
    ['unknown MAC', '/boot.ipxe?mac=52:54:00:00:00:77', '10.1.0.99', 404, undefined],
    ['no MAC at all', '/boot.ipxe?mac=me', '10.1.0.99', 404, undefined],
  ])('%s', (_name, url, address, status, script) => {
    const response = ask(url, { clientAddress: address as Ipv4 });
    expect(response.status).toBe(status);
    if (script !== undefined) expect(response.text).toBe(script);
    expect(response.headers['cache-control']).toBe('no-store');
  });
});

describe('the SAN\'s login', () => {
  const image = Uint8Array.of(7, 8, 9);
  const asked: unknown[] = [];
  const withLogin: HttpContent = {
    ...CONTENT,
    sanLogin: (mac, client) => {
      asked.push([mac, client]);
      return mac === MAC ? { given: true, node: 3, mac, image } : { given: false, mac, reason: 'not-in-roster' };
    },
  };
  const get = (url: string, method = 'GET', headers = {}) => answerHttp({ method, url, headers, clientAddress: '10.1.0.3' as Ipv4 }, withLogin);
  test('whole, and for no cache', () => {
    expect(get('/san-login.img?mac=52-54-00-00-00-03', 'GET', { range: 'bytes=0-0', 'if-none-match': '*' })).toEqual({
      status: 200, body: image, headers: { 'content-type': 'application/octet-stream', 'content-length': '3', 'cache-control': 'no-store' }, handout: { given: true, node: 3, mac: MAC, image },
    });
    expect(asked.at(-1)).toEqual([MAC, '10.1.0.3']);
  });
  test.each(['/san-login.img?mac=52:54:00:00:00:09', '/san-login.img?mac=x', '/san-login.img'])('%s is refused, and not told why', (url) => {
    const response = get(url);
    expect(response).toMatchObject({ status: 403, headers: { 'cache-control': 'no-store' }, handout: { given: false } });
    expect(decodeUtf8(response.body!)).toBe('not for you, or not now\n');
  });
  test('not by HEAD, nor from a server that has none', () => {
    expect(get(`/san-login.img?mac=${MAC}`, 'HEAD')).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    expect(ask(`/san-login.img?mac=${MAC}`).status).toBe(404);
  });
});

describe('a barred machine', () => {
  test('gets its own script, also at the address of the node that it was', () => {
    const response = ask(`/boot.ipxe?mac=${BARRED}`, { clientAddress: '10.1.0.3' as Ipv4 });
    expect(response).toMatchObject({ status: 200, text: '#!ipxe barred', barred: BARRED });
  });
  test('is told why the login is not for it', () => {
    const content: HttpContent = { ...CONTENT, sanLogin: (mac) => ({ given: false, mac, reason: 'barred' }) };
    const response = answerHttp({ method: 'GET', url: `/san-login.img?mac=${BARRED}`, headers: {}, clientAddress: '10.1.0.3' as Ipv4 }, content);
    expect(response).toMatchObject({ status: 403, barred: BARRED, handout: { reason: 'barred' } });
    expect(decodeUtf8(response.body!)).toBe('MM-BOOT-BARRED: this machine was replaced, and is barred\n');
  });
});

test('a node that has stood down serves nothing, says why, and still tells of itself and hears of others', () => {
  const content: HttpContent = { ...CONTENT, closed: () => 'MM-AGENT-BARRED: was replaced' };
  const answer = (url: string) => answerHttp({ method: 'GET', url, headers: {}, clientAddress: '10.1.0.3' as Ipv4 }, content);
  for (const url of ['/vmlinuz', '/boot.ipxe', `/boot.ipxe?mac=${MAC}`, `/san-login.img?mac=${MAC}`, '/nothing']) {
    expect(answer(url).status, url).toBe(503);
    expect(decodeUtf8(answer(url).body!)).toBe('this node does not serve: MM-AGENT-BARRED: was replaced\n');
  }
  expect([answer('/status').status, answer(`/stage?mac=${MAC}&step=x`).status]).toEqual([200, 204]);
});

test('status is JSON', () => expect(ask('/status')).toMatchObject({ status: 200, text: '{"node":1}\n', headers: { 'content-type': 'application/json' } }));

describe('stage reports', () => {
  test('by GET and by POST', () => {
    const report = { mac: MAC, step: 'iscsi-login', detail: 'took 2 s' };
    for (const method of ['GET', 'POST']) expect(ask(`/stage?mac=${MAC}&step=iscsi-login&detail=took+2%20s`, { method })).toMatchObject({ status: 204, report });
  });
  test('the detail is one printable line of bounded length', () => {
    const { report } = ask(`/stage?mac=${MAC}&step=x&detail=a%0Ab%1b${'y'.repeat(300)}`);
    expect(report?.detail).toMatch(/^a b y+$/);
    expect(report?.detail).toHaveLength(DETAIL_MAX);
  });
  test.each(['/stage', '/stage?step=x', `/stage?mac=${MAC}`, `/stage?mac=${MAC}&step=UP`, `/stage?mac=${MAC}&step=${'x'.repeat(33)}`])('%s is refused', (url) => {
    expect(ask(url)).toMatchObject({ status: 400 });
    expect(ask(url).report).toBeUndefined();
  });
});

test('fuzz: whatever the URL, there is an answer whose Content-Length is that of its body', () => {
  const part = fc.constantFrom('/', 'stage', 'boot.ipxe', 'vmlinuz', '?', '&', '=', '%', '%00', '..', 'mac', 'step', '\u{1f600}', '\ud800');
  fc.assert(fc.property(fc.array(part), fc.string(), (parts, range) => {
    const response = ask(parts.join(''), { headers: { range } });
    if (response.body !== undefined) expect(response.headers['content-length']).toBe(String(response.body.length));
    else expect([204, 304]).toContain(response.status);
  }), { numRuns: 500 });
});

describe('hardware', () => {
  const NODE = { clientAddress: '10.1.0.3' as Ipv4 };
  const NONCE = 'ab'.repeat(16);
  test('is told to a node, sealed, and for no cache to keep', () => {
    expect(ask(`/hardware?nonce=${NONCE}`, NODE)).toMatchObject({ status: 200, text: 'sealed', headers: { 'cache-control': 'no-store', 'content-length': '6' } });
  });
  test('is not told to a stranger, and not before it was read', () => {
    expect(ask(`/hardware?nonce=${NONCE}`)).toMatchObject({ status: 403, text: 'not for you\n' });
    expect(ask(`/hardware?nonce=${'01'.repeat(16)}`, NODE).status).toBe(503);
  });
  test.each(['', '?nonce=', '?nonce=ab', `?nonce=${'AB'.repeat(16)}`, `?nonce=${'ab'.repeat(17)}`])('%j is no question', (query) => expect(ask(`/hardware${query}`, NODE).status).toBe(400));
  test('has no head, and is not there on a server that has none', () => {
    expect(ask(`/hardware?nonce=${NONCE}`, { ...NODE, method: 'HEAD' }).status).toBe(405);
    const { hardware: _, ...without } = CONTENT;
    expect(answerHttp({ method: 'GET', url: `/hardware?nonce=${NONCE}`, headers: {}, ...NODE }, without).status).toBe(404);
  });
});
