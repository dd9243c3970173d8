/** Uploads pictures of digits to the real server and compares with scikit-learn. Run by check.sh: it needs sharp. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { ServerProcess } from '../../model-server/test/server-process.ts'

const { samples } = JSON.parse(readFileSync(new URL('samples.json', import.meta.url), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'digits-check-'))
const local = (path) => fileURLToPath(new URL(path, import.meta.url))
let server
let origin

before(async () => {
  server = new ServerProcess({
    MODEL_NAME: 'digits',
    MODEL_URI: local('models/digits-1.onnx'),
    HANDLER: local('handler.mjs'),
    TMPDIR: folder,
    DRAIN_DELAY_MS: '0',
  })
  await Promise.all([server.logged('Handler loaded'), server.logged('Model loaded and warmed up')])
  origin = await server.origin()
})

after(async () => {
  await server.kill()
  rmSync(folder, { recursive: true })
})

/** A sample as a picture: black ink on white paper, or the other way round, each of its pixels `scale` wide. */
function picture({ image }, { scale = 8, light = true } = {}) {
  const gray = Buffer.from(image.map((ink) => Math.round((light ? 1 - ink / 16 : ink / 16) * 255)))
  return sharp(gray, { raw: { width: 8, height: 8, channels: 1 } }).resize(8 * scale, 8 * scale, {
    kernel: 'nearest',
  })
}

async function upload(bytes, fields = {}) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new Blob([bytes]), 'digit.png')
  const response = await fetch(`${origin}/run`, { method: 'POST', body: form })
  return { status: response.status, body: await response.json() }
}

describe('every sample is taken for what scikit-learn takes it for', () => {
  const cases = [
    ['as PNG', (sample) => picture(sample).png(), 0.005],
    ['as JPEG', (sample) => picture(sample).jpeg({ quality: 95 }), 0.02],
    ['white on black', (sample) => picture(sample, { light: false }).png(), 0.005],
    [
      'large, in color, with alpha',
      (sample) => picture(sample, { scale: 40 }).toColourspace('srgb').ensureAlpha().png(),
      0.05,
    ],
  ]
  for (const [name, make, tolerance] of cases) {
    test(name, async () => {
      for (const sample of samples) {
        const { status, body } = await upload(await make(sample).toBuffer(), { top: '10' })
        assert.equal(status, 200, JSON.stringify(body))
        assert.equal(body.top.length, 10)
        for (const { label, probability } of body.top) {
          const wanted = sample.probabilities[Number(label)]
          assert.ok(
            Math.abs(probability - wanted) <= tolerance,
            `${label}: ${probability}, scikit-learn ${wanted}`,
          )
        }
        assert.equal(body.label, body.top[0].label)
      }
    })
  }
})

test('three candidates, the best first, where no number is given', async () => {
  const { body } = await upload(await picture(samples[0]).png().toBuffer())
  assert.equal(body.top.length, 3)
  assert.ok(
    body.top[0].probability >= body.top[1].probability && body.top[1].probability >= body.top[2].probability,
  )
})

describe('what cannot be used is 422, and why', () => {
  const png = () => picture(samples[0]).png().toBuffer()
  const blank = (width, height) =>
    sharp({ create: { width, height, channels: 3, background: 'white' } })
      .png()
      .toBuffer()
  const cases = [
    ['no picture', async () => [Buffer.from('hello')], /^the file: expected a PNG or JPEG/],
    [
      'another format',
      async () => [await picture(samples[0]).webp().toBuffer()],
      /^the file: expected a PNG or JPEG/,
    ],
    ['half of a picture', async () => [(await png()).subarray(0, 60)], /^the file: expected a PNG or JPEG/],
    [
      'a bomb',
      async () => [await blank(6000, 5000)],
      /^the file: .*at most 25000000 pixels: .*exceeds pixel limit/,
    ],
    [
      'too many candidates',
      async () => [await png(), { top: '11' }],
      /^field 'top': expected an integer from 1 to 10, got '11'$/,
    ],
  ]
  for (const [name, make, message] of cases) {
    test(name, async () => {
      const { status, body } = await upload(...(await make()))
      assert.equal(status, 422, JSON.stringify(body))
      assert.match(body.error, message)
    })
  }
})

test('nothing of all that stays behind', async () => {
  server.child.kill('SIGTERM')
  assert.equal(await server.exited, 0)
  assert.deepEqual(readdirSync(folder), [])
})
