import type { ClusterConfig } from './config.ts'
import { KUBERNETES, type Kubernetes } from './kubernetes.ts'

/** Which Kubernetes, and why that one. */
export interface Choice {
  readonly kubernetes: Kubernetes
  readonly why: string
}

const CURRENT = KUBERNETES['1.36']
const FALLBACK = KUBERNETES['1.20']

/** Said where it takes a question to the Go module proxy. */
export const UNSETTLED = `Kubernetes: ${CURRENT.version} from ${CURRENT.sourceInWords} if the Go module proxy answers, else ${FALLBACK.version} from ${FALLBACK.sourceInWords}`

/** What settings and cache decide; undefined where it depends on the Go module proxy. */
export function settledChoice(
  asked: ClusterConfig['kubernetes'],
  currentIsBuilt: boolean,
): Choice | undefined {
  if (asked !== 'auto') {
    return { kubernetes: KUBERNETES[asked], why: 'as --kubernetes or MODELRELEASE_KUBERNETES says' }
  }
  return currentIsBuilt ? { kubernetes: CURRENT, why: 'the default, built before' } : undefined
}

/** What to take by what the Go module proxy answered. */
export function choiceByProxy(problem: string | undefined): Choice {
  if (problem === undefined) return { kubernetes: CURRENT, why: 'the default; the Go module proxy answers' }
  return {
    kubernetes: FALLBACK,
    why: `the Go module proxy cannot be used: ${problem}; set GOPROXY to one that can, and ${CURRENT.version} is taken`,
  }
}

/** The line that tells a choice. */
export function inWords({ kubernetes, why }: Choice): string {
  return `Kubernetes ${kubernetes.version} from ${kubernetes.sourceInWords} (${why})`
}
