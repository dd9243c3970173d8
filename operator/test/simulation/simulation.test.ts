import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { run, type Ran } from './simulation.ts'
import { STORIES } from './stories.ts'

const names = Object.keys(STORIES)

function goldenOf(name: string): string {
  return new URL(`golden/${name}.golden`, import.meta.url).pathname
}

async function ranStory(name: string, options?: Parameters<typeof run>[1]): Promise<Ran> {
  const story = STORIES[name]
  if (!story) throw new Error(`no story ${name}`)
  return run(story, options)
}

describe('a simulated world, run to rest', () => {
  test.each(names)('%s', async (name) => {
    const { transcript, violations } = await ranStory(name)
    const golden = goldenOf(name)
    // A golden is never written by CI: a new story without its golden fails there.
    if (!existsSync(golden) && !process.env.CI) writeFileSync(golden, transcript)
    expect(transcript).toBe(readFileSync(golden, 'utf8'))
    expect(violations).toEqual([])
  })
})
