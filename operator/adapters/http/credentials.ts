/** The values of headers, with those that stand in Secrets. Nothing here outlives the run that it is made for. */
import {
  openedValue,
  type HeadersOf,
  type SecretData,
  type SecretKeyRef,
} from '../../planner/checks/credentials.ts'
import { NO_LOG } from '../../planner/rules/last-logs.ts'
import { formsOf, plainlyHidden, redacted } from '../../planner/output/redaction.ts'
import { RefusedError, TransientError } from '../../ports/errors.ts'

/**
 * Reads a Secret in the namespace of a release; undefined where it is not there.
 * @throws RefusedError (AccessDenied), TransientError; neither holds anything of what stands in it.
 */
export type ReadSecret = (name: string) => Promise<{ namespace: string; data: SecretData | undefined }>

/** Headers with their values, and what nobody may read of them in a message. */
export interface Answerable {
  headers: { name: string; value: string }[]
  hidden: string[]
}

/** Reads each Secret once. */
export class Credentials {
  readonly #read: ReadSecret
  readonly #secrets = new Map<string, ReturnType<ReadSecret>>()

  constructor(
    read: ReadSecret = () => Promise.reject(new RefusedError('AccessDenied', 'Secrets are not read here')),
  ) {
    this.#read = read
  }

  /** Or why they cannot be sent: the field, what is wrong, and what to do. */
  async open({ field, headers }: HeadersOf): Promise<Answerable | { problem: string }> {
    const opened: Answerable = { headers: [], hidden: [] }
    for (const { name, value = '', valueFrom } of headers) {
      const found = valueFrom ? await this.#value(valueFrom.secretKeyRef) : { value }
      if ('problem' in found) return { problem: `${field}: header "${name}": ${found.problem}` }
      const header = { name, value: found.value }
      opened.headers.push(header)
      opened.hidden.push(...(valueFrom ? formsOf(found.value) : plainlyHidden([header])))
    }
    return opened
  }

  async #value(reference: SecretKeyRef): Promise<ReturnType<typeof openedValue>> {
    try {
      const { namespace, data } = await this.#secret(reference.name)
      return openedValue(reference, namespace, data)
    } catch (error) {
      if (error instanceof RefusedError || error instanceof TransientError) return { problem: error.message }
      throw error
    }
  }

  #secret(name: string): ReturnType<ReadSecret> {
    const known = this.#secrets.get(name) ?? this.#read(name)
    this.#secrets.set(name, known)
    return known
  }
}

/** Why what is referred to cannot be sent; undefined where all of it can. */
export async function credentialProblem(
  read: ReadSecret,
  all: readonly HeadersOf[],
): Promise<string | undefined> {
  const credentials = new Credentials(read)
  for (const one of all) {
    const opened = await credentials.open(one)
    if ('problem' in opened) return opened.problem
  }
  return undefined
}

/**
 * Takes out of what containers wrote what they were asked with. Where that cannot be known any more nothing of it is told: a
 * server may have written down every header that it got.
 */
export async function hiding(
  read: ReadSecret,
  references: readonly SecretKeyRef[],
): Promise<(said: string) => string> {
  const headers = references.map((secretKeyRef) => ({ name: secretKeyRef.name, valueFrom: { secretKeyRef } }))
  const opened = await new Credentials(read).open({ field: '', headers })
  if ('headers' in opened) return (said) => redacted(said, opened.hidden, said.length)
  const names = [...new Set(references.map(({ name }) => name))].join(', ')
  return () => `${NO_LOG}: it may hold what stands in Secret ${names}, which cannot be read any more)`
}
