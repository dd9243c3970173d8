/** ConfigMaps that somebody edited under a revision: its pods answer differently, and no gate is asked. */
import { COLORS } from '../../api/names.ts'
import type { PlanContext } from '../context.ts'
import { contentsOf } from '../model/config-maps.ts'
import type { Observation } from '../model/observation.ts'

/** What is to be said of ConfigMaps that are not what a color was built with. */
export function configTexts({ state, observation }: PlanContext): string[] {
  const { colors, config = {}, release, revisions } = observation
  return COLORS.flatMap((color) => {
    const { revision } = colors[color].workload ?? {}
    const stored = revisions.find((one) => one.revision === revision)
    const known = state.colors[color]?.config ?? {}
    if (!stored) return []
    const now = contentsOf(stored, config)
    return Object.entries(known)
      .filter(([name, hash]) => config[name] === 'Absent' || (now[name] ?? hash) !== hash)
      .map(([name]) => {
        const what = `ConfigMap ${release.metadata.namespace}/${name}`
        const built = `${color} was built with it at revision ${revision ?? ''}`
        if (config[name] === 'Absent')
          return `${what} was deleted after ${built}: pods that are made from now on do not start; create it again with what it held`
        return `${what} was changed after ${built}: pods that start from now on answer by what it says now, which no gate has seen, beside others that answer by what it said; put back what it held, or have all pods proven with the new content: ${remedyOf(observation)}`
      })
  })
}

function remedyOf({ release: { spec } }: Observation): string {
  return spec.template
    ? 'name ConfigMaps by their content, as configMapGenerator of kustomize does, or change an annotation in spec.template.metadata'
    : 'name ConfigMaps by their content in spec.model.env, as configMapGenerator of kustomize does'
}
