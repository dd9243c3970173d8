/** docs/cli.md: the help of every verb, as the program prints it. */
import { EXIT_CODES, buildProgram } from './program.ts'
import type { Io } from './io.ts'

/** The page as Markdown. */
export function cliPage(): string {
  const program = buildProgram(silentIo())
  const sections = program.commands.map((command) => {
    const rows = command.options.map(
      ({ flags, description, defaultValue, argChoices }) =>
        `| \`${flags}\` | ${[description, argChoices?.join(', ')].filter(Boolean).join(': ')} | ${defaultValue === undefined || defaultValue === true ? '' : `\`${String(defaultValue)}\``} |`,
    )
    const table =
      rows.length === 0 ? '' : `\n| flag | meaning | default |\n| --- | --- | --- |\n${rows.join('\n')}\n`
    return `## ${command.name()}\n\n\`kubectl modelrelease ${command.name()} ${command.usage().replaceAll('|', '\\|')}\`\n\n${command.description()}.\n${table}`
  })
  return `# kubectl modelrelease

<!-- Generated from the program's own help by npm run generate; do not edit. -->

Applies, follows and commands ModelReleases: a plugin of kubectl, a program of its own, and the second entry point of the
operator's image.

\`\`\`sh
npm run build:cli                                # one file: cli/dist/kubectl-modelrelease.cjs
install cli/dist/kubectl-modelrelease.cjs /usr/local/bin/kubectl-modelrelease
kubectl modelrelease lint -f housing.yaml        # without a cluster
kubectl modelrelease plan -f housing.yaml        # what an apply would do
kubectl modelrelease apply -f housing.yaml --wait --timeout 20m
\`\`\`

In CI, without kubectl, from the image of the operator: \`kubectl-modelrelease apply -f housing.yaml --wait\`. It finds the
cluster as kubectl does: \`--kubeconfig\`, \`KUBECONFIG\`, \`~/.kube/config\`, or the ServiceAccount of its pod.

Flags may stand before the verb or behind it: \`kubectl modelrelease -n models get\` is \`kubectl modelrelease get -n models\`. Of
a flag that is given twice the last counts, as with kubectl, except \`--filename\`, which adds a file each time; a switch takes
\`--watch=false\` too.

## Exit codes

\`\`\`text
${EXIT_CODES.trim()}
\`\`\`

\`apply --wait\` and \`status --watch\` follow the attempt at the spec that was applied. They believe a status only once the
operator has looked at that generation of the spec, so an earlier success is never theirs. An unchanged spec starts no
attempt: they end at once, with how the last attempt at it ended. Where another apply takes its place they end with 1, where
the API server is away they wait for it, and what is stalled is given ten seconds.

Where the output is no terminal, each change is a line with the time since the start, and one a minute tells that nothing
changes. On a terminal the two colors are drawn side by side.

What a failed candidate said last is printed without what looks like a credential, since the log of a CI job is read by many:
\`Authorization\` and \`Cookie\` headers, what follows \`Bearer\` and \`Basic\`, values of names that end in password, secret, token or
key (\`DB_PASSWORD=\`, \`"clientSecret":\`, \`--api-key\`), the user and password of an address, signatures of signed addresses, private
keys, and the tokens of AWS, GitHub, GitLab, Hugging Face, OpenAI, Slack and Google. A credential that has no such shape or name
is not known to be one and stays: do not log it. The verb \`logs\` hides nothing, as \`kubectl logs\` does not.

${sections.join('\n')}`
}

/** For a program that is looked at and never run. */
export function silentIo(): Io {
  const sink = { write: () => undefined }
  return {
    stdout: sink,
    stderr: sink,
    readStdin: () => Promise.resolve(''),
    environment: { kubeconfig: undefined, home: undefined, noColor: true, dumbTerminal: true, debug: false },
    now: () => 0,
    sleep: () => Promise.resolve(),
    signal: new AbortController().signal,
  }
}
