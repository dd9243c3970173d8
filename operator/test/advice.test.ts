/** No message ever advises to take away or to rename what serves. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { badAdvice } from './advice.ts'

const FOLDERS = ['api', 'planner', 'adapters']

function sourcesOf(folder: string): string[] {
  const url = new URL(`../${folder}/`, import.meta.url)
  return readdirSync(url, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => new URL(name, url).pathname)
}

/** The texts of a source file: what stands in quotes or backticks, without comments. */
function textsOf(path: string): string[] {
  const code = readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  return code.match(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? []
}

test('no text of the sources does', () => {
  const texts = FOLDERS.flatMap(sourcesOf).flatMap(textsOf)
  expect(texts.length).toBeGreaterThan(1000)
  expect(texts.filter((text) => text.includes(' ') && badAdvice(text) !== undefined)).toEqual([])
})

test.each([
  'rename the release, or delete that object',
  'deployments.apps bug/web-blue exists already: please delete it',
  'name another, or delete that release first',
  'remove the Service first',
])('it is known: %s', (message) => expect(badAdvice(message)).toBeDefined())

test.each([
  'somebody deleted the Deployment of green, which served',
  'blue was removed: undo cannot return to it any more',
  'correct its spelling or remove it',
])('and what only tells is none: %s', (message) => expect(badAdvice(message)).toBeUndefined())
