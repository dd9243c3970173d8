import { describe, expect, test } from '@jest/globals'
import { FakeStore, modelConfig } from '../test/fake-models.ts'
import { Repository } from './repository.ts'

/** `name/version`; the store has those with a `+` in front, `*` marks a default. */
async function repositoryOf(...models: string[]): Promise<Repository> {
  const store = new FakeStore()
  const configs = models.map((text) => {
    const [name = '', version = ''] = text.replace(/^[+*]+/, '').split('/')
    if (text.includes('+')) store.texts.set(`/${name}/${version}`, `${name}${version}`)
    return modelConfig(name, version, { isDefault: text.includes('*') })
  })
  const repository = new Repository(configs, store.parts)
  // What is not in the store is tried again until the end of the world.
  const world = new AbortController()
  const loading = repository.load(world.signal)
  for (const slot of repository.slots)
    if (store.texts.has(`/${slot.name}/${slot.version}`)) await slot.load(slot.config)
  world.abort()
  await loading
  return repository
}

describe('which version answers where none is asked for', () => {
  test.each<[string, string[], string]>([
    ['the newest', ['+a/2', '+a/10', '+a/9'], '10'],
    ['the newest that is loaded', ['+a/2', 'a/10', '+a/9'], '9'],
    ['the newest where none is loaded, to say why', ['a/2', 'a/10'], '10'],
    ['the default', ['+*a/2', '+a/10'], '2'],
    ['the default, although it is not loaded', ['*a/2', '+a/10'], '2'],
    ['a number before a word', ['+a/beta', '+a/1'], '1'],
    ['the first of words', ['+a/beta', '+a/alpha'], 'beta'],
  ])('%s', async (_, models, version) => {
    expect((await repositoryOf(...models)).find('a').version).toBe(version)
  })
})

describe('what is there', () => {
  test('a version that is asked for', async () => {
    const repository = await repositoryOf('+a/1', '+a/2', '+b/1')
    expect(repository.find('a', '1')).toMatchObject({ name: 'a', version: '1' })
  })

  test('the first model, where none is named', async () => {
    const repository = await repositoryOf('+a/1', '+b/1', '+a/2')
    expect(repository.default).toMatchObject({ name: 'a', version: '2' })
  })

  test.each([
    ['c', undefined, "unknown model: expected 'a' version '1', got 'c'"],
    ['a', '2', "unknown model: expected 'a' version '1', got 'a' version '2'"],
    ['__proto__', undefined, "got '__proto__'"],
  ])('not %s version %s', async (name, version, message) => {
    const repository = await repositoryOf('+a/1')
    expect(() => repository.find(name, version)).toThrow(message)
  })

  test('not what was unloaded', async () => {
    const repository = await repositoryOf('+a/1', '+a/2')
    await repository.find('a', '2').unload()
    expect(repository.find('a').version).toBe('1')
    expect(repository.names).toEqual(['a'])
    expect(() => repository.find('a', '2')).toThrow("expected 'a' version '1', got 'a' version '2'")
    await repository.find('a', '1').unload()
    expect(() => repository.find('a')).toThrow('there is none')
    expect(repository.names).toEqual([])
    expect(() => repository.default).toThrow('is unloaded')
  })

  test('no other model in the place of the first, which would answer the questions of another', async () => {
    const repository = await repositoryOf('+a/1', '+b/1')
    await repository.find('a').unload()
    expect(() => repository.default).toThrow("the model 'a', which answers where none is named, is unloaded")
    expect(repository.has(undefined)).toBe(false)
  })
})

test('a version that is loaded later takes its place among the others', async () => {
  const store = new FakeStore()
  store.texts.set('/a/1', 'one').set('/a/2', 'two')
  const repository = new Repository([modelConfig('a', '1')], store.parts)
  await repository.load(new AbortController().signal)
  await repository.loadOne(modelConfig('a', '2'))
  expect(repository.find('a').version).toBe('2')
  expect(repository.slots.map(({ version }) => version)).toEqual(['1', '2'])
  await repository.loadOne(modelConfig('a', '2'))
  expect(repository.slots).toHaveLength(2)
})

test('whoever loads a model is told whether requests are answered meanwhile', async () => {
  const store = new FakeStore()
  for (const version of ['1', '2']) store.texts.set(`/a/${version}`, version)
  const repository = new Repository([modelConfig('a', '1')], store.parts)
  await repository.load(new AbortController().signal)
  await repository.loadOne(modelConfig('a', '2'))
  await repository.find('a', '1').unload()
  await repository.find('a', '2').unload()
  await repository.loadOne(modelConfig('a', '1'))
  expect(store.builtWhileServing).toEqual([false, true, false])
})
