import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { collectionPath, listWatch, type ObjectMeta, type WatchEvent } from './list-watch.ts'
import { FakeApiServer, type Received } from './testing/fake-api-server.ts'
import { FakeClock } from './testing/fake-clock.ts'

const resource = { group: 'apps', version: 'v1', plural: 'deployments', labelSelector: 'app=mine' }

let server: FakeApiServer
let clock: FakeClock
let stopping: AbortController
let seen: WatchEvent[]
let ended: Promise<void>

beforeEach(async () => {
  server = await FakeApiServer.start()
  clock = new FakeClock()
  clock.onTimer = () => {
    server.nudge()
  }
  stopping = new AbortController()
  seen = []
  ended = Promise.resolve()
})

afterEach(async () => {
  stopping.abort()
  await ended
  await server.stop()
})

function begin(keyOf?: (meta: ObjectMeta) => string | undefined, onSeen?: (seen: WatchEvent) => void): void {
  ended = listWatch({
    access: server.access(),
    resource,
    clock,
    signal: stopping.signal,
    ...(keyOf ? { keyOf } : {}),
    onSeen: (one) => {
      onSeen?.(one)
      seen.push(one)
      server.nudge()
    },
  })
}

/** What was seen, shortly: `Added models/a`. */
function told(): string[] {
  return seen.map((one) => (one.type === 'Synced' ? `Synced ${one.objects}` : `${one.type} ${one.key}`))
}

const saw = (text: string) => server.until(() => told().includes(text))
const synced = (times: number) =>
  server.until(() => seen.filter(({ type }) => type === 'Synced').length >= times && server.openWatches === 1)
const lists = () => server.received.filter(({ url }) => !url.searchParams.has('watch'))
const watches = () => server.received.filter(({ url }) => url.searchParams.has('watch'))

/** Passes the waits between rounds until `condition` holds. */
async function untilRetried(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await server.until(() => condition() || (clock.nextInMs ?? Infinity) <= 30_000)
    if (!condition()) await clock.advance(clock.nextInMs ?? 0)
  }
}

describe('what it asks', () => {
  test('lists by pages, and watches from the version of the list, with bookmarks and a time limit', async () => {
    for (let index = 0; index < 1_201; index++) server.put(`m${index}`)
    begin()
    await synced(1)
    expect(
      lists().map(({ url }) => [url.searchParams.get('limit'), url.searchParams.get('continue')]),
    ).toEqual([
      ['500', null],
      ['500', '500'],
      ['500', '1000'],
    ])
    expect(told().at(-1)).toBe('Synced 1201')
    expect(new Set(told())).toHaveProperty('size', 1_202)
    const [watch] = watches() as [Received]
    expect(Object.fromEntries(watch.url.searchParams)).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '1301',
      timeoutSeconds: '270',
      labelSelector: 'app=mine',
    })
  })

  test('asks for metadata only, with credentials', async () => {
    begin()
    await synced(1)
    expect(lists()[0]?.headers).toMatchObject({
      accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
      authorization: 'Bearer secret',
    })
    expect(watches()[0]?.headers.accept).toBe(
      'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
    )
  })

  test.each([
    [{ group: '', version: 'v1', plural: 'pods' }, '/api/v1/pods'],
    [{ group: 'apps', version: 'v1', plural: 'deployments' }, '/apis/apps/v1/deployments'],
    [{ group: '', version: 'v1', plural: 'pods', namespace: 'models' }, '/api/v1/namespaces/models/pods'],
  ])('finds %j', (where, path) => {
    expect(collectionPath(where)).toBe(path)
  })
})

describe('what it tells', () => {
  test('everything that is there, then that this was all, then what changes', async () => {
    server.put('a')
    begin()
    await synced(1)
    server.put('b', { tier: 'gold' })
    server.put('b')
    server.delete('a')
    await saw('Deleted models/a')
    expect(told()).toEqual([
      'Listed models/a',
      'Synced 1',
      'Added models/b',
      'Modified models/b',
      'Deleted models/a',
    ])
    expect(seen[2]).toEqual({
      type: 'Added',
      key: 'models/b',
      meta: {
        namespace: 'models',
        name: 'b',
        uid: 'uid-b',
        resourceVersion: '102',
        labels: { tier: 'gold' },
        annotations: {},
        ownerReferences: [],
      },
    })
  })

  test('the key that an object concerns, and nothing of objects that concern none', async () => {
    server.put('a-blue', { owner: 'a' })
    server.put('stray')
    begin(({ labels }) => labels.owner)
    await synced(1)
    server.put('stray')
    server.put('a-blue', { owner: 'b' })
    await saw('Modified b')
    server.put('a-blue')
    await server.until(() => told().filter((one) => one === 'Gone b').length === 1)
    expect(told()).toEqual(['Listed a', 'Synced 2', 'Gone a', 'Modified b', 'Gone b'])
  })

  test('what was deleted while nobody watched', async () => {
    server.put('a', { owner: 'x' })
    server.put('b', { owner: 'y' })
    begin(({ labels }) => labels.owner)
    await synced(1)
    server.abandonWatches()
    server.delete('a')
    await clock.advance(345_000)
    await synced(2)
    expect(told().slice(3)).toEqual(['Gone x', 'Synced 1'])
  })

  test('of what it lists again what has changed meanwhile, and everything every ten minutes', async () => {
    for (const name of ['a', 'b', 'c']) server.put(name)
    begin()
    await synced(1)
    server.abandonWatches()
    server.put('b', { tier: 'gold' })
    server.put('d')
    await clock.advance(345_000)
    await synced(2)
    expect(told().slice(4)).toEqual(['Listed models/b', 'Listed models/d', 'Synced 4'])
    server.put('e')
    await saw('Added models/e')
    server.abandonWatches()
    await clock.advance(345_000)
    await synced(3)
    expect(told().slice(8).toSorted()).toEqual([
      ...['a', 'b', 'c', 'd', 'e'].map((name) => `Listed models/${name}`),
      'Synced 5',
    ])
  })

  test('an event that comes in two pieces, once it is whole', async () => {
    let stream: { write: (piece: Uint8Array) => void } | undefined
    begin()
    await synced(1)
    server.instead.push(
      (_, response) => {
        response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }))
      },
      (_, response) => {
        response.writeHead(200)
        response.flushHeaders()
        stream = response
      },
    )
    server.endWatches()
    await untilRetried(() => stream !== undefined)
    const line = (name: string) => `${JSON.stringify({ type: 'ADDED', object: { metadata: { name } } })}\n`
    const bytes = Buffer.from(line('first') + line('modèle'))
    // In the middle of the è.
    const cut = bytes.indexOf(0xc3) + 1
    stream?.write(bytes.subarray(0, cut))
    await saw('Added first')
    stream?.write(bytes.subarray(cut))
    await saw('Added modèle')
  })
})

