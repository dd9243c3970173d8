/** The command line: every verb with its flags. What a verb does is loaded when it is used. */
import { Argument, Command, CommanderError, Option } from 'commander'
import { verbFirst } from './arguments.ts'
import type { GetFlags } from './commands/get.ts'
import type { PlanFlags } from './commands/plan.ts'
import type { StatusFlags } from './commands/status.ts'
import type { HistoryFlags } from './commands/history.ts'
import type { EventsFlags } from './commands/events.ts'
import type { LogsFlags } from './commands/logs.ts'
import type { CommandFlags, CommandVerb } from './commands/command.ts'
import type { DiffFlags } from './commands/diff.ts'
import type { InitFlags } from './commands/init.ts'
import type { LintFlags } from './commands/lint.ts'
import type { ApplyFlags } from './commands/apply.ts'
import type { VersionFlags } from './commands/version.ts'
import type { Shell } from './completion/scripts.ts'
import { EXIT, type ExitCode } from './errors.ts'
import type { Io } from './io.ts'

/** Told at the end of every help. */
export const EXIT_CODES = `
Exit codes:
  0    done; of a release that was waited for: promoted
  1    the release failed, was aborted, rolled back, superseded, or is stalled;
       a command was refused; diff found differences
  2    nothing was decided within --timeout
  3    nothing was done: not found, invalid, forbidden, no cluster, a wrong command line
  130  ended by Ctrl-C; a release goes on by itself
`

/** Runs a verb of the program and keeps its exit code. */
type Run = <Args extends unknown[]>(
  verb: (...args: Args) => Promise<ExitCode>,
) => (...args: Args) => Promise<void>

/** The program with all its verbs. `ran` gets the exit code of the verb that was used. */
export function buildProgram(io: Io, ran: (exitCode: ExitCode) => void = () => undefined): Command {
  const program = new Command('kubectl-modelrelease')
    .usage('VERB [flags]')
    .description(
      'Applies, follows and commands ModelReleases. As a kubectl plugin: kubectl modelrelease VERB.',
    )
    .addHelpText('after', EXIT_CODES)
    .showHelpAfterError('(add --help for the flags)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => 110,
      getErrHelpWidth: () => 110,
    })
  const run: Run =
    (verb) =>
    async (...args) => {
      ran(await verb(...args))
    }
  program.helpCommand('help [VERB]', 'Show the flags of a verb')
  addReading(program, io, run)
  addFollowing(program, io, run)
  addCommands(program, io, run)
  addRest(program, io, run)
  return program
}

function addReading(program: Command, io: Io, run: Run): void {
  program.commandsGroup('Look:')
  clustered(program.command('get [NAME...]'))
    .description('List releases, as kubectl get does')
    .addOption(output('json', 'yaml', 'wide', 'name'))
    .option('-l, --selector <selector>', 'only releases with these labels, such as team=a,tier!=test')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--show-managed-fields', 'with -o json or yaml: keep metadata.managedFields')
    .action(
      run(async (names: string[], flags: GetFlags) =>
        (await import('./commands/get.ts')).get(names, flags, io),
      ),
    )
  clustered(program.command('status <NAME>'))
    .description('Show how a release is; with --watch, follow it until it is promoted or has failed')
    .option('-w, --watch', 'follow the present attempt and end with its exit code')
    .addOption(timeout('30m'))
    .addOption(output('json', 'yaml'))
    .action(
      run(async (name: string, flags: StatusFlags) =>
        (await import('./commands/status.ts')).status(name, flags, io),
      ),
    )
  clustered(program.command('history <NAME>'))
    .description('List the attempts of a release, newest first')
    .addOption(output('json', 'yaml'))
    .action(
      run(async (name: string, flags: HistoryFlags) =>
        (await import('./commands/history.ts')).history(name, flags, io),
      ),
    )
  clustered(program.command('events <NAME>'))
    .description('List what the operator told of a release, oldest first')
    .addOption(output('json', 'yaml'))
    .action(
      run(async (name: string, flags: EventsFlags) =>
        (await import('./commands/events.ts')).events(name, flags, io),
      ),
    )
  clustered(program.command('logs <NAME>'))
    .description('Print the logs of the pods of both colors, each line with its color and pod')
    .option('-f, --follow', 'go on with what is written, and with pods that are new')
    .option('--tail <lines>', 'only so many lines at the end of each; -1 for all')
    .option('--since <duration>', 'only what is newer than 90s, 15m or 1h')
    .option('-p, --previous', 'of the container before, where one was started again')
    .option('--timestamps', 'each line with its time')
    .option('-c, --container <name>', 'only this container of each pod')
    .option('--color <color>', 'only blue or green')
    .option('--no-prefix', 'without color and pod before each line')
    .action(
      run(async (name: string, flags: LogsFlags) =>
        (await import('./commands/logs.ts')).logs(name, flags, io),
      ),
    )
}

