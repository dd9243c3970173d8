/** A process of its own: jest's realm cannot load the runtime. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { identity, sequenceModel } from '../test/onnx-writer.ts'

/** Loads the model from standard input, and says what became of it and of its session. */
const PROGRAM = `
import { readFileSync } from 'node:fs'
import './no-telemetry.ts'
import { InferenceSession } from 'onnxruntime-node'
import { loadModel } from './session.ts'
const said = { released: 0 }
const create = InferenceSession.create
InferenceSession.create = async (...args) => {
  const session = await create(...args)
  const release = session.release.bind(session)
  session.release = () => ((said.released += 1), release())
  return session
}
await loadModel(readFileSync(0)).then(
  () => (said.loaded = true),
  (error) => (said.refused = error.message),
)
console.log(JSON.stringify(said))
`

function load(model: Buffer): unknown {
  const said = execFileSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    input: model,
  })
  return JSON.parse(said.toString())
}

test('the session of a model that is refused for its types is freed', () => {
  expect(load(sequenceModel([]))).toEqual({
    released: 1,
    refused:
      "the model has no output that this server speaks; output 'sequence': seq(tensor(float)) is no tensor that the runtime hands over: export it as a tensor of one of those, for example with a Cast",
  })
  expect(load(identity('FP32'))).toEqual({ released: 0, loaded: true })
})

test('a type that the binding does not know is named, with what to do', () => {
  expect(load(identity('BF16'))).toMatchObject({
    refused: expect.stringMatching(
      /^input 'INPUT0' is tensor\(bfloat16\); this server speaks tensor\(bool\), .*: export it/,
    ),
  })
})
