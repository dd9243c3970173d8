/** What the faults need of the emulator beyond what the demo does, and the SDK as somebody else uses it. */
import {
  CloudFrontClient,
  CopyDistributionCommand,
  CreateContinuousDeploymentPolicyCommand,
  GetDistributionConfigCommand,
  UpdateDistributionCommand,
  type DistributionConfig,
} from '@aws-sdk/client-cloudfront'
import type { Environment } from '../../../../demo/environment.ts'

/** A fault that was not met yet, or not as often as it may be. */
export type FaultLeft = { operation: string; distribution?: string; store?: string }

export type Admin = {
  holdEdge: (edge: number | 'all') => Promise<void>
  releaseEdge: (edge: number | 'all') => Promise<void>
  /** Forgets every fault that was not met yet and names these; of all distributions where nothing is given. */
  clearFaults: (about?: { distribution: string; operation: string }) => Promise<void>
  /** What is left for the calls of an operation. */
  faultsOf: (operation: string) => Promise<FaultLeft[]>
  /** Writes other keys of a store as another program does. */
  writeStore: (store: string, puts: Record<string, string>) => Promise<void>
  /** Everything that a store holds. */
  itemsOf: (store: string) => Promise<Record<string, string>>
  configOf: (distribution: string) => Promise<DistributionConfig>
  /** Reads, edits and writes as another program does. */
  edit: (distribution: string, change: (config: DistributionConfig) => DistributionConfig) => Promise<void>
  /** Attaches a continuous deployment policy with a staging distribution; gives its id. */
  stage: (distribution: string) => Promise<string>
}

export function adminOf({ cloudFront }: Environment): Admin {
  const { adminUrl, apiUrl } = JSON.parse(cloudFront.program.ready) as { adminUrl: string; apiUrl: string }
  const send = async (method: string, path: string, body?: object): Promise<void> => {
    const answer = await fetch(`${adminUrl}${path}`, { method, ...(body && { body: JSON.stringify(body) }) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    await answer.body?.cancel()
  }
  const sdk = new CloudFrontClient({
    region: 'us-east-1',
    endpoint: apiUrl,
    // The audit log tells writers apart by it.
    credentials: { accessKeyId: 'somebody-else', secretAccessKey: 'any' },
  })
  const read = async (Id: string): Promise<{ config: DistributionConfig; etag: string }> => {
    const { DistributionConfig: config, ETag = '' } = await sdk.send(new GetDistributionConfigCommand({ Id }))
    if (!config) throw new Error(`distribution ${Id} has no configuration`)
    return { config, etag: ETag }
  }
  const edit: Admin['edit'] = async (Id, change) => {
    const { config, etag: IfMatch } = await read(Id)
    await sdk.send(new UpdateDistributionCommand({ Id, IfMatch, DistributionConfig: change(config) }))
  }
  return {
    holdEdge: (edge) => send('POST', `/edges/${edge}/hold`),
    releaseEdge: (edge) => send('POST', `/edges/${edge}/release`),
    clearFaults: (about) => send('DELETE', `/faults?${new URLSearchParams(about).toString()}`),
    faultsOf: async (operation) => {
      const left = (await (await fetch(`${adminUrl}/faults`)).json()) as FaultLeft[]
      return left.filter((fault) => fault.operation === operation)
    },
    writeStore: (store, puts) => send('POST', `/key-value-stores/${store}/foreign-write`, { puts }),
    itemsOf: async (store) => {
      const answer = await fetch(`${adminUrl}/key-value-stores`)
      const stores = (await answer.json()) as { name: string; items: Record<string, string> }[]
      return stores.find(({ name }) => name === store)?.items ?? {}
    },
    configOf: async (distribution) => (await read(distribution)).config,
    edit,
    stage: async (distribution) => {
      const { etag: IfMatch } = await read(distribution)
      const copy = { PrimaryDistributionId: distribution, Staging: true, IfMatch }
      const reference = { CallerReference: `staging-of-${distribution}` }
      const { Distribution } = await sdk.send(new CopyDistributionCommand({ ...copy, ...reference }))
      const names = { Quantity: 1, Items: [Distribution?.DomainName ?? ''] }
      const traffic = { Type: 'SingleWeight', SingleWeightConfig: { Weight: 0.1 } } as const
      const policy = { StagingDistributionDnsNames: names, Enabled: true, TrafficConfig: traffic }
      const made = await sdk.send(
        new CreateContinuousDeploymentPolicyCommand({ ContinuousDeploymentPolicyConfig: policy }),
      )
      const id = made.ContinuousDeploymentPolicy?.Id ?? ''
      await edit(distribution, (config) => ({ ...config, ContinuousDeploymentPolicyId: id }))
      return id
    },
  }
}
