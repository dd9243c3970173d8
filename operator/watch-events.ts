/** What the watches report, as keys to look at. */
import { ANNOTATION, LABEL } from './api/names.ts'
import type { ObjectMeta, WatchEvent } from './controller/list-watch.ts'
import { OwnChanges } from './controller/own-changes.ts'
import type { WorkQueue } from './controller/work-queue.ts'

type Found = Extract<WatchEvent, { meta: ObjectMeta }>

/** The release that a child object belongs to; undefined for what is not ours. */
export function releaseOf({ namespace, labels }: ObjectMeta): string | undefined {
  const name = labels[LABEL.name]
  return name === undefined ? undefined : `${namespace ?? ''}/${name}`
}

/**
 * Puts on the queue what changed. A replica that waits for the lease, for weeks perhaps, remembers the releases that are
 * there and nothing else: names are the users' to choose, and each of them would be kept until it leads.
 */
export class WatchEvents {
  readonly #queue: WorkQueue
  /** The command that stands on a release, by key. */
  readonly #commands = new Map<string, string>()
  /** What the reconciles write is not looked at again for that: the answers that a status tells of may differ each time. */
  readonly #changes = new OwnChanges<Found>()

  constructor(queue: WorkQueue) {
    this.#queue = queue
  }

  /** Releases whose command is remembered. */
  get size(): number {
    return this.#commands.size
  }

  release(seen: WatchEvent): void {
    if (seen.type === 'Synced') return
    const isGone = seen.type === 'Gone' || seen.type === 'Deleted'
    // A leader's pass finds it gone, and forgets more than this.
    if (isGone && !this.#queue.isStarted) {
      this.#queue.remove(seen.key)
      this.forget(seen.key)
      return
    }
    // What is listed anew from time to time is looked at in any case.
    if (seen.type === 'Modified' && !this.#changes.isNews(seen)) return
    this.#queue.add(seen.key, !isGone && this.#isCommanded(seen) ? 'Urgent' : 'Usual')
  }

  child(seen: WatchEvent): void {
    // Every release is looked at when this replica begins to lead, whatever its children did before.
    if (seen.type === 'Synced' || !this.#queue.isStarted) return
    // Pods come and go by the thousand, and what they are is read in the reconcile.
    this.#queue.addGathered(seen.key)
  }

  /** A pass over the release begins. */
  begun(key: string): void {
    this.#changes.begun(key)
  }

  /** It is over, and has written this version of the release, if any. */
  ended(key: string, written?: string): void {
    const news = this.#changes.ended(key, written)
    if (news) this.release(news)
  }

  /** The release is gone. */
  forget(key: string): void {
    this.#commands.delete(key)
    this.#changes.forget(key)
  }

  /** Whether somebody has just given a command: it may be a return, and waits for no other release. */
  #isCommanded({ key, meta }: Exclude<WatchEvent, { type: 'Synced' | 'Gone' | 'Deleted' }>): boolean {
    const command = meta.annotations[ANNOTATION.command]
    const isNew = command !== undefined && command !== this.#commands.get(key)
    if (command !== undefined) this.#commands.set(key, command)
    return isNew
  }
}
