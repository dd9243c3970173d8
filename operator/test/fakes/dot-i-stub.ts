import { KubeConfig } from '@kubernetes/client-node'

/**
 * Stands in for @dot-i/k8s-operator where jest cannot load it, in the same shape: a CommonJS module whose exports have
 * a `default`. It does what the shell uses of the real one; controller/shell.test.ts also runs the real one, in a process.
 */
abstract class Operator {
  protected readonly kubeConfig = new KubeConfig()
  protected readonly logger: unknown

  constructor(logger?: unknown) {
    this.kubeConfig.loadFromDefault()
    this.logger = logger
  }

  async start(): Promise<void> {
    await this.init()
  }

  // The real one aborts the watches of its own watchResource, of which there are none.
  // eslint-disable-next-line @typescript-eslint/no-empty-function
  stop(): void {}

  protected abstract init(): Promise<void>
}

export default {
  default: Operator,
  ResourceEventType: { Added: 'ADDED', Modified: 'MODIFIED', Deleted: 'DELETED' },
}
