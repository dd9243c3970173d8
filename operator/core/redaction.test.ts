import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formsOf, redacted } from './redaction.ts'

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
