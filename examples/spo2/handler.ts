/**
 * A video of a fingertip to an estimate of blood oxygen. Not a medical device: see README.md.
 * ffmpeg makes 16 x 16 pixels of each frame, signal.ts the ratio of each window, and the model the estimate.
 */
import { basename } from 'node:path'
import type { Context, FormHandler } from '@modelrelease/model-server/handler'
import { RATE, median, windowsOf } from './signal.ts'
import type { Colors, Window } from './signal.ts'

type State = { windows: Window[]; seconds: number }

/** A phone's 4K; what decodes to more is a bomb, or nothing that we need. */
const MAX_PIXELS = 4096 * 2304
const MAX_SECONDS = 30
/** Pixels of a frame, as ffmpeg gives them to us. */
const SIDE = 16
const PIXELS = SIDE * SIDE
const PLANES = 3
/** What phones and browsers record. Others may name further files (playlists), or have decoders that nobody looks after. */
const FORMATS = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi'
const CODECS = [
  'h264,hevc,vp8,vp9,av1,libdav1d,mpeg4,mjpeg',
  // ffprobe opens the sound too, and gives up on what it may not open.
  'aac,ac3,eac3,alac,amrnb,amrwb,flac,libopus,libvorbis,mp3,mp3float,opus,pcm_s16be,pcm_s16le,pcm_u8,vorbis',
].join()
// Scaled to one pixel at once ffmpeg 5.1 rounds away a third of blue's pulse; 16 x 16 averaged by us are exact.
const SHRINK = `fps=${RATE},scale=${SIDE}:${SIDE}:flags=area+accurate_rnd+full_chroma_int+full_chroma_inp,format=gbrp16le`

const handler: FormHandler<State> = {
  accepts: 'multipart/form-data',

  async preprocess(form, context) {
    const input = ['-protocol_whitelist', 'file', '-format_whitelist', FORMATS, '-codec_whitelist', CODECS]
    const source = `file:${basename(form.file.path)}`
    await checkVideo([...input, source], form.folder, context)
    const colors = await readColors([...input, '-t', String(MAX_SECONDS), '-i', source], form.folder, context)
    const windows = windowsOf(colors)
    context.state.windows = windows
    context.state.seconds = colors.red.length / RATE
    return {
      ratio: {
        datatype: 'FP32',
        shape: [windows.length, 1],
        data: Float32Array.from(windows, ({ ratio }) => ratio),
      },
    }
  },

  postprocess({ spo2 }, { state: { windows, seconds } }) {
    const estimates = Array.from(spo2?.data as Float32Array)
    return {
      spo2: round(Math.min(100, median(estimates)), 1),
      ratio: round(median(windows.map(({ ratio }) => ratio)), 4),
      pulse: Math.round(median(windows.map(({ pulse }) => pulse))),
      seconds: round(seconds, 1),
      windows: windows.map(({ ratio, pulse }, index) => ({
        spo2: round(estimates[index] ?? NaN, 1),
        ratio: round(ratio, 4),
        pulse,
      })),
      notice: 'not a medical device',
    }
  },

  /** A pod whose image lacks ffmpeg must never be ready. */
  async selftest({ exec, run }) {
    for (const program of ['ffmpeg', 'ffprobe']) {
      const { code, stderr } = await exec(program, ['-version'])
      if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}`)
    }
    const { spo2 } = await run({ ratio: { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(1) } })
    if (!(Number(spo2?.data[0]) > 0)) throw new Error(`the model made ${spo2?.data[0]} of a ratio of 1`)
  },
}

export default handler

/** Looks before it decodes: whether there is a video, and how large its frames are. */
async function checkVideo(
  input: readonly string[],
  cwd: string,
  { exec, refuse }: Context<State>,
): Promise<void> {
  const show = ['-select_streams', 'V:0', '-show_entries', 'stream=width,height', '-of', 'json']
  const { code, stdout, stderr } = await exec('ffprobe', ['-v', 'error', ...show, ...input], { cwd })
  if (code !== 0)
    refuse(422, `the file: expected a video (MP4, MOV, WebM, AVI), got none: ${lastLine(stderr)}`)
  const { streams = [] } = JSON.parse(new TextDecoder().decode(stdout)) as {
    streams?: { width?: number; height?: number }[]
  }
  const [video] = streams
  if (!video) refuse(422, 'the file: expected a video, got none')
  const { width = 0, height = 0 } = video as { width?: number; height?: number }
  if (width * height > MAX_PIXELS || width * height === 0) {
    refuse(422, `the video: expected frames of at most ${MAX_PIXELS} pixels, got ${width} x ${height}`)
  }
}

async function readColors(
  input: readonly string[],
  cwd: string,
  { exec, refuse }: Context<State>,
): Promise<Colors> {
  const { code, stdout, stderr } = await exec(
    'ffmpeg',
    [
      ...['-nostdin', '-hide_banner', '-v', 'error', '-threads', '1', '-max_pixels', String(MAX_PIXELS)],
      ...input,
      ...['-map', '0:V:0', '-vf', SHRINK, '-frames:v', String(MAX_SECONDS * RATE)],
      ...['-f', 'rawvideo', 'pipe:1'],
    ],
    { cwd },
  )
  if (code !== 0) refuse(422, `the video: it cannot be decoded: ${lastLine(stderr)}`)
  return meanColors(stdout)
}

/** Frames of three planes in the order green, blue, red; 16 bits, little-endian. */
function meanColors(bytes: Uint8Array): Colors {
  const frameValues = PIXELS * PLANES
  const values = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
  const frames = Math.floor(values.length / frameValues)
  const plane = (frame: number, index: number): number => {
    const start = frame * frameValues + index * PIXELS
    return values.subarray(start, start + PIXELS).reduce((sum, value) => sum + value, 0) / PIXELS / 65_535
  }
  return {
    red: Float64Array.from({ length: frames }, (_, frame) => plane(frame, 2)),
    blue: Float64Array.from({ length: frames }, (_, frame) => plane(frame, 1)),
  }
}

/** Without the path: ffmpeg says `file:upload: Invalid data found…`. */
function lastLine(stderr: string): string {
  return (stderr.trim().split('\n').at(-1) ?? '').replace(/^file:\w+: /, '').slice(0, 200)
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
