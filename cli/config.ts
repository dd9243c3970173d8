/** The environment, read here and nowhere else. */

/** What the environment says to this program. */
export type Environment = {
  /** Files of the kubeconfig, as kubectl takes them: the first one that names a thing wins. */
  kubeconfig: string | undefined
  home: string | undefined
  /** https://no-color.org */
  noColor: boolean
  /** A terminal that cannot move its cursor. */
  dumbTerminal: boolean
  /** Node's trace of where an error came from is printed. */
  debug: boolean
}

export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  return {
    kubeconfig: env.KUBECONFIG === '' ? undefined : env.KUBECONFIG,
    home: env.HOME ?? env.USERPROFILE,
    noColor: (env.NO_COLOR ?? '') !== '',
    dumbTerminal: env.TERM === 'dumb',
    debug: (env.MODELRELEASE_DEBUG ?? '') !== '',
  }
}