describe('what it survives', () => {
  test.each([
    ['the end that the server set', () => server.endWatches()],
    ['a dropped connection', () => server.dropWatches()],
    [
      'a version that expired, told in the stream',
      () => server.send({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }),
    ],
    ['an error told in the stream', () => server.send({ type: 'ERROR', object: { code: 500 } })],
    ['a line that is not JSON', () => server.sendLine('{')],
  ])('%s: it lists again', async (_, end) => {
    server.put('a')
    begin()
    await synced(1)
    end()
    await untilRetried(() => seen.filter(({ type }) => type === 'Synced').length === 2)
    await synced(2)
    server.put('b')
    await saw('Added models/b')
    expect(server.openWatches).toBe(1)
  })

  test('a stream that is silent while nothing happens: it is left alone until it should have ended', async () => {
    begin()
    await synced(1)
    server.put('a')
    await saw('Added models/a')
    await clock.advance(299_000)
    server.put('b')
    await saw('Added models/b')
    expect(lists()).toHaveLength(1)
    server.abandonWatches()
    await clock.advance(46_000)
    await server.until(() => lists().length === 2)
  })

  test('a server that takes a watch and does not begin it', async () => {
    server.instead.push(
      (_, response) => {
        response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }))
      },
      () => undefined,
    )
    begin()
    await server.until(() => server.received.length === 2)
    await clock.advance(45_000)
    await server.until(() => lists().length === 2)
  })

  test('a server that never ends a watch: it lists again all the same', async () => {
    begin()
    await synced(1)
    for (let minute = 0; minute <= 5; minute++) {
      server.put(`m${minute}`)
      await saw(`Added models/m${minute}`)
      await clock.advance(60_000)
    }
    await server.until(() => lists().length === 2)
  })

  test('refusals, with longer and longer waits, and it recovers', async () => {
    clock.chance = () => 1
    const refuse = (
      _: Received,
      response: { writeHead: (status: number) => { end: (body: string) => void } },
    ) => {
      response.writeHead(403).end(JSON.stringify({ message: 'deployments is forbidden' }))
    }
    server.instead.push(refuse, refuse, refuse)
    begin()
    const waits: number[] = []
    for (let refusals = 1; refusals <= 3; refusals++) {
      await server.until(() => clock.timers === 1 && lists().length === refusals)
      waits.push(clock.nextInMs ?? 0)
      await clock.advance(clock.nextInMs ?? 0)
    }
    expect(waits).toEqual([200, 400, 800])
    await synced(1)
  })

  test('a watch that the server refuses for its version: it lists again', async () => {
    server.instead.push(
      (_, response) => {
        response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }))
      },
      (_, response) => {
        response.writeHead(410).end(JSON.stringify({ message: 'too old resource version' }))
      },
    )
    begin()
    await untilRetried(() => lists().length === 2)
    await synced(2)
  })

  test('pages that expire under its hands: it lists in one piece', async () => {
    for (let index = 0; index < 600; index++) server.put(`m${index}`)
    server.continueExpired = true
    begin()
    await untilRetried(() => seen.some(({ type }) => type === 'Synced'))
    expect(lists().map(({ url }) => url.searchParams.get('limit'))).toEqual(['500', '500', null])
    expect(told().at(-1)).toBe('Synced 600')
  })

  test('a receiver that throws: it is told again', async () => {
    server.put('a')
    let failures = 0
    begin(undefined, ({ type }) => {
      if (type === 'Listed' && failures++ < 2) throw new Error('boom')
    })
    await untilRetried(() => seen.length === 2)
    expect(told()).toEqual(['Listed models/a', 'Synced 1'])
  })

  test('being stopped: nothing stays behind', async () => {
    begin()
    await synced(1)
    stopping.abort()
    await ended
    await server.until(() => server.openWatches === 0)
    expect(clock.timers).toBe(0)
  })
})
