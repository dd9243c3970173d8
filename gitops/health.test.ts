/**
 * What Argo CD and Flux make of a release: our health checks over every status that the operator writes in the stories. Lua in
 * a real Lua of Argo CD's version; Flux's expressions by its own rules (fluxcd/pkg runtime/cel, StatusEvaluator).
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { Environment } from '@marcbachmann/cel-js'
import { loadAll } from 'js-yaml'
import type { Status } from '../operator/api/release.ts'
import { run } from '../operator/test/simulation/simulation.ts'
import { STORIES } from '../operator/test/simulation/stories.ts'

type Seen = { metadata: { generation: number }; status?: Status }
type Health = 'Healthy' | 'Progressing' | 'Degraded'

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')

/** How a story ends for users who asked for its last spec, and what it was for them on the way there. */
const STORIES_OF: { name: string; end: Health; way?: Health }[] = [
  { name: 'first-release', end: 'Healthy' },
  { name: 'first-release-service', end: 'Healthy' },
  { name: 'first-release-wrong', end: 'Healthy' },
  { name: 'canary', end: 'Healthy' },
  { name: 'canary-gate-fails', end: 'Degraded', way: 'Healthy' },
  { name: 'abort-after-switch', end: 'Degraded', way: 'Healthy' },
  { name: 'abort-before-switch', end: 'Degraded', way: 'Healthy' },
  { name: 'access-denied', end: 'Healthy', way: 'Degraded' },
  { name: 'bad-spec', end: 'Healthy', way: 'Degraded' },
  { name: 'behavior-claimed', end: 'Healthy', way: 'Degraded' },
  { name: 'adopted-and-undone', end: 'Degraded', way: 'Healthy' },
  { name: 'drift-repaired', end: 'Healthy', way: 'Degraded' },
  { name: 'crash-loop', end: 'Healthy', way: 'Degraded' },
  { name: 'deletion-policy', end: 'Healthy' },
]

/** Each status of a story as a reader finds it: the object before the operator saw it, too. */
async function statusesOf(name: string): Promise<Seen[]> {
  const story = STORIES[name]
  if (!story) throw new Error(`no story ${name}`)
  const seen: Seen[] = [{ metadata: { generation: 1 } }]
  await run({
    ...story,
    before: (world) => {
      story.before?.(world)
      const write = world.writeStatus.bind(world)
      world.writeStatus = async (release, status) => {
        const written = await write(release, status)
        seen.push(structuredClone({ metadata: { generation: world.generation }, status }))
        // Somebody applies another spec before the operator looks again.
        seen.push(structuredClone({ metadata: { generation: world.generation + 1 }, status }))
        return written
      }
    },
  })
  return seen
}

/** A value as Lua writes it. */
function lua(value: unknown): string {
  if (value === null || value === undefined) return 'nil'
  if (typeof value !== 'object') return typeof value === 'string' ? luaText(value) : JSON.stringify(value)
  if (Array.isArray(value)) return `{${value.map(lua).join(',')}}`
  return `{${Object.entries(value)
    .map(([key, one]) => `[${luaText(key)}]=${lua(one)}`)
    .join(',')}}`
}

function luaText(text: string): string {
  return `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`
}

const LUA = ['lua5.1', 'lua5.4'].find((one) => spawnSync(one, ['-v']).status === 0)

/** What Argo CD would say of each. */
function byArgo(all: readonly Seen[]): { status: Health; message: string }[] {
  const program = `
local function check(obj)
${read('argocd-health.lua')}
end
${all.map((one) => `do local health = check(${lua(one)}) print(health.status .. "\\t" .. health.message:gsub("%s", " ")) end`).join('\n')}`
  const { stdout, stderr, status } = spawnSync(LUA ?? '', ['-'], {
    input: program,
    encoding: 'utf8',
    maxBuffer: 1e9,
  })
  if (status !== 0) throw new Error(stderr)
  const lines = stdout.trimEnd().split('\n')
  return lines.map((line) => {
    const [health = '', message = ''] = line.split('\t')
    return { status: health as Health, message }
  })
}

type Expressions = { apiVersion: string; kind: string; failed: string; current: string }

