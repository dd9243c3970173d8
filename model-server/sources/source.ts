/** Fetching the bytes of a model. */
import { createReadStream } from 'node:fs'
import type { Config } from '../config/config.ts'
import { collect } from './collect.ts'
import { download } from './http.ts'
import type { ModelLocation } from './location.ts'

/** The bytes of a model, and what their store says of them. */
export type FetchedModel = {
  bytes: Buffer
  /** Names of the columns that the model was trained on. */
  columns: readonly string[] | undefined
  /** What an alias stood for when it was followed. */
  found?: string
}

/** How much may come, and until when. */
export type FetchLimits = { maxBytes: number; signal: AbortSignal }

/**
 * Get the bytes at a location.
 * @throws ModelRefused where they are more than `maxBytes`; anything else thrown may pass, so that trying again can help
 */
export type FetchModel = (location: ModelLocation, limits: FetchLimits) => Promise<FetchedModel>

/** These bytes will not do, however often they are fetched. */
export class ModelRefused extends Error {
  override readonly name = 'ModelRefused'
}

/** All kinds of stores. What a kind needs is loaded when it is first asked for. */
export function openSources({ s3, mlflow }: Pick<Config, 's3' | 'mlflow'>): FetchModel {
  return async (location, limits) => {
    switch (location.type) {
      case 'File': {
        const file = createReadStream(location.path, { signal: limits.signal })
        return { bytes: await collect(file, limits.maxBytes), columns: undefined }
      }
      case 'Http':
        return { bytes: await download(location.url, limits), columns: undefined }
      case 'S3': {
        const { fetchObject } = await import('./s3.ts')
        return { bytes: await fetchObject(location, limits, s3), columns: undefined }
      }
      case 'Mlflow': {
        // The configuration was checked for it.
        if (!mlflow) throw new ModelRefused('MLFLOW_TRACKING_URI is not set')
        const { fetchRegistered } = await import('./mlflow.ts')
        return fetchRegistered(location, limits, { mlflow, s3 })
      }
    }
  }
}
