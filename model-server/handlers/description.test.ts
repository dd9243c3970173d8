import { describe, expect, test } from '@jest/globals'
import { describeHandler } from './description.ts'

const preprocess = (): object => ({})
const postprocess = (): object => ({})

describe('what the server has to know', () => {
  test.each([
    [
      'the least',
      { accepts: 'application/json', preprocess, postprocess },
      { accepts: 'application/json', hasSelftest: false },
    ],
    [
      'a form has one file, in the field file',
      { accepts: 'multipart/form-data', preprocess, postprocess },
      { accepts: 'multipart/form-data', hasSelftest: false, fileField: 'file', textFields: [] },
    ],
    [
      'everything',
      {
        accepts: 'multipart/form-data',
        fileField: 'clip',
        textFields: ['a'],
        model: 'm',
        preprocess,
        postprocess,
        selftest: preprocess,
      },
      { accepts: 'multipart/form-data', hasSelftest: true, fileField: 'clip', textFields: ['a'], model: 'm' },
    ],
  ])('%s', (_, exported, description) => {
    expect(describeHandler(exported)).toEqual({ handler: exported, description })
  })
})

describe('what is no handler, and why', () => {
  test.each([
    ['nothing', undefined, /^expected a default export that is an object/],
    ['a function', preprocess, /got function$/],
    [
      'an empty object, with all problems at once',
      {},
      /accepts: expected 'application\/json' or 'multipart\/form-data', got nothing; preprocess: .*; postprocess: /,
    ],
    [
      'a misspelled part, which would never run',
      { accepts: 'application/json', preprocess, postprocess, selfTest: preprocess },
      /^selfTest: unknown; expected only accepts, /,
    ],
    [
      'a field with a strange name',
      { accepts: 'multipart/form-data', preprocess, postprocess, fileField: 'a\r\nb' },
      /^fileField: expected the name of a field, got "a\\r\\nb"$/,
    ],
    [
      'texts that are none',
      { accepts: 'multipart/form-data', preprocess, postprocess, textFields: [1] },
      /^textFields: /,
    ],
    [
      'a model without a name',
      { accepts: 'application/json', preprocess, postprocess, model: 1 },
      /^model: /,
    ],
  ])('%s', (_, exported, problem) => {
    expect(() => describeHandler(exported)).toThrow(problem)
  })
})