/** What Flux would say of each, in Argo's words. */
function byFlux(all: readonly Seen[]): Health[] {
  const [, kustomization] = loadAll(read('flux-kustomization.yaml')) as {
    spec: { healthCheckExprs: Expressions[] }
  }[]
  const [{ failed, current } = { failed: '', current: '' }] = kustomization?.spec.healthCheckExprs ?? []
  const environment = new Environment({ unlistedVariablesAreDyn: true })
  const holds = (expression: string, { status }: Seen): boolean =>
    // Without a status Flux's evaluation is an error, and it looks again.
    status !== undefined && environment.evaluate(expression, { status: plain(status) }) === true
  return all.map((one) => {
    const observed = one.status?.observedGeneration
    if (observed !== undefined && observed !== one.metadata.generation) return 'Progressing'
    if (holds(failed, one)) return 'Degraded'
    return holds(current, one) ? 'Healthy' : 'Progressing'
  })
}

function plain(status: Status): Record<string, unknown> {
  return JSON.parse(JSON.stringify(status)) as Record<string, unknown>
}

/** The documented rules of kstatus: https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus */
function byKstatus({ metadata, status }: Seen): Health {
  const is = (type: string, value: string): boolean =>
    status?.conditions?.some((one) => one.type === type && one.status === value) ?? false
  if (status?.observedGeneration !== undefined && status.observedGeneration !== metadata.generation)
    return 'Progressing'
  if (is('Stalled', 'True')) return 'Degraded'
  if (is('Reconciling', 'True')) return 'Progressing'
  return is('Ready', 'False') || is('Ready', 'Unknown') ? 'Progressing' : 'Healthy'
}

describe('over every status of the stories', () => {
  const stories = new Map<string, Seen[]>()
  let all: Seen[] = []
  let flux: Health[] = []

  beforeAll(async () => {
    for (const { name } of STORIES_OF) stories.set(name, await statusesOf(name))
    all = [...stories.values()].flat()
    flux = byFlux(all)
  })

  test('there are many of each', () => {
    for (const health of ['Healthy', 'Progressing', 'Degraded'])
      expect(flux.filter((one) => one === health).length).toBeGreaterThan(20)
  })

  test.each(STORIES_OF)('$name ends $end', ({ name, end, way }) => {
    const seen = (stories.get(name) ?? []).filter(
      (one) => one.status?.observedGeneration === one.metadata.generation,
    )
    const found = byFlux(seen)
    expect(found.at(-1)).toBe(end)
    expect(found).toEqual(expect.arrayContaining(way === undefined ? ['Progressing'] : ['Progressing', way]))
  })

  test('healthy is what users have: promoted, of this spec, and at every edge', () => {
    for (const [name, seen] of stories)
      for (const [index, health] of byFlux(seen).entries()) {
        const { metadata, status } = seen[index] ?? { metadata: { generation: 0 } }
        if (health !== 'Healthy') continue
        expect(status?.observedGeneration).toBe(metadata.generation)
        expect(status?.attempt?.outcome).toBe('Promoted')
        // What somebody else moved away is brought back while the release stays Ready.
        if (name !== 'drift-repaired') expect(status?.traffic?.propagated).toBe('Yes')
      }
  })

  test('kstatus alone says the same, but of a release that nobody has seen, and of one that somebody moved', () => {
    const differ = all.flatMap((one, index) => {
      const plainly = byKstatus(one)
      const ready = one.status?.conditions?.find(({ type }) => type === 'Ready')?.reason ?? 'no status'
      return plainly === flux[index] ? [] : [`${plainly} for ${flux[index] ?? ''}: ${ready}`]
    })
    expect(new Set(differ)).toEqual(
      new Set(['Healthy for Progressing: no status', 'Progressing for Degraded: Drifted']),
    )
  })

  const inLua = LUA === undefined ? test.skip : test
  inLua('Argo CD says the same as Flux, with a reason', () => {
    const argo = byArgo(all)
    expect(argo.map(({ status }) => status)).toEqual(flux)
    for (const { message } of argo) expect(message).not.toBe('')
  })
})
