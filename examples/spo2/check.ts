/** Uploads clips with known pulses to the real server. Run by check.sh: it needs ffmpeg. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ServerProcess } from '../../model-server/test/server-process.ts'

type Color = { brightness: number; swing: number }
type Answer = { status: number; body: Record<string, unknown> }

const LOSSLESS = ['-c:v', 'libx264rgb', '-qp', '0']
/** As phones record: with sound, colors at half the resolution, and rounded away by the encoder. */
const PHONE = [
  '-f',
  'lavfi',
  '-i',
  'sine',
  '-shortest',
  '-c:v',
  'libx264',
  '-pix_fmt',
  'yuv420p',
  '-crf',
  '12',
]
const MJPEG = ['-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p']
const PATH = '/usr/local/bin:/usr/bin:/bin'

const folder = mkdtempSync(join(tmpdir(), 'spo2-check-'))
let server: ServerProcess
let origin: string

before(async () => {
  server = new ServerProcess({
    MODEL_NAME: 'spo2',
    MODEL_URI: fileURLToPath(new URL('models/spo2-1.onnx', import.meta.url)),
    HANDLER: fileURLToPath(new URL('handler.ts', import.meta.url)),
    TMPDIR: folder,
    DRAIN_DELAY_MS: '0',
    PATH,
  })
  await Promise.all([server.logged('Handler loaded'), server.logged('Model loaded and warmed up')])
  origin = await server.origin()
})

after(async () => {
  await server.kill()
  rmSync(folder, { recursive: true })
})

function ffmpeg(...args: string[]): void {
  const { status, stderr } = spawnSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
}

/** A finger; each pixel rounds in its own way, as the noise of a camera does, so that a swing below one step is in the mean. */
function clip(
  name: string,
  {
    red,
    blue,
    hz = 1.2,
    seconds = 6,
    codec = LOSSLESS,
    noise = '',
  }: {
    red: Color
    blue: Color
    hz?: number
    seconds?: number
    codec?: readonly string[]
    noise?: string
  },
): string {
  const plane = ({ brightness, swing }: Color): string =>
    `'${brightness}+${swing}*sin(2*PI*${hz}*T)+mod(X*7+Y*13,16)/16'`
  const source = `color=black:s=64x64:r=30:d=${seconds},format=gbrp,geq=r=${plane(red)}:g='20':b=${plane(blue)}${noise}`
  const path = join(folder, name)
  ffmpeg('-f', 'lavfi', '-i', source, ...codec, path)
  return path
}

async function upload(path: string): Promise<Answer> {
  const form = new FormData()
  form.append('file', new Blob([readFileSync(path)]), 'clip.mp4')
  const response = await fetch(`${origin}/run`, { method: 'POST', body: form })
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

function near(got: unknown, wanted: number, tolerance: number): void {
  assert.ok(
    Math.abs(Number(got) - wanted) <= tolerance,
    `${String(got)} is not within ${tolerance} of ${wanted}`,
  )
}

void describe('clips with a known ratio', () => {
  const cases = [
    { name: 'half', red: 1.9, hz: 1.2, codec: LOSSLESS, noise: '', tolerance: 0.1 },
    { name: 'one', red: 3.8, hz: 2, codec: LOSSLESS, noise: '', tolerance: 0.1 },
    { name: 'as-a-phone', red: 3.8, hz: 1.2, codec: PHONE, noise: ',noise=alls=16:allf=t', tolerance: 0.5 },
  ]
  for (const { name, red, hz, codec, noise, tolerance } of cases) {
    void test(name, async () => {
      const path = clip(`${name}.mp4`, {
        red: { brightness: 190, swing: red },
        blue: { brightness: 50, swing: 1 },
        hz,
        codec,
        noise,
      })
      const { status, body } = await upload(path)
      assert.equal(status, 200, JSON.stringify(body))
      const ratio = red / 190 / (1 / 50)
      near(body.spo2, 100 - 5 * ratio, tolerance)
      near(body.pulse, hz * 60, 3)
      near(body.seconds, 6, 0.1)
      assert.equal(body.notice, 'not a medical device')
    })
  }
})

void describe('what cannot be used is 422, and why', () => {
  const finger = { red: { brightness: 190, swing: 2 }, blue: { brightness: 50, swing: 1 } }
  const text = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const made = (name: string, ...args: string[]): string => {
    ffmpeg(...args, join(folder, name))
    return join(folder, name)
  }
  const cut = (path: string): string => {
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, bytes.length / 2))
    return path
  }
  const cases: [string, () => string, RegExp][] = [
    [
      'no video',
      () => text('note.mp4', 'hello'),
      /^the file: expected a video \(MP4, MOV, WebM, AVI\), got none/,
    ],
    [
      'a playlist, which would make ffmpeg read other files',
      () => text('list.mp4', '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n'),
      /^the file: expected a video/,
    ],
    [
      'a list of files',
      () => text('concat.mp4', "ffconcat version 1.0\nfile 'half.mp4'\n"),
      /^the file: expected a video/,
    ],
    [
      'sound',
      () => made('sound.mp4', '-f', 'lavfi', '-i', 'sine=d=6'),
      /^the file: expected a video, got none$/,
    ],
    ['half of a video', () => cut(clip('cut.mp4', finger)), /^the file: expected a video/],
    [
      'frames of a bomb',
      () => made('bomb.avi', '-f', 'lavfi', '-i', 'color=red:s=8192x4096:r=1:d=1', ...MJPEG),
      /^the video: expected frames of at most 9437184 pixels, got 8192 x 4096$/,
    ],
    [
      'too short',
      () => clip('short.mp4', { ...finger, seconds: 3 }),
      /^the video: expected at least 5 seconds, got 3\.0$/,
    ],
    [
      'too dark',
      () => clip('dark.mp4', { red: { brightness: 4, swing: 1 }, blue: { brightness: 2, swing: 1 } }),
      /^the video: too dark/,
    ],
    [
      'no pulse',
      () => clip('still.mp4', { red: { brightness: 190, swing: 0 }, blue: { brightness: 50, swing: 0 } }),
      /^the video: no pulse found/,
    ],
  ]
  for (const [name, make, message] of cases) {
    void test(name, async () => {
      const { status, body } = await upload(make())
      assert.equal(status, 422, JSON.stringify(body))
      assert.match(String(body.error), message)
    })
  }
})

void test('nothing of all that stays behind', async () => {
  server.child.kill('SIGTERM')
  assert.equal(await server.exited, 0)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('model-server-')),
    [],
  )
})
