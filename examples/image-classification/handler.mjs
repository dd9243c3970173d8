/** A picture of a handwritten digit to the digits that it may be. sharp decodes, the model does the rest. */
import sharp from 'sharp'

/** @import { FormHandler } from '@modelrelease/model-server/handler' */

const MAX_PIXELS = 25_000_000
/** What the model sees. */
const SIDE = 8
/** Pictures are brought to this size first, and then each 8 x 8 block of them becomes a pixel. */
const BLOCK = 8
const SIZE = SIDE * BLOCK

// Of all the formats that libvips can open, only these two are looked at; the others are not even tried.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg'] })
// The server has as many threads as are good for it, and no picture comes twice.
sharp.concurrency(1)
sharp.cache(false)

/** @type {FormHandler<{ top: number }>} */
export default {
  accepts: 'multipart/form-data',
  textFields: ['top'],

  async preprocess({ file, fields }, { refuse, state }) {
    state.top = Number(fields.top ?? 3)
    if (!Number.isInteger(state.top) || state.top < 1 || state.top > 10) {
      refuse(422, `field 'top': expected an integer from 1 to 10, got '${fields.top}'`)
    }
    const gray = await grayOf(file.path).catch((error) => {
      refuse(422, `the file: expected a PNG or JPEG of at most ${MAX_PIXELS} pixels: ${error.message}`)
    })
    return { pixels: { datatype: 'FP32', shape: [1, SIDE * SIDE], data: inkOf(gray) } }
  },

  postprocess({ probabilities }, { state }) {
    const candidates = Array.from(probabilities.data, (probability, digit) => ({
      label: String(digit),
      probability: Number(probability.toFixed(5)),
    }))
    candidates.sort((a, b) => b.probability - a.probability)
    return { label: candidates[0].label, top: candidates.slice(0, state.top) }
  },

  async selftest({ run }) {
    const blank = new Float32Array(SIDE * SIDE)
    const { probabilities } = await run({
      pixels: { datatype: 'FP32', shape: [1, SIDE * SIDE], data: blank },
    })
    if (probabilities.data.length !== 10)
      throw new Error(`expected 10 probabilities, got ${probabilities.data.length}`)
  },
}

/** Brightness from 0 to 255, SIZE by SIZE, upright, on white paper. */
async function grayOf(path) {
  return sharp(path, { limitInputPixels: MAX_PIXELS })
    .autoOrient()
    .flatten({ background: 'white' })
    .resize(SIZE, SIZE, { fit: 'fill', fastShrinkOnLoad: false })
    .grayscale()
    .raw()
    .toBuffer()
}

/** Ink from 0 to 1 of each pixel of the model. There is more paper than ink, so paper is what most of the picture looks like. */
function inkOf(gray) {
  const isLight = gray.reduce((sum, light) => sum + light, 0) / gray.length > 127
  return Float32Array.from({ length: SIDE * SIDE }, (_, index) => {
    const [row, column] = [Math.floor(index / SIDE) * BLOCK, (index % SIDE) * BLOCK]
    let sum = 0
    for (let y = row; y < row + BLOCK; y += 1) {
      for (let x = column; x < column + BLOCK; x += 1) sum += gray[y * SIZE + x]
    }
    const light = sum / (BLOCK * BLOCK) / 255
    return isLight ? 1 - light : light
  })
}
