/** A demo that must fail: the color that serves is killed on purpose, around the operator. */
import { LABEL } from '../operator/api/names.ts'
import { DEMO_PLACE } from './place.ts'
import { watchFor, type Stage } from './stage.ts'
import type { Housing } from './story.ts'

const BEFORE_MS = 2000
const AFTER_MS = 4000

/** Kills every pod of the live color at once, keeps others from taking their place, and lets viewers come for a while. */
export async function spoil({ environment, say }: Stage, { follower }: Housing): Promise<void> {
  await watchFor(BEFORE_MS, environment.signal)
  const live = follower.release()?.status?.liveColor ?? 'blue'
  say(`killing the pods of ${live}, which serves; viewers must notice`)
  const nodes = await environment.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])
  await environment.kubectl(['cordon', ...nodes.split(' ')])
  const selector = `${LABEL.name}=housing,${LABEL.color}=${live}`
  await environment.kubectl([
    '-n',
    DEMO_PLACE.namespace,
    'delete',
    'pods',
    '-l',
    selector,
    '--grace-period=0',
    '--force',
  ])
  await watchFor(AFTER_MS, environment.signal)
}
