import type { ServerResponse } from 'node:http'

const ACTS = Symbol('acts')

type Watched = ServerResponse & { [ACTS]?: (() => void)[] }

/** Act once the answer is out or its client gone. All share one listener: there are several for each request. */
export function whenEnded(response: ServerResponse, act: () => void): void {
  const watched: Watched = response
  if (watched[ACTS]) {
    watched[ACTS].push(act)
    return
  }
  watched[ACTS] = [act]
  response.on('close', actAll)
}

function actAll(this: Watched): void {
  for (const act of this[ACTS] ?? []) act()
}
