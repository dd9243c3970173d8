import { describe, expect, test } from '@jest/globals'
import type { ModelRelease } from '../../api/release.ts'
import {
  housing,
  housingBehindService,
  housingBehindStore,
  STORE_ARN,
} from '../../test/fakes/simulated-world.ts'
import { releaseOf } from '../../test/fakes/worlds.ts'
import { forbidden, parseAllowList, roleFor, type AllowedTarget } from './allow-list.ts'

const ID = 'E123EXAMPLE'
const role = { arn: 'arn:aws:iam::123456789012:role/modelrelease', externalId: 'abc-1' }
const target: AllowedTarget = { namespaces: ['models'], distributionId: ID }

describe('a release', () => {
  test.each<[string, AllowedTarget[] | undefined]>([
    ['where there is no list', undefined],
    ['by name', [target]],
    ['as any', [{ ...target, namespaces: ['*'] }]],
    [
      'part by part',
      [
        { ...target, behaviors: ['/ui/*'] },
        { ...target, behaviors: ['*'], role },
      ],
    ],
    ['with its origins', [{ ...target, origins: ['housing-blue', 'housing-green'] }]],
  ])('may use its distribution %s', (_, list) => {
    expect(forbidden(list, releaseOf(housing(1)))).toBeUndefined()
  })

  test.each<[string, AllowedTarget[], string]>([
    [
      'of nobody',
      [],
      `.distributionId: the operator may use no distribution at all: have CLOUDFRONT_ALLOW_LIST of the operator let namespace "models" use ${ID}`,
    ],
    [
      'of another namespace',
      [{ ...target, namespaces: ['web'] }],
      `.distributionId: the operator's allow-list does not let namespace "models" use distribution ${ID}`,
    ],
    ['that is another', [{ ...target, distributionId: 'E456EXAMPLE' }], '.distributionId: '],
    [
      'by another behavior',
      [{ ...target, behaviors: ['/v2/*'] }],
      '.behaviors: the operator\'s allow-list does not let namespace "models" move "*"',
    ],
    ['by another origin', [{ ...target, origins: ['housing-blue'] }], 'use origin "housing-green"'],
  ])('may not use a distribution %s', (_, list, message) => {
    expect(forbidden(list, releaseOf(housing(1)))).toContain(message)
  })

  const stores = (...keyValueStores: NonNullable<AllowedTarget['keyValueStores']>): AllowedTarget[] => [
    { ...target, keyValueStores },
  ]

  test.each([
    ['where all of them are', stores({ arn: STORE_ARN })],
    ['by name', stores({ arn: STORE_ARN, keys: ['prices'] }, { arn: STORE_ARN, keys: ['housing'] })],
  ])('may write its key %s', (_, list) => {
    expect(forbidden(list, releaseOf(housingBehindStore(1)))).toBeUndefined()
  })

  test.each<[string, AllowedTarget[], string]>([
    ['of a distribution without stores', [target], '.keyValueStoreArn: the operator'],
    ['of another store', stores({ arn: `${STORE_ARN}0` }), `use the store ${STORE_ARN}`],
    ['that is another', stores({ arn: STORE_ARN, keys: ['prices'] }), '.key: the operator'],
    ['behind the distribution of others', [], 'cloudFrontKeyValueStore.distributionId: the operator'],
  ])('may not write a key %s', (_, list, message) => {
    expect(forbidden(list, releaseOf(housingBehindStore(1)))).toContain(message)
  })

  const behind = (...patterns: string[]): ModelRelease => {
    const release = releaseOf(housingBehindStore(1))
    const settings = release.spec.traffic.cloudFrontKeyValueStore
    if (settings) settings.behaviors = patterns.map((pathPattern) => ({ pathPattern }))
    return release
  }
  const ours = ['housing-blue', 'housing-green']
  const row = (changes: Partial<AllowedTarget>, ...keys: string[]): AllowedTarget => ({
    ...target,
    keyValueStores: [{ arn: STORE_ARN, keys }],
    ...changes,
  })

  test.each<[string, AllowedTarget[], string]>([
    [
      'the behavior of one with the origins of another',
      [
        row({ behaviors: ['/a/*'], origins: ['a-blue', 'a-green'] }, 'housing'),
        row({ behaviors: ['/b/*'], origins: ours }, 'housing'),
      ],
      '.origins: the operator\'s allow-list does not let namespace "models" use origin "housing-blue" for "/a/*"',
    ],
    [
      'an origin of each',
      [row({ origins: ['housing-blue'] }, 'housing'), row({ origins: ['housing-green'] }, 'housing')],
      'use origin "housing-blue" and "housing-green" for "/a/*"',
    ],
    [
      'the origins of one with the key of another',
      [row({ origins: ours }, 'prices'), row({ origins: ['a-blue', 'a-green'] }, 'housing')],
      'write key "housing"',
    ],
    [
      'the behavior of one with the store of another',
      [{ ...target, behaviors: ['/a/*'] }, row({ behaviors: ['/b/*'] }, 'housing')],
      '.keyValueStoreArn: ',
    ],
    [
      'one behavior alone',
      [row({ behaviors: ['/a/*'], origins: ours }, 'housing')],
      '.behaviors: the operator\'s allow-list does not let namespace "models" move "/c/*"',
    ],
  ])('may not be made of several targets: %s', (_name, list, message) => {
    expect(forbidden(list, behind('/a/*', '/c/*'))).toContain(message)
  })

  test('may have each of its behaviors from another target that allows all of it', () => {
    const list = ['/a/*', '/c/*'].map((pattern) => row({ behaviors: [pattern], origins: ours }, 'housing'))
    expect(forbidden(list, behind('/a/*', '/c/*'))).toBeUndefined()
  })

  test('behind a Service needs no list', () => {
    expect(forbidden([], releaseOf(housingBehindService(1)))).toBeUndefined()
  })
})

