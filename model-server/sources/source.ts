/** Fetches the bytes of a model from wherever they are. */
import { createReadStream } from 'node:fs'
import type { Config } from '../config/config.ts'
import { collect } from './collect.ts'
import { ModelRefused, StoreRefused, type FetchLimits, type FetchModel } from './fetched-model.ts'
import { download } from './http.ts'

/** All kinds of stores. What a kind needs is loaded when it is first asked for. */
export function openSources({ s3, mlflow }: Pick<Config, 's3' | 'mlflow'>): FetchModel {
  return async (location, limits) => {
    switch (location.type) {
      case 'File': {
        return { bytes: await readLocal(location.path, limits), columns: undefined }
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

async function readLocal(path: string, { maxBytes, signal }: FetchLimits): Promise<Buffer> {
  try {
    return await collect(createReadStream(path, { signal }), maxBytes)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw NO_FILE.has(code) ? new StoreRefused('Denied', message, { cause: error }) : error
  }
}

/** No sooner lasting than what is denied: another container of the pod may be about to write the file. */
const NO_FILE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM'])
