import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'

type Child = ChildProcessByStdio<null, Readable, Readable>

const main = join(import.meta.dirname, 'main.ts')
const children: Child[] = []
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloudfront-local-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function run(...args: string[]): Child {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  return child
}

/** The line that tells the ports; rejects with what the program said when it ends before. */
async function ready(child: Child): Promise<string> {
  const died = once(child, 'exit').then(async ([code]) => {
    throw new Error(`ended with ${String(code)}: ${await text(child.stderr)}`)
  })
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), died])) as [string]
  // It ends later, when the test is done with it.
  died.catch(() => undefined)
  return line
}

async function ended(child: Child): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const exit = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  await exit
  return { code: child.exitCode, stdout, stderr }
}

test('tells its ports in one line, serves the seed, logs every call, ends with 0 on SIGTERM', async () => {
  const seed = join(folder, 'seed.json')
  const audit = join(folder, 'audit.jsonl')
  const distribution = {
    id: 'E1TESTTESTTEST',
    origins: [{ id: 'only', domainName: 'only.example' }],
    behaviors: [{ pathPattern: '*', targetOriginId: 'only' }],
  }
  writeFileSync(seed, JSON.stringify({ distributions: [distribution] }))
  const child = run('--port', '0', '--edge-ports', '0', '--seed', seed, '--audit', audit)
  const line = await ready(child)
  const { apiUrl, edgeUrls, ports } = JSON.parse(line) as {
    apiUrl: string
    edgeUrls: string[]
    ports: { api: number; edges: number[] }
  }
  expect(edgeUrls).toHaveLength(3)
  expect(new Set([ports.api, ...ports.edges]).size).toBe(4)
  const answer = await fetch(`${apiUrl}/2020-05-31/distribution/E1TESTTESTTEST`)
  expect(answer.status).toBe(200)
  // The line stands in the file before the answer is sent.
  const logged = JSON.parse(readFileSync(audit, 'utf8').trim()) as unknown
  expect(logged).toMatchObject({ sequence: 1, operation: 'GetDistribution', distribution: 'E1TESTTESTTEST' })
  expect((await fetch(edgeUrls[0] ?? '')).status).toBe(502)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('--help explains itself', async () => {
  const { code, stdout } = await ended(run('--help'))
  expect(code).toBe(0)
  expect(stdout).toContain('--resolve HOST=ADDRESS[:PORT]')
})

test('an unusable command line ends with 2 and all problems', async () => {
  const { code, stdout, stderr } = await ended(run('--edges', 'many', '--colour'))
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('--edges many')
  expect(stderr).toContain('--colour')
})

test('an unusable seed ends with 2 and says why', async () => {
  const seed = join(folder, 'seed.json')
  writeFileSync(seed, '{"distributions": [{}]}')
  const { code, stderr } = await ended(run('--port', '0', '--edge-ports', '0', '--seed', seed))
  expect(code).toBe(2)
  expect(stderr).toContain('distributions[0].origins: missing')
})

test('keeps its state in a folder, and refuses one that holds other things', async () => {
  const state = join(folder, 'state')
  const args = ['--port', '0', '--edge-ports', '0', '--viewer-port', '0', '--state', state]
  const etags: (string | null)[] = []
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const child = run(...args)
    const line = await ready(child)
    const { apiUrl, viewerUrl } = JSON.parse(line) as { apiUrl: string; viewerUrl: string }
    etags.push((await fetch(`${apiUrl}/2020-05-31/distribution/E1HOUSINGLOCAL`)).headers.get('etag'))
    expect((await fetch(viewerUrl)).status).toBe(502)
    child.kill(signal)
    await once(child, 'exit')
  }
  expect(etags[1]).toBe(etags[0])
  const { code, stderr } = await ended(run('--port', '0', '--edge-ports', '0', '--state', folder))
  expect(code).toBe(2)
  expect(stderr).toContain(`--state: ${folder} holds other things; name a new or empty folder`)
})

test('runs functions whose code lies beside the seed', async () => {
  const seed = join(folder, 'seed.json')
  writeFileSync(
    join(folder, 'answer.js'),
    "function handler() { return { statusCode: 200, body: 'from code' } }",
  )
  const origins = [{ id: 'only', domainName: 'only.example' }]
  const behaviors = [{ pathPattern: '*', targetOriginId: 'only', viewerRequestFunction: 'answer' }]
  const functions = [{ name: 'answer', codeFile: 'answer.js' }]
  writeFileSync(seed, JSON.stringify({ distributions: [{ origins, behaviors }], functions }))
  const child = run('--port', '0', '--edge-ports', '0', '--seed', seed)
  const line = await ready(child)
  const { edgeUrls } = JSON.parse(line) as { edgeUrls: string[] }
  expect(await (await fetch(edgeUrls[0] ?? '')).text()).toBe('from code')
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('a port that is taken ends with 1 and names it', async () => {
  const first = run('--port', '0', '--edge-ports', '0')
  const line = await ready(first)
  const { ports } = JSON.parse(line) as { ports: { api: number } }
  const { code, stderr } = await ended(run('--port', String(ports.api), '--edge-ports', '0'))
  expect(code).toBe(1)
  expect(stderr).toContain(`EADDRINUSE`)
  expect(stderr).toContain(String(ports.api))
})
