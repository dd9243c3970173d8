import type { WatchEvent } from '../list-watch.ts'
import { silent } from '../log.ts'
import { OperatorShell } from '../shell.ts'

/** Watches until SIGTERM, or tries every helper that the shell refuses; run by operator.test.ts. */
class Shell extends OperatorShell {
  protected override async init(): Promise<void> {
    this.watch({ group: 'apps', version: 'v1', plural: 'deployments' }, (seen) => {
      console.log(describe(seen))
    })
    const print = (event: { type: string; meta: { name: string } }) => {
      console.log(`event ${event.type} ${event.meta.name}`)
      return Promise.resolve()
    }
    await this.watchResource('', 'v1', 'pods', print, 'models')
    console.log(this.watchProblem())
  }

  helpers(): (() => unknown)[] {
    return [
      () => this.registerCustomResourceDefinition(),
      () => this.getCustomResourceApiUri(),
      () => this.setResourceStatus(),
      () => this.patchResourceStatus(),
      () => this.handleResourceFinalizer(),
      () => this.setResourceFinalizers(),
      () => this.applyAxiosKubeConfigAuth(),
      () => this.applyGaxiosKubeConfigAuth(),
    ]
  }
}

function describe(seen: WatchEvent): string {
  return seen.type === 'Synced' ? `Synced ${seen.objects}` : `${seen.type} ${seen.key}`
}

const shell = new Shell(silent)
if (process.argv[2] === 'helpers') {
  for (const helper of shell.helpers()) {
    try {
      helper()
      console.log('it worked')
    } catch (error) {
      console.log((error as Error).message)
    }
  }
} else {
  process.once('SIGTERM', () => {
    shell.stop()
    console.log('stopped')
  })
  await shell.start()
}