test('the role is that of the distribution', () => {
  expect([roleFor([{ ...target, role }], ID), roleFor([target], ID), roleFor(undefined, ID)]).toEqual([
    role,
    undefined,
    undefined,
  ])
})

describe('a list', () => {
  test('is taken as it stands', () => {
    const keyValueStores = [{ arn: STORE_ARN, keys: ['housing'] }]
    const targets = [{ ...target, behaviors: ['*'], origins: ['a', 'b'], keyValueStores, role }]
    expect(parseAllowList({ targets })).toEqual({ targets })
    expect(parseAllowList({ targets: [] })).toEqual({ targets: [] })
  })

  test.each<[string, unknown, string[]]>([
    ['nothing', undefined, ['targets is not a list']],
    ['a list', [], ['targets is not a list']],
    ['a text as target', { targets: ['x'] }, ['targets[0] is not an object']],
    [
      'everything wrong',
      {
        targets: [
          {
            namespaces: [],
            distributionId: 'x',
            behaviors: '*',
            origins: [1],
            keyValueStores: [{ arn: 'x', keys: [], key: 'x' }, 'x'],
            role: { arn: 'x', externalId: '' },
          },
          { namespaces: 'models', role: 'x', keyValueStores: {}, distribution: ID },
        ],
        target: [],
      },
      [
        'targets[0].namespaces is not a list of names',
        'targets[0].distributionId is "x": give an id like',
        'targets[0].behaviors is not a list',
        'targets[0].origins is not a list',
        'targets[0].keyValueStores[0].key is not known',
        'targets[0].keyValueStores[0].arn is "x": give one like',
        'targets[0].keyValueStores[0].keys is not a list',
        'targets[0].keyValueStores[1] is not an object',
        'targets[0].role.arn is "x": give one like',
        'targets[0].role.externalId is "": give',
        'targets[1].distribution is not known: use namespaces, distributionId',
        'targets[1].namespaces is not a list',
        'targets[1].distributionId is not set',
        'targets[1].keyValueStores is not a list',
        'targets[1].role is not an object',
        'target is not known: use targets',
      ],
    ],
    [
      'two roles for one distribution',
      { targets: [target, { ...target, role }] },
      [`targets[1].role differs from another target of distribution ${ID}`],
    ],
  ])('is refused with every problem at once: %s', (_, document, expected) => {
    const parsed = parseAllowList(document)
    const problems = 'problems' in parsed ? parsed.problems : []
    expect(problems).toEqual(expected.map((words) => expect.stringContaining(words)))
  })
})