function addFollowing(program: Command, io: Io, run: Run): void {
  program.commandsGroup('Release:')
  filed(clustered(program.command('apply')))
    .description(
      'Apply releases; with --wait, follow the attempts that this starts and end with their exit code',
    )
    .option('--wait', 'until each is promoted or has failed')
    .addOption(timeout('30m'))
    .option('--dry-run <strategy>', 'none, or server: let the API server check it and store nothing', 'none')
    .option('--force-conflicts', 'take over fields that somebody else has set')
    .option('--field-manager <name>', 'as whom fields are owned', 'kubectl')
    .action(run(async (flags: ApplyFlags) => (await import('./commands/apply.ts')).apply(flags, io)))
  filed(clustered(program.command('plan')))
    .description(
      'Say what an apply would do: revision, colors, moves, refusals, how long at least, what cannot be undone',
    )
    .action(run(async (flags: PlanFlags) => (await import('./commands/plan.ts')).plan(flags, io)))
  filed(clustered(program.command('diff')))
    .description(
      'Show what an apply would change of the specs in the cluster; exits with 1 where that is anything',
    )
    .action(run(async (flags: DiffFlags) => (await import('./commands/diff.ts')).diff(flags, io)))
  filed(program.command('lint'))
    .description('Check files without a cluster, by the rules of the API server and of the operator')
    .option('--strict', 'warnings count as errors')
    .action(run(async (flags: LintFlags) => (await import('./commands/lint.ts')).lint(flags, io)))
}

function addCommands(program: Command, io: Io, run: Run): void {
  program.commandsGroup('Command:')
  for (const [verb, description] of Object.entries(COMMANDS) as [CommandVerb, string][])
    clustered(program.command(`${verb} <NAME>`))
      .description(description)
      .addOption(timeout('1m'))
      .action(
        run(async (name: string, flags: CommandFlags) =>
          (await import('./commands/command.ts')).command(verb, name, flags, io),
        ),
      )
}

/** What the operator takes commands for. */
export const COMMANDS: Record<CommandVerb, string> = {
  abort: 'End the running attempt; after the switch, the traffic comes back first',
  retry: 'Start the attempt again that failed, was aborted or taken back',
  undo: 'Lead users back to the color that served before, while that is warm',
}

function addRest(program: Command, io: Io, run: Run): void {
  program.commandsGroup('Other:')
  clustered(program.command('init <NEW-NAME>'))
    .description(
      'Write a first ModelRelease from an ONNX file, or from a Deployment that runs, to the standard output',
    )
    .option('--onnx <file>', 'the model: its inputs, outputs and digest')
    .option('--uri <uri>', 'where the model server fetches it: https://…, s3://… or mlflow:/…')
    .option(
      '--rows <file>',
      'CSV with a head: columns of the model, and the expected values under the name of an output',
    )
    .option('--max-gates <count>', 'so many rows become gates', '3')
    .option('--model-version <version>', 'version of the model', '1')
    .option('--from-deployment <name>', 'the Deployment: its template, port, probe and replicas')
    .option('--port <port>', 'port that users are served on; default: the first that the container names')
    .option('--replicas <count>', 'pods of the live color')
    .action(
      run(async (name: string, flags: InitFlags) =>
        (await import('./commands/init.ts')).init(name, flags, io),
      ),
    )
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish', 'kubectl']))
    .description(
      'Print what a shell reads to complete verbs, flags and names; kubectl: for the tab key behind kubectl',
    )
    .action(run(async (shell: Shell) => (await import('./commands/completion.ts')).completion(shell, io)))
  program
    .command('version')
    .description('Show the version of this program')
    .addOption(output('json', 'yaml'))
    .action(run(async (flags: VersionFlags) => (await import('./commands/version.ts')).version(flags, io)))
}

/** With kubectl's own flags for the cluster. */
function clustered(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', 'namespace; default: that of the context')
    .option('--context <context>', 'context of the kubeconfig')
    .option(
      '--kubeconfig <file>',
      'kubeconfig; default: KUBECONFIG, ~/.kube/config, or the pod that this runs in',
    )
    .option('--cluster <cluster>', 'cluster of the kubeconfig')
    .option('--user <user>', 'user of the kubeconfig')
    .option('--as <user>', 'act as somebody else')
    .option('--request-timeout <duration>', 'how long one request may take; 0: as long as it takes', '30s')
}

function filed(command: Command): Command {
  return command.requiredOption(
    '-f, --filename <file>',
    'file or folder with ModelReleases, or - for the standard input; may be given again',
    (file: string, before: string[] | undefined) => [...(before ?? []), file],
  )
}

function output(...formats: readonly string[]): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats)
}

function timeout(usual: string): Option {
  return new Option('--timeout <duration>', 'how long to wait, such as 90s or 15m; 0: for ever').default(
    usual,
  )
}

/** Runs a command line (without the program's own name); returns the exit code. */
export async function runCli(argv: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done
  const program = buildProgram(io, (code) => {
    exitCode = code
  })
  try {
    if (argv.length === 0) {
      program.outputHelp()
      return EXIT.done
    }
    const [first, ...words] = argv
    if (first === '__complete') {
      const { complete } = await import('./completion/complete.ts')
      return await complete(program, words, io)
    }
    await program.parseAsync(verbFirst(program, argv), { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.notDone
    if (io.signal.aborted) return EXIT.interrupted
    const { told } = await import('./session.ts')
    const { message, exitCode: failed } = told(error, io.environment.debug)
    io.stderr.write(`error: ${message}\n`)
    return failed
  }
}
