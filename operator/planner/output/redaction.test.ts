import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formsOf, redacted, withoutCredentials } from './redaction.ts'

const TOKEN = 'Tz9+k/"w<x>&y=7Q'

/** The ways in which a server may give it back; none of ours. */
const echoes: [string, (value: string) => string][] = [
  ['as it is', (value) => value],
  ['in another case', (value) => value.toUpperCase()],
  ['in JSON', (value) => JSON.stringify({ got: value })],
  [
    'in JSON as Go writes it',
    (value) =>
      JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026'),
  ],
  ['in base64', (value) => btoa(value)],
  ['in base64 without its end', (value) => btoa(value).replace(/=+$/, '')],
  ['in base64 for URLs', (value) => Buffer.from(value).toString('base64url')],
  ['as a password of Basic', (value) => btoa(`user:${value}`)],
  ['as a password of Basic, behind a longer name', (value) => btoa(`users:${value}`)],
  ['as a password of Basic, behind a longer name still', (value) => btoa(`people:${value}`)],
  ['in a URL', (value) => `https://a.example/?token=${encodeURIComponent(value)}`],
  ['in a URL with small digits', (value) => encodeURIComponent(value).toLowerCase()],
  ['in a form', (value) => new URLSearchParams({ token: value }).toString()],
  [
    'in HTML',
    (value) =>
      `<p>${value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')}</p>`,
  ],
  ['in hexadecimal digits', (value) => Buffer.from(value).toString('hex').toUpperCase()],
]

describe('a credential that is given back', () => {
  test.each(echoes)('%s is hidden', (_, echo) => {
    const text = `before ${echo(TOKEN)} after`
    const shown = redacted(text, formsOf(TOKEN))
    expect(shown).toContain('before ')
    expect(shown).toContain(' after')
    // No three characters in a row of what was given back, but for what stands around it.
    const kept = shown.replaceAll('(header value)', '\u0000')
    for (const piece of [TOKEN, echo(TOKEN), btoa(TOKEN), encodeURIComponent(TOKEN)])
      expect(kept.toLowerCase()).not.toContain(piece.toLowerCase())
    expect(kept).not.toContain('Tz9')
    expect(kept).toContain('\u0000')
  })

  test.each([
    ['without its scheme', 'Bearer s3cr3t', 's3cr3t'],
    ['decoded', `Basic ${btoa('user:s3cr3t')}`, 'password s3cr3t of user'],
    ['decoded, with the name', `basic ${btoa('user:s3cr3t')}`, 'user:s3cr3t'],
    ['as one of several', 'session=abcdefgh; theme=dark', 'unknown session abcdefgh'],
    ['that is short', 'x7', 'got x7'],
  ])('%s is hidden', (_, value, text) => {
    expect(redacted(text, formsOf(value))).toContain('(header value)')
    expect(redacted(text, formsOf(value))).not.toMatch(/s3cr3t|abcdefgh|x7/)
  })

  test('is found wherever it stands in a text that is shown whole', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 3000 }), fc.string({ maxLength: 3000 }), (before, after) => {
        const text = `${before}${TOKEN}${after}`
        return !redacted(text, formsOf(TOKEN), text.length).includes(TOKEN)
      }),
    )
  })

  test('of the greatest size, thirty times, is looked for within a moment', () => {
    const values = Array.from({ length: 30 }, (_, at) => `${'ab '.repeat(2700)}${at}`)
    const shown = redacted('ab'.repeat(500_000), values.flatMap(formsOf))
    expect(shown.length).toBeLessThan(2000)
  })
})

