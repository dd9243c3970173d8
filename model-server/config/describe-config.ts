import { describeLocation } from '../sources/location.ts'
import type { Config } from './config.ts'

/** What is in force, for the log: no secrets, locations without their queries, samples only counted. */
export function describeConfig(config: Config): Record<string, unknown> {
  return {
    ...config,
    // What a module is told is its own business.
    handler: config.handler && { ...config.handler, settings: Object.keys(config.handler.settings) },
    models: config.models.map(({ location, warmUp, ...model }) => ({
      ...model,
      location: describeLocation(location),
      warmUpSamples: warmUp.length,
    })),
  }
}
