import { ANNOTATION } from '../../api/names.ts'
import type { Attempt, ModelRelease } from '../../api/release.ts'

/** What a person types to give a command, whole: the nonce makes it one that was not given before. */
export function commandLine(
  { metadata }: Pick<ModelRelease, 'metadata'>,
  verb: 'retry' | 'abort' | 'undo',
  attempt: Pick<Attempt, 'id'> | undefined,
): string {
  const value = `${verb}/${attempt?.id ?? ''}/$(date +%s)`
  return `kubectl -n ${metadata.namespace} annotate mr ${metadata.name} --overwrite ${ANNOTATION.command}=${value}`
}
