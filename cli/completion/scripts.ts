/** What a shell is to read so that the tab key knows the verbs, the flags, and the releases of the cluster. */

export type Shell = 'bash' | 'zsh' | 'fish' | 'kubectl'
export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish', 'kubectl']

const PROGRAM = 'kubectl-modelrelease'

const BASH = `# source <(${PROGRAM} completion bash)
_kubectl_modelrelease() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line directive=0
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :*) directive="\${line#:}" ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null)
  if [[ "$directive" == 0 ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  fi
}
complete -F _kubectl_modelrelease ${PROGRAM}
`

const ZSH = `#compdef ${PROGRAM}
# source <(${PROGRAM} completion zsh)
_kubectl_modelrelease() {
  local line directive=0
  local -a candidates
  while IFS= read -r line; do
    case "$line" in
      :*) directive="\${line#:}" ;;
      *) candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;;
    esac
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#candidates} )) && _describe -t candidates candidate candidates
  [[ "$directive" == 0 ]] && _files
}
compdef _kubectl_modelrelease ${PROGRAM}
`

const FISH = `# ${PROGRAM} completion fish | source
function __kubectl_modelrelease
    set -l words (commandline -opc)
    ${PROGRAM} __complete $words[2..-1] (commandline -ct) 2>/dev/null | string match -v ':*'
end
function __kubectl_modelrelease_files
    set -l words (commandline -opc)
    ${PROGRAM} __complete $words[2..-1] (commandline -ct) 2>/dev/null | string match -q ':0'
end
complete -c ${PROGRAM} -f -a '(__kubectl_modelrelease)'
complete -c ${PROGRAM} -n __kubectl_modelrelease_files -F
`

/** kubectl runs a program of this name for the tab key behind "kubectl modelrelease". */
const KUBECTL = `#!/bin/sh
# Save as kubectl_complete-modelrelease in a folder of the PATH, and make it executable.
exec ${PROGRAM} __complete "$@"
`

export const SCRIPTS: Record<Shell, string> = { bash: BASH, zsh: ZSH, fish: FISH, kubectl: KUBECTL }