describe('what looks like a credential, where no value is known', () => {
  const PEM = '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----'
  test.each([
    ['authorization: Bearer abc.def', 'authorization: (hidden)'],
    ['{"Authorization":"Basic dXNlcjpwYXNz","host":"x"}', '{"Authorization":"(hidden)","host":"x"}'],
    [String.raw`{\"authorization\": \"token s3cret\"}`, String.raw`{\"authorization\": \"(hidden)\"}`],
    ["{'Proxy-Authorization': 'Negotiate abc'}", "{'Proxy-Authorization': '(hidden)'}"],
    [
      'Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=fe5f80',
      'Authorization: AWS4-HMAC-SHA256 Credential=(hidden), SignedHeaders=host, Signature=(hidden)',
    ],
    ['Set-Cookie: session=abc; Path=/', 'Set-Cookie: (hidden)'],
    ['401 for Bearer 0123456789abcdef', '401 for Bearer (hidden)'],
    ['sent Basic dXNlcjpwYXNz', 'sent Basic (hidden)'],
    ['x-api-key: 12345', 'x-api-key: (hidden)'],
    ['DB_PASSWORD=hunter2 PORT=80', 'DB_PASSWORD=(hidden) PORT=80'],
    ['password: "two words", user: jane', 'password: "(hidden)", user: jane'],
    [String.raw`"password":"with \" in it","n":1`, '"password":"(hidden)","n":1'],
    [String.raw`{\"password\":\"x\",\"n\":1}`, String.raw`{\"password\":\"(hidden)\",\"n\":1}`],
    ["Config(client_secret='abc', n=1)", "Config(client_secret='(hidden)', n=1)"],
    ['{"clientSecret": "abc"}', '{"clientSecret": "(hidden)"}'],
    ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG', 'aws_secret_access_key = (hidden)'],
    ['serve --db-password hunter2 --port 80', 'serve --db-password (hidden) --port 80'],
    ['serve --token=abc', 'serve --token=(hidden)'],
    ['postgres://jane:p@ss@db:5432/models', 'postgres://(hidden)@db:5432/models'],
    ['clone https://ghtoken@host/x and ftp://a:b@c', 'clone https://(hidden)@host/x and ftp://(hidden)@c'],
    [
      'GET https://b.s3.amazonaws.com/m.onnx?X-Amz-Credential=AK%2F1&X-Amz-Date=2026&X-Amz-Security-Token=abc&X-Amz-Signature=12ab 403',
      'GET https://b.s3.amazonaws.com/m.onnx?X-Amz-Credential=(hidden)&X-Amz-Date=2026&X-Amz-Security-Token=(hidden)&X-Amz-Signature=(hidden) 403',
    ],
    [
      'https://x.blob.core.windows.net/m?se=1&sig=ab%3D',
      'https://x.blob.core.windows.net/m?se=1&sig=(hidden)',
    ],
    // A word in a sentence may be a password that somebody made up, and is no sentence by itself.
    ['wrong password: letmein', 'wrong password: (hidden)'],
    ['jane, password: hunter', 'jane, password: (hidden)'],
    ['password: correct horse', 'password: (hidden) horse'],
    ['password: not-so-easy', 'password: (hidden)'],
    ['password=isolde', 'password=(hidden)'],
    ['password: "not found"', 'password: "(hidden)"'],
    ['--password notable', '--password (hidden)'],
    ['api_key: changeme', 'api_key: (hidden)'],
    ['invalid token: abc123', 'invalid token: (hidden)'],
    ['invalid token: qVbTzKpLmN', 'invalid token: (hidden)'],
    ['invalid token: abcdefghijklmnopqrst', 'invalid token: (hidden)'],
    ['invalid token=expects', 'invalid token=(hidden)'],
    ['token: "<a b>"', 'token: "(hidden)"'],
    ['authorization: expects', 'authorization: (hidden)'],
    ['no access for ASIAIOSFODNN7EXAMPLE.', 'no access for (hidden).'],
    ['got eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0', 'got (hidden)'],
    ['hf_ABCDEFGHIJKLMNOPQRSTUV is invalid', '(hidden) is invalid'],
    [`before\n${PEM}\nafter`, 'before\n(hidden)\nafter'],
    ['-----BEGIN PRIVATE KEY-----\nMIIEow', '(hidden)'],
  ])('%j', (said, shown) => {
    expect(withoutCredentials(said)).toBe(shown)
    expect(withoutCredentials(shown)).toBe(shown)
  })

  // As much as is read of a container, in one line: nothing may be looked at again from each place in it.
  test.each([
    'eyJ-',
    '-',
    '--token',
    'eyJ',
    'password',
    'password="',
    'Bearer ',
    '-----BEGIN ',
    '://a',
    'cookie',
    ' ',
    '\\',
  ])('a long run of %j takes no longer than it should', (piece) => {
    const run = piece.repeat(32_768 / piece.length)
    const started = performance.now()
    for (const head of ['', 'password: "', '--password', 'authorization:']) withoutCredentials(head + run)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test.each([
    'max_tokens=4096 tokens: 12',
    'Basic authentication failed, Bearer token expected',
    'secret "gate-token" not found',
    'PASSWORD=None, token: null',
    'GET https://models.example.com/a@b?to=c@d 404',
    'signature: predict(x) → y',
    'model sha256 7be359986e34a33dc1a96d1e42dca2ae0d1573d4aa07111afcfcff51d93c0e7a',
    'the author: jane; keyboard=us',
    'invalid token: expected',
    'SyntaxError: invalid token: expected string, found number',
    'Parse error: unexpected token: identifier (line 3)',
    'Unexpected token: EOF',
    'token: unexpected end of JSON input',
    'bad api_key: malformed',
    'error: argument --token: expected one argument',
    'error: --password is required, or --api-key',
    'password: required',
    'wrong password: authentication failed',
    'secret: not found',
    'Authorization: missing',
    `Unexpected token: '}' at position 12`,
    String.raw`{"msg":"Unexpected token: \"<\", not JSON"}`,
    'eos_token: </s> pad_token=[PAD] bos_token: "<|begin_of_text|>"',
  ])('is left alone: %s', (said) => {
    expect(withoutCredentials(said)).toBe(said)
  })
})
