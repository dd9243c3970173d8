/** What may come next on a command line, read off the program itself. */
import type { Command, Option } from 'commander'
import { verbFirst } from '../arguments.ts'

/** What a shell is offered. `files`: names of files, which the shell knows best; `names`: of releases, which the cluster knows. */
export type Candidates = {
  words: readonly (readonly [word: string, description: string])[]
  then?: 'files' | 'names'
}

const NOTHING: Candidates = { words: [] }

/** `words` are those after the program's name; the last is the one that is being typed, and may be empty. */
export function candidatesOf(program: Command, words: readonly string[]): Candidates {
  const current = words.at(-1) ?? ''
  const before = verbFirst(program, words.slice(0, -1))
  const [verb] = before
  if (verb === undefined || verb.startsWith('-')) return beforeVerb(program, before, current)
  const command = program.commands.find((one) => one.name() === verb)
  if (!command) return NOTHING
  const valued = optionOf(command, before.at(-1))
  if (valued?.required) return valuesOf(valued, current)
  if (current.startsWith('-'))
    return matching(
      command.options.map((one) => [one.long ?? one.flags, one.description]),
      current,
    )
  const [argument] = command.registeredArguments
  if (argument?.argChoices)
    return matching(
      argument.argChoices.map((one) => [one, '']),
      current,
    )
  return argument?.name() === 'NAME' ? { words: [], then: 'names' } : NOTHING
}

function beforeVerb({ commands }: Command, before: readonly string[], current: string): Candidates {
  const flag = commands.map((one) => optionOf(one, before.at(-1))).find((one) => one !== undefined)
  if (flag?.required) return valuesOf(flag, current)
  return matching(
    commands.map((one) => [one.name(), one.description()]),
    current,
  )
}

function optionOf({ options }: Command, word: string | undefined): Option | undefined {
  return options.find((one) => word !== undefined && (one.short === word || one.long === word))
}

function valuesOf(option: Option, current: string): Candidates {
  if (option.argChoices)
    return matching(
      option.argChoices.map((one) => [one, '']),
      current,
    )
  return option.flags.includes('<file>') ? { words: [], then: 'files' } : NOTHING
}

function matching(all: readonly (readonly [string, string])[], current: string): Candidates {
  return { words: all.filter(([word]) => word.startsWith(current)) }
}
