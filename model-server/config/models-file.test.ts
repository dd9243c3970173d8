import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { scratchFolder } from '../test/scratch-folder.ts'
import { ConfigError, readConfig } from './config.ts'
import type { Config } from './config.ts'
import { PREDICTION } from './warm-up.ts'

const folder = scratchFolder('model-server-config')
const path = join(folder, 'models.json')

function read(file: unknown, env: Record<string, string> = {}): Config {
  writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file))
  return readConfig({ MODELS_FILE: path, ...env })
}

function problemsOf(file: unknown, env?: Record<string, string>): string[] {
  try {
    read(file, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n- ').slice(1)
    throw error
  }
  return []
}

const least = { name: 'housing', uri: 'housing-1.onnx' }

test('a model of the file has the defaults of the README, and its paths go out from the folder of the file', () => {
  expect(read({ models: [least] }).models).toEqual([
    {
      name: 'housing',
      version: '1',
      isDefault: false,
      location: { type: 'File', path: join(folder, 'housing-1.onnx') },
      sha256: undefined,
      maxBytes: 512 * 2 ** 20,
      columns: undefined,
      warmUp: [],
      maxQueue: undefined,
      servingMode: 'auto',
      workers: undefined,
      maxBatchSize: 512,
      batchDelayMs: 0,
    },
  ])
})

test('what the environment says of serving holds for each model that does not say otherwise', () => {
  const { models } = read({ models: [least, { ...least, version: '2', maxQueue: 7 }] }, { MAX_QUEUE: '9' })
  expect(models.map(({ maxQueue }) => maxQueue)).toEqual([9, 7])
})

test('samples for the warm-up', () => {
  const x = [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }]
  const warmUp = [
    { inputs: x, expect: { y: [[1], [2]] }, absoluteTolerance: 0.5 },
    { frame: { A: { 0: 1 } }, expect: [1] },
    { inputs: x },
  ]
  expect(read({ models: [{ ...least, warmUp }] }).models[0]?.warmUp).toEqual([
    { question: { type: 'Inputs', inputs: x }, expect: new Map([['y', [1, 2]]]), absoluteTolerance: 0.5 },
    {
      question: { type: 'Frame', frame: { A: { 0: 1 } } },
      expect: new Map([[PREDICTION, [1]]]),
      absoluteTolerance: 0,
    },
    { question: { type: 'Inputs', inputs: x }, expect: undefined, absoluteTolerance: 0 },
  ])
})

describe('a problem has its place in the file', () => {
  const at = `MODELS_FILE ${path}`

  test.each<[string, unknown, string]>([
    ['no JSON', '{', `${at}: Expected property name`],
    ['no list', [], `${at}: expected {"models": […]}`],
    ['another key', { models: [least], model: [] }, `${at}: unknown key 'model'; expected only 'models'`],
    ['no model', { models: [] }, `${at}: models: is empty; add a model, or set REPOSITORY_TOKEN_FILE`],
    ['no object', { models: [7] }, `${at}: models[0]: expected an object, got 7`],
    [
      'a typing mistake',
      { models: [{ ...least, sha: 'x' }] },
      `${at}: models[0].sha: unknown key; expected name,`,
    ],
    [
      'a number as text is taken, other text is not',
      { models: [{ ...least, maxQueue: 'many' }] },
      `${at}: models[0].maxQueue: expected an integer from 1 to 100000, got 'many'`,
    ],
    [
      'half a number',
      { models: [{ ...least, maxQueue: 1.5 }] },
      `${at}: models[0].maxQueue: expected an integer`,
    ],
    [
      'a column twice',
      { models: [{ ...least, columns: ['A', 'A'] }] },
      `${at}: models[0].columns: column 'A'`,
    ],
    [
      'an answer to nothing',
      { models: [{ ...least, warmUp: [{ expect: [1] }] }] },
      `${at}: models[0].warmUp: [0]: expected exactly one of 'inputs'`,
    ],
    [
      'a hint without a size',
      { models: [{ ...least, warmUp: [{ shapes: { x: [1, 0] } }] }] },
      `${at}: models[0].warmUp: [0]: shapes.x: expected a list of sizes of at least 1, got [1,0]`,
    ],
    [
      'an answer to a hint',
      { models: [{ ...least, warmUp: [{ shapes: { x: [1, 8] }, expect: [1] }] }] },
      `${at}: models[0].warmUp: [0]: expect: 'shapes' is a hint and no question`,
    ],
    [
      'an answer that is no list',
      { models: [{ ...least, warmUp: [{ inputs: [], expect: { y: 1 } }] }] },
      `${at}: models[0].warmUp: [0]: expect.y: expected a list of elements, got 1`,
    ],
    ['a version twice', { models: [least, least] }, `${at}: model 'housing' version '1' is there twice`],
    [
      'two defaults',
      {
        models: [
          { ...least, default: true },
          { ...least, version: '2', default: true },
        ],
      },
      `${at}: model 'housing' has two versions with default: true`,
    ],
  ])('%s', (_, file, problem) => {
    expect(problemsOf(file)).toEqual([expect.stringContaining(problem)])
  })

  test('and all come at once, with those of the environment', () => {
    const file = { models: [{ name: 'a/b' }, least, { ...least, sha256: 'x' }] }
    expect(problemsOf(file, { PORT: 'x', MAX_QUEUE: '0', MODEL_NAME: 'housing' })).toEqual([
      expect.stringMatching(/^PORT: /),
      expect.stringMatching(/^MODEL_NAME: is for a server with one model; MODELS_FILE says it for each/),
      expect.stringContaining('models[0].name: expected letters'),
      expect.stringContaining('models[0].uri: is required'),
      expect.stringContaining('MAX_QUEUE: expected an integer from 1 to 100000'),
      expect.stringContaining('models[2].sha256: expected 64'),
    ])
  })

  test('also where the file is not there', () => {
    expect(() => readConfig({ MODELS_FILE: '/nowhere.json' })).toThrow(/MODELS_FILE \/nowhere\.json: ENOENT/)
  })
})
