import { describe, expect, test } from '@jest/globals'
import { housing } from '../../test/fakes/simulated-world.ts'
import { NOW, promotedWorld, storedOf } from '../../test/fakes/worlds.ts'
import { editTexts } from './edited-children.ts'
import { contextOf } from '../context.ts'
import type { Observation } from '../model/observation.ts'

/** Version 2 is live in blue; its template stands without what was rendered of it, and was stored at this time. */
function withStored(createdAt: number): Observation {
  const observation = promotedWorld()
  const { workload } = observation.colors.blue
  if (!workload) throw new Error('blue stands')
  const found = {
    template: { spec: { containers: [{ name: 'model-server' }] } },
    writers: [],
    replaced: 'Yes',
  } as const
  const kept = {
    name: 'r',
    uid: 'r',
    resourceVersion: '1',
    ownership: 'Owned',
    form: 'Canonical',
    createdAt,
  } as const
  const blue = { ...observation.colors.blue, workload: { ...workload, createdAt: NOW, found } }
  return {
    ...observation,
    colors: { ...observation.colors, blue },
    revisions: [{ ...storedOf(housing(2)), kept }],
  }
}

describe('fields that are missing in a Deployment', () => {
  test('were removed by somebody where it was made from what is stored', () => {
    expect(editTexts(contextOf(withStored(NOW - 1000)))).toEqual([
      expect.stringMatching(
        /^spec\.template of Deployment models\/housing-blue was edited: .*spec\.containers\[model-server\]\.env \(removed\)/,
      ),
    ])
  })

  test('may never have been there where that was stored later, by another version', () => {
    expect(editTexts(contextOf(withStored(NOW + 1000)))).toEqual([])
  })
})
