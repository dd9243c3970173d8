import { expect, test } from '@jest/globals'
import { ANNOTATION, LABEL } from './api/names.ts'
import type { ObjectMeta, WatchEvent } from './controller/list-watch.ts'
import { WorkQueue } from './controller/work-queue.ts'
import { releaseOf, WatchEvents } from './watch-events.ts'

type Found = Exclude<WatchEvent, { type: 'Synced' | 'Gone' }>

function metaOf(name: string, change: Partial<ObjectMeta> = {}): ObjectMeta {
  return { namespace: 'models', name, labels: {}, annotations: {}, ...change } as ObjectMeta
}

function seen(type: Found['type'], name: string, command?: string): WatchEvent {
  const annotations = command === undefined ? {} : { [ANNOTATION.command]: command }
  return { type, key: `models/${name}`, meta: metaOf(name, { annotations }) }
}

/** A replica, and the keys that its workers passed over. */
function replica() {
  const passed: string[] = []
  const queue = new WorkQueue({
    workers: 1,
    handle: (key) => {
      passed.push(key)
      return Promise.resolve({ done: true })
    },
  })
  return { passed, queue, events: new WatchEvents(queue) }
}

test('a replica that waits for the lease remembers what is there, and not what ever was', () => {
  const { queue, events, passed } = replica()
  events.release(seen('Listed', 'stays'))
  for (let n = 0; n < 1_000; n += 1) {
    events.release(seen('Added', `deleted${n}`, 'undo/a/1'))
    events.release(seen('Modified', `deleted${n}`, 'undo/a/2'))
    events.child({ type: 'Added', key: `models/named-by-a-pod${n}`, meta: metaOf('pod') })
    events.release(seen('Deleted', `deleted${n}`))
    events.child({ type: 'Deleted', key: `models/deleted${n}`, meta: metaOf('pod') })
    events.release(seen('Listed', `vanished${n}`, 'undo/a/1'))
    events.release({ type: 'Gone', key: `models/vanished${n}` })
  }
  events.release({ type: 'Synced', objects: 1 })
  expect([queue.depth, events.size]).toEqual([1, 0])
  queue.start()
  expect(passed).toEqual(['models/stays'])
})

test('a release that was made anew before it leads is passed over', () => {
  const { queue, events, passed } = replica()
  for (const type of ['Added', 'Deleted', 'Added'] as const) events.release(seen(type, 'again'))
  queue.start()
  expect(passed).toEqual(['models/again'])
})

test('a leader passes over what is gone, so that all that is kept of it is forgotten', () => {
  const { queue, events, passed } = replica()
  queue.start()
  events.release(seen('Deleted', 'gone'))
  expect(passed).toEqual(['models/gone'])
})

test('a new command goes before others, and the same one does not', () => {
  const { queue, events, passed } = replica()
  events.release(seen('Listed', 'first'))
  events.release(seen('Listed', 'second', 'undo/a/1'))
  events.release(seen('Listed', 'second', 'undo/a/1'))
  expect(events.size).toBe(1)
  queue.start()
  expect(passed.toSorted()).toEqual(['models/first', 'models/second'])
  expect(passed[0]).toBe('models/second')
})

test('a child is its release, by its label', () => {
  expect(releaseOf(metaOf('pod', { labels: { [LABEL.name]: 'housing' } }))).toBe('models/housing')
  expect(releaseOf(metaOf('pod'))).toBeUndefined()
})
